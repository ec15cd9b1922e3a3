"""Streams with real drivers: a slow, silent or broken one goes on in the next, and the ledger tells it."""

import asyncio
import threading

import anyio
import pytest

from chain_play import Fault, auth, names, overloaded, permanent, read
from driver_play import Stage
from sparekey import limits
from sparekey.core.policy import Policy
from sparekey.engine import AsyncFailover, Chain, Failover
from sparekey.engine.closing import on_abandon
from sparekey.errors import DeadlineExceeded, LimitExceeded, SparekeyError

SOON = 0.02
"""A limit in real seconds, for what never comes."""
AMPLE = 0.4
"""The same where the next attempt has the same limit, and has to keep it on a busy machine."""


class Silent:
    """Real drivers over streams of which some fall silent for ever after a few items."""

    def __init__(self, kind, n, script, **policy):
        self.kind, self.script, self.gate, self.sent = kind, script, threading.Event(), []
        self.chain = Chain(names(n), Policy(**policy), classify=read)

    def items(self, credential):
        self.sent.append(credential.id)
        return self.script.get(int(credential.id[1:]), list("abc"))

    def blocking(self, credential):
        on_abandon(self.gate.set)
        for item in self.items(credential):
            if item is None:
                self.gate.wait(30)
                return
            yield item

    async def waiting(self, credential):
        for item in self.items(credential):
            if item is None:
                await anyio.sleep_forever()
            yield item

    def run(self):
        """The items, what was raised, and the ledger as pairs."""
        out, error = [], None
        stream = Failover(self.chain).stream(self.blocking) if self.kind == "sync" else AsyncFailover(self.chain).stream(self.waiting)
        try:
            out.extend(stream) if self.kind == "sync" else asyncio.run(self._collect(stream, out))
        except (Fault, SparekeyError) as exc:
            error = exc
        return out, error, [(a.credential_id, str(a.outcome), a.reason) for a in stream.attempts]

    async def _collect(self, stream, out):
        async for item in stream:
            out.append(item)


def test_the_next_one_answers_beside_a_silent_one(kind):
    """S06: the silent one is blamed, nobody waits for it, and what it is stuck in is broken off."""
    scene = Silent(kind, 2, {0: [None]}, first_content_limit=SOON)
    out, error, ledger = scene.run()
    assert (out, error) == (list("abc"), None)
    assert ledger == [("k0", "failed", "slow_start"), ("k1", "succeeded", "")]
    assert scene.chain.active_id == "k1"
    assert kind == "async" or scene.gate.is_set()


def test_without_a_budget_the_silent_one_is_waited_for(kind):
    """4.2: nothing is cancelled for nothing; a limit of the caller's own holds all the same."""
    out, error, ledger = Silent(kind, 2, {0: [None]}, first_content_limit=SOON / 2, attempt_limit=AMPLE, hedge_share=0, hedge_burst=0).run()
    assert (out, error, ledger[0]) == (list("abc"), None, ("k0", "failed", "timeout"))


def test_a_stream_that_falls_silent_goes_on_in_the_next(kind):
    """S09: spliced behind what was delivered."""
    out, error, ledger = Silent(kind, 2, {0: ["a", None]}, idle_limit=SOON).run()
    assert ("".join(out), error) == ("abc", None)
    assert ledger == [("k0", "failed", "stalled"), ("k1", "succeeded", "")]


def test_the_limit_of_an_attempt_binds_a_stream(kind):
    """To its end; then the next one takes over."""
    out, error, ledger = Silent(kind, 2, {0: ["a", None]}, attempt_limit=AMPLE, idle_limit=None).run()
    assert ("".join(out), error, ledger[0][2]) == ("abc", None, "timeout")


def test_a_deadline_ends_a_stream_that_runs(kind):
    """Before any content as `DeadlineExceeded`, after it as what broke the answer."""
    assert isinstance(Silent(kind, 1, {0: [None]}, deadline=SOON).run()[1], DeadlineExceeded)
    out, error, _ = Silent(kind, 1, {0: ["a", None]}, deadline=SOON).run()
    assert (out, type(error), error.reason) == (["a"], LimitExceeded, "deadline")


def test_limits_of_one_call(kind):
    """An inner one wins, and outside they are gone."""
    scene = Silent(kind, 1, {0: ["a", None]}, idle_limit=None, first_content_limit=None)
    with limits(idle_limit=30, deadline=30), limits(idle_limit=SOON, stream_recovery="error"):
        out, error, _ = scene.run()
    assert (out, error.reason) == (["a"], "stalled")
    with pytest.raises(TypeError, match="not idle"), limits(idle=1):
        pass


