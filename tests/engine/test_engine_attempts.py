"""The attempts of a call as a loop, sync and async: what a block raises is read, and leaving the loop ends the call."""

import asyncio

import anyio
import pytest

from chain_play import Fault, auth, names, overloaded, permanent, rate_limit, read
from driver_play import Stage
from sparekey.core.events import AttemptAbandoned
from sparekey.engine import Chain
from sparekey.errors import AllCredentialsFailedError
from sparekey.types import Usage


class Loop:
    """A loop over the attempts of a stage that does as told: an exception is raised in its block, a function called, else it answers."""

    def __init__(self, stage, *acts):
        self.stage, self.acts, self.tried = stage, list(acts), []
        self.attempts = stage.sync.attempts() if stage.kind == "sync" else stage.asynchronous.attempts()

    def run(self):
        self._sync() if self.stage.kind == "sync" else asyncio.run(self._async())
        return self

    def _act(self, attempt):
        self.tried.append(attempt.credential.id)
        act = self.acts.pop(0)
        if isinstance(act, BaseException):
            raise act
        if callable(act):
            act(attempt)

    def _sync(self):
        for attempt in self.attempts:
            with attempt:
                self._act(attempt)

    async def _async(self):
        async for attempt in self.attempts:
            with attempt:
                await anyio.lowlevel.checkpoint()
                self._act(attempt)

    @property
    def ledger(self):
        return [(attempt.credential_id, str(attempt.outcome)) for attempt in self.attempts.ledger]


def test_a_loop_ends_with_a_success(stage):
    """After a failover; who served is active."""
    loop = Loop(stage, Fault(auth()), "answer").run()
    assert loop.tried == ["k0", "k1"]
    assert loop.ledger == [("k0", "failed"), ("k1", "succeeded")]
    assert stage.chain.active_id == "k1"


def test_a_block_tells_the_tokens(stage):
    """They stand in the ledger."""
    loop = Loop(stage, lambda attempt: setattr(attempt, "usage", Usage(1, 2))).run()
    assert loop.attempts.ledger[0].usage == Usage(1, 2)


@pytest.mark.parametrize("exc", [Fault(permanent()), KeyboardInterrupt()])
def test_a_loop_raises_what_nobody_can_help(stage, exc):
    """The very object, nobody blamed."""
    with pytest.raises(type(exc)) as caught:
        Loop(stage, exc).run()
    assert caught.value is exc
    assert not stage.chain.state.breakers


def test_a_loop_that_is_exhausted(stage):
    """The chain's own error, with its ledger."""
    with pytest.raises(AllCredentialsFailedError) as caught:
        Loop(stage, *[Fault(auth()) for _ in range(3)]).run()
    assert [attempt.credential_id for attempt in caught.value.attempts] == ["k0", "k1", "k2"]


def test_a_loop_pauses_as_a_call_does(kind, clock):
    """Before a lone credential is tried once more."""
    stage = Stage(kind, 1, clock)
    assert Loop(stage, Fault(rate_limit(1)), "answer").run().tried == ["k0", "k0"]
    assert clock.slept == [1]


def test_a_forgotten_with_is_told(stage):
    """What became of the attempt is not known: nobody is blamed, the probe is back."""
    loop = Loop(stage)
    loop._act = None

    async def forgetful():
        async for _ in loop.attempts:
            pass

    with pytest.raises(RuntimeError, match="in a `with`"):
        list(loop.attempts) if stage.kind == "sync" else asyncio.run(forgetful())
    assert loop.ledger == [("k0", "abandoned")]
    assert not stage.chain.state.breakers


def broken_off(stage, attempts, *, inside):
    """Break a loop off at its second attempt: in its block, or before it."""

    def over(attempt, here):
        return here is inside and attempt.credential.id == "k1"

    async def loop():
        async for attempt in attempts:
            if over(attempt, here=False):
                break
            with attempt:
                if over(attempt, here=True):
                    break
                raise Fault(overloaded())

    if stage.kind == "async":
        asyncio.run(loop())
        return
    for attempt in attempts:
        if over(attempt, here=False):
            break
        with attempt:
            if over(attempt, here=True):
                break
            raise Fault(overloaded())


@pytest.mark.parametrize(("inside", "outcome"), [(False, "abandoned"), (True, "succeeded")])
def test_a_break_ends_the_call(stage, inside, outcome):
    """Out of a block it is a success, as any other end without an exception; before the block the attempt was not made."""
    told = []
    stage.chain.add_hook(told.append)
    loop = Loop(stage)
    broken_off(stage, loop.attempts, inside=inside)
    assert loop.ledger == [("k0", "failed"), ("k1", outcome)]
    assert any(isinstance(event, AttemptAbandoned) for event in told) is not inside
    assert list(loop.attempts) == []


def test_an_attempt_that_is_not_made_gives_its_probe_back(kind, clock):
    """At once, though somebody still holds the attempts for their ledger."""
    stage = Stage(kind, 2, clock)
    stage.script = {0: [auth()], 1: [rate_limit(5)]}
    stage.call()
    clock.advance(5)
    loop = Loop(stage)
    broken_off(stage, loop.attempts, inside=False)
    assert loop.attempts.ledger[0].probe
    assert stage.stands(1) == "DUE"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("where", ["in the block", "in a pause"])
def test_a_loop_that_is_cancelled_blames_nobody(backend, where, clock):
    """Nothing is parked, and the attempt is noted as abandoned."""
    stage = Stage("async", 1, clock, retry_same=True)
    stage.asynchronous._sleep = lambda _: anyio.sleep_forever()
    attempts = stage.asynchronous.attempts()

    async def scene():
        with anyio.move_on_after(0.02) as scope:
            async for attempt in attempts:
                with attempt:
                    if where == "in a pause":
                        raise Fault(rate_limit(1))
                    await anyio.sleep_forever()
        assert scope.cancelled_caught

    anyio.run(scene, backend=backend)
    assert not stage.chain.state.breakers
    assert [str(attempt.outcome) for attempt in attempts.ledger] == ["abandoned" if where == "in the block" else "failed"]
    assert list(attempts) == []


def test_attempts_of_a_chain_are_a_loop_too(clock):
    """Without a driver."""
    for attempt in Chain(names(2), classify=read, clock=clock).attempts():
        with attempt:
            assert attempt.credential.id == "k0"