@pytest.mark.parametrize(
    ("mode", "found"), [("splice", ["a", "b", "c"]), ("buffer", ["a", "b", "c"]), ("continue", ["a", "b", "c"]), ("error", ["a"])]
)
def test_the_four_recoveries(kind, clock, mode, found):
    """The whole answer once, or a part and the fault."""
    stage = Stage(kind, 2, clock, stream_recovery=mode)
    stage.script = {0: [["a", overloaded()]], 1: [["a", "b", "c"]]}
    out = stage.stream()
    assert [item for item in out if isinstance(item, str)] == found
    assert [type(item) for item in out if not isinstance(item, str)] == ([Fault] if mode == "error" else [])


def test_an_answer_goes_on_behind_what_was_delivered(kind, clock):
    """`continue`: the text goes with the request, and is not repeated."""
    stage, texts = Stage(kind, 2, clock, stream_recovery="continue"), []
    stage.script = {0: [["a", "b", overloaded()]], 1: [["c"]]}
    assert stage.stream(resume=lambda credential, text: texts.append(text) or stage._open(credential)) == ["a", "b", "c"]
    assert texts == ["ab"]


@pytest.mark.parametrize("other", [["x"], ["a"]])
def test_another_or_shorter_answer_gives_the_first_fault(kind, clock, other):
    """S14: never a mixture."""
    stage = Stage(kind, 2, clock)
    stage.script = {0: [["a", "b", overloaded()]], 1: [other]}
    found = stage.stream()
    assert (found[:2], found[2].failure) == (["a", "b"], overloaded())


def test_a_call_that_hangs_is_left_behind(kind):
    """`attempt_limit`: the next one answers; what the first is stuck in is broken off."""
    chain, gate = Chain(names(2), Policy(attempt_limit=AMPLE), classify=read), threading.Event()

    def hang(credential):
        on_abandon(gate.set)
        return credential.id if credential.id == "k1" else gate.wait(30)

    async def wait(credential):
        if credential.id == "k0":
            await anyio.sleep_forever()
        return credential.id

    answer = Failover(chain).run(hang) if kind == "sync" else asyncio.run(AsyncFailover(chain).run(wait))
    assert (answer.value, answer.credential.id) == ("k1", "k1")
    assert [(a.outcome, a.reason) for a in answer.attempts] == [("failed", "timeout"), ("succeeded", "")]
    assert kind == "async" or gate.wait(30)


def test_whoever_is_slow_when_the_request_is_at_fault_is_not_to_blame(kind):
    """The second one refuses the request for good while the first is still slow: the ledger says that the first was given up."""
    chain, gate = Chain(names(2), Policy(answer_limit=SOON), classify=read), threading.Event()

    def answer(credential):
        on_abandon(gate.set)
        if credential.id == "k1":
            raise Fault(permanent())
        gate.wait(30)

    async def answer_async(credential):
        if credential.id == "k1":
            raise Fault(permanent())
        await anyio.sleep_forever()

    with pytest.raises(Fault) as caught:
        Failover(chain).run(answer) if kind == "sync" else asyncio.run(AsyncFailover(chain).run(answer_async))
    assert [(a.credential_id, str(a.outcome)) for a in caught.value.sparekey_attempts] == [("k0", "abandoned"), ("k1", "failed")]
    assert kind == "async" or gate.wait(30)


def test_the_ledger_is_on_what_is_raised(stage):
    """On our own error, and on the provider's."""
    stage.script = {i: [auth()] for i in range(3)}
    error = stage.call()
    assert [a.credential_id for a in error.attempts] == [a.credential_id for a in error.sparekey_attempts] == ["k0", "k1", "k2"]
    stage.script = {i: [permanent()] for i in range(3)}
    stage.clock.advance(5000)
    assert stage.call().sparekey_attempts[-1].error_class == "permanent"


def test_an_interrupt_in_a_stream_reaches_the_caller():
    """From the thread that reads, unread by any classifier."""

    def opened(credential):
        yield "a"
        raise KeyboardInterrupt

    chain = Chain(names(2), classify=read)
    stream = Failover(chain).stream(opened)
    assert next(stream) == "a"
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    assert not chain.state.breakers
