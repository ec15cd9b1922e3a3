"""Both drivers, the same scenes: calls, streams, hooks, logs, status."""

import asyncio
import logging
import threading

import pytest

from chain_play import Fault, auth, names, overloaded, permanent, quota, rate_limit
from driver_play import Crowd, Stage, Upstream
from sparekey.core import settlement
from sparekey.core.events import AttemptFailed, AttemptStarted, AttemptSucceeded, ContentStarted, Exhausted, Parked, Switched
from sparekey.core.policy import Policy
from sparekey.core.pool import Ticket
from sparekey.engine import AsyncFailover, Chain, Failover
from sparekey.errors import AllCredentialsFailedError, IncompleteAnswerError
from sparekey.types import ErrorClass

# ── calls ──


def test_a_healthy_call(stage):
    """One attempt, with the first credential."""
    assert (stage.call(), stage.sent) == ("answer", ["k0"])


def test_a_failover(stage):
    """A dead key is passed over, now and in the next call."""
    stage.script = {0: [auth()]}
    assert [stage.call(), stage.call()] == ["answer", "answer"]
    assert stage.sent == ["k0", "k1", "k1"]
    assert (stage.chain.active_index, stage.chain.active_id) == (1, "k1")


def test_an_answer_may_be_nothing(stage):
    """None is an answer."""
    stage.script = {0: [None]}
    assert (stage.call(), stage.sent) == (None, ["k0"])


def test_a_malformed_request_raises_the_original(stage):
    """3.7: the very exception object of the provider."""
    failure = permanent()
    stage.script = {0: [failure]}
    found = stage.call()
    assert (type(found), found.failure, stage.sent) == (Fault, failure, ["k0"])


def test_an_exhausted_chain(stage):
    """Every credential with its cause."""
    stage.script = {i: [auth()] for i in range(3)}
    found = stage.call()
    assert isinstance(found, AllCredentialsFailedError)
    assert [e.credential_id for e in found.errors] == ["k0", "k1", "k2"]
    assert all(isinstance(e.exception, Fault) for e in found.errors)


def test_a_second_try_sleeps(kind, clock):
    """The driver's own sleep, for as long as the core says."""
    stage = Stage(kind, 1, clock)
    stage.script = {0: [rate_limit(1.5), "answer"]}
    assert stage.call() == "answer"
    assert (stage.sent, clock.slept) == (["k0", "k0"], [1.5])


def test_further_rounds_sleep(kind, clock):
    """Two rounds over two overloaded credentials, none of which is tried twice in one."""
    stage = Stage(kind, 2, clock, retry_same=False)
    stage.script = {0: [overloaded(), "answer"], 1: [overloaded()]}
    assert stage.call() == "answer"
    assert (stage.sent, clock.slept) == (["k0", "k1", "k0"], [0.375])


def test_a_spent_deadline(kind, clock):
    """3.8: nothing is started any more; the chain's own clock counts."""
    stage = Stage(kind, 2, clock, deadline=3)
    stage.script = {0: [overloaded()]}
    stage.chain.classify = lambda exc: clock.advance(3) or exc.failure
    assert isinstance(stage.call(), AllCredentialsFailedError)
    assert stage.sent == ["k0"]


def test_routing_by_capability(stage):
    """Only who is eligible; the active credential stays."""
    assert stage.call(eligible=lambda c: c.id == "k2") == "answer"
    assert (stage.sent, stage.chain.active_index) == (["k2"], 0)


def test_routing_that_leaves_everybody_in_is_none(stage, clock):
    """A chain that is always asked so fails back all the same."""
    stage.script = {0: [rate_limit(), "answer"]}
    stage.call()
    clock.advance(5)
    assert stage.call(eligible=lambda c: True) == "answer"
    assert stage.sent == ["k0", "k1", "k0"]


def test_an_interrupt_gives_the_probe_back(clock):
    """KeyboardInterrupt is no failure of the credential."""
    stage = Stage("sync", 2, clock)
    stage.script = {0: [rate_limit(), "answer"]}
    stage.call()
    clock.advance(5)

    def interrupted(credential):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage.sync.call(interrupted)
    assert stage.stands(0) == "DUE"


def test_a_classifier_that_breaks_settles_the_attempt(clock):
    """Its error is raised, and the probe is given back."""
    chain = Chain(names(2), clock=clock, classify=lambda exc: {}["nothing"])

    def failing(credential):
        raise ValueError

    with pytest.raises(KeyError):
        Failover(chain).call(failing)
    assert not chain.state.breakers


def test_both_drivers_share_a_chain(clock):
    """What one learned the other one knows."""
    stage = Stage("sync", 2, clock)
    stage.script = {0: [auth()]}
    stage.call()
    stage.kind = "async"
    stage.call()
    assert stage.sent == ["k0", "k1", "k1"]


# ── streams ──


def test_a_healthy_stream(stage):
    """All items of the first credential, and it is closed."""
    assert stage.stream() == list("answer")
    assert stage.sent == ["k0"]
    assert stage.streams[0].closed


def test_a_stream_moves_on_before_its_first_item(stage):
    """Whether it fails to open or breaks before anything came."""
    stage.script = {0: [auth()], 1: [[overloaded()]]}
    assert stage.stream() == list("answer")
    assert (stage.sent, stage.chain.active_index) == (["k0", "k1", "k2"], 2)
    assert all(s.closed for s in stage.streams)


def test_a_stream_without_recovery_never_moves_on_after_its_first_item(kind, clock):
    """What is cut is cut: the caller has seen a part, and gets the provider's own error."""
    stage = Stage(kind, 3, clock, stream_recovery="error")
    stage.script = {0: [["a", "b", overloaded()]]}
    found = stage.stream()
    assert (found[:2], found[2].failure, stage.sent) == (["a", "b"], overloaded(), ["k0"])
    assert stage.stands(0) == "PARKED"


def test_a_stream_of_items_that_tell_nothing_never_moves_on_after_its_first_item(stage):
    """What cannot be compared with another answer cannot go on in it."""
    stage.script = {0: [[{"n": 1}, overloaded()]]}
    found = stage.stream()
    assert (found[0], found[1].failure, stage.sent) == ({"n": 1}, overloaded(), ["k0"])
    assert stage.stands(0) == "PARKED"


def test_an_empty_stream_fails_over(kind, clock):
    """A success without content is none."""
    stage = Stage(kind, 2, clock)
    stage.chain.classify = lambda exc: overloaded() if isinstance(exc, IncompleteAnswerError) else exc.failure
    stage.script = {0: [[]]}
    assert stage.stream() == list("answer")
    assert stage.sent == ["k0", "k1"]


def test_a_losers_preamble_is_thrown_away(stage):
    """A role, then an error: the caller sees the next credential's stream alone."""
    stage.script = {0: [["role", "", overloaded()]], 1: [["role", "", "a", "", "b"]]}
    assert stage.stream(is_content=lambda item: item not in ("role", "")) == ["role", "", "a", "", "b"]
    assert stage.sent == ["k0", "k1"]


def test_a_stream_of_preamble_alone_is_empty(kind, clock):
    """It ended before any content."""
    stage = Stage(kind, 2, clock)
    stage.chain.classify = lambda exc: overloaded() if isinstance(exc, IncompleteAnswerError) else exc.failure
    stage.script = {0: [["role", ""]]}
    assert stage.stream(is_content=lambda item: item not in ("role", "")) == list("answer")


def test_a_malformed_stream_request_raises_the_original(stage):
    """Before the first item as in a call."""
    stage.script = {0: [permanent()]}
    assert [type(f) for f in stage.stream()] == [Fault]
    assert stage.sent == ["k0"]


def test_a_stream_over_an_exhausted_chain(stage):
    """The same error as of a call."""
    stage.script = {i: [auth()] for i in range(3)}
    assert isinstance(stage.stream()[0], AllCredentialsFailedError)


def test_a_stream_pauses_like_a_call(kind, clock):
    """Second tries and rounds, before the first item."""
    stage = Stage(kind, 1, clock, retry_same=True)
    stage.script = {0: [rate_limit(1), list("ok")]}
    assert (stage.stream(), clock.slept) == (["o", "k"], [1])


def test_a_stream_that_cannot_be_closed_is_delivered_all_the_same(stage):
    """The answer is whole; a failing close is nobody's business. Nor does it hide what broke."""

    class Stubborn(Upstream):
        def close(self):
            raise OSError("no")

        async def aclose(self):
            raise OSError("no")

    stage._open = lambda credential: Stubborn(stage._act(credential))
    stage.script = {0: [[overloaded()]]}
    assert stage.stream() == list("answer")


def test_what_a_stream_came_from_is_closed_too(stage):
    """SDKs hand out a response whose iterator is another object: the connection hangs on the response."""

    class Response:
        def __init__(self, items):
            self.items, self.closed = Upstream(items), 0

        def __iter__(self):
            return iter(self.items)

        def __aiter__(self):
            return aiter(self.items)

        def close(self):
            self.closed += 1
            return asyncio.sleep(0) if stage.kind == "async" else None

    responses = []

    def open_response(credential):
        responses.append(Response(stage._act(credential)))
        return responses[-1]

    stage._open = open_response
    stage.script = {0: [["a", overloaded()]]}
    stage.stream()
    assert (responses[0].closed, responses[0].items.closed) == (1, 1)


def test_a_caller_that_stops_blames_nobody(clock):
    """M04: the upstream stream is closed at once."""
    stage = Stage("sync", 2, clock)
    stream = stage.sync.stream(stage._open)
    assert next(stream) == "a"
    stream.close()
    assert stage.streams[0].closed
    assert not stage.chain.state.breakers


def test_an_exception_of_the_caller_blames_nobody(clock):
    """Thrown into the stream while the caller holds an item: it comes out as it is, and is not classified."""
    stage = Stage("sync", 2, clock)
    stage.chain.classify = None
    stream = stage.sync.stream(stage._open)
    next(stream)
    with pytest.raises(ZeroDivisionError):
        stream.throw(ZeroDivisionError())
    assert stage.streams[0].closed
    assert not stage.chain.state.breakers


def test_a_stream_that_nobody_reads_sends_nothing(clock):
    """Lazy: the first attempt is made with the first item."""
    stage = Stage("sync", 2, clock)
    stage.sync.stream(stage._open)
    assert stage.sent == []


# ── hooks, logs, status ──


def test_hooks_are_told_of_attempts_and_changes(kind, clock):
    """In the order in which things happened."""
    told = []
    stage = Stage(kind, 2, clock, hooks=[told.append])
    stage.script = {0: [auth()]}
    stage.call()
    assert told == [
        AttemptStarted("k0"),
        AttemptFailed("k0", auth()),
        Parked("credential:k0", 600.0, ErrorClass.AUTH, "invalid_key"),
        AttemptStarted("k1"),
        AttemptSucceeded("k1"),
        Switched("k0", "k1", failback=False),
    ]


def test_hooks_are_told_of_streams(kind, clock):
    """The first content, the cut, who took over, and the end."""
    told = []
    stage = Stage(kind, 2, clock, hooks=[told.append])
    stage.script = {0: [["a", overloaded()]], 1: [["a", "b"]]}
    stage.stream()
    assert [event for event in told if not isinstance(event, Parked)] == [
        AttemptStarted("k0"),
        ContentStarted("k0"),
        AttemptFailed("k0", overloaded()),
        AttemptStarted("k1"),
        ContentStarted("k1"),
        Switched("k0", "k1", failback=False),
        AttemptSucceeded("k1"),
    ]


def test_hooks_can_tell_one_call_from_another(kind, clock):
    """All events of a call have its number, and the number of the attempt in it."""
    told = []
    stage = Stage(kind, 2, clock, hooks=[told.append])
    stage.script = {0: [auth()], 1: [quota()]}
    error = stage.call()
    stage.script = {0: [["a"]], 1: [["a"]]}
    clock.advance(700)
    stage.stream()
    calls = [event.call for event in told if hasattr(event, "call")]
    assert calls == [calls[0]] * 5 + [calls[-1]] * 3
    assert calls[-1] > calls[0]
    assert [event.number for event in told if hasattr(event, "number")] == [1, 1, 2, 2, 1, 1, 1]
    (exhausted,) = [event for event in told if isinstance(event, Exhausted)]
    assert exhausted.error is error
    assert [event.attempt.outcome for event in told if isinstance(event, (AttemptFailed, AttemptSucceeded))] == ["failed"] * 2 + [
        "succeeded"
    ]


def test_a_hook_can_be_added_later(stage):
    """It hears what happens from then on."""
    stage.call()
    told = []
    stage.chain.add_hook(told.append)
    stage.call()
    assert told == [AttemptStarted("k0"), AttemptSucceeded("k0")]


def test_a_hook_is_called_only_with_what_it_hears(stage):
    """A hook with `hears` gets these events, one that is added behind it still gets all."""

    class Told(list):
        hears = frozenset({AttemptSucceeded})
        __call__ = list.append

    some, everything = Told(), []
    stage.chain.add_hook(some)
    stage.call()
    stage.chain.add_hook(everything.append)
    stage.call()
    assert some == [AttemptSucceeded("k0")] * 2
    assert everything == [AttemptStarted("k0"), AttemptSucceeded("k0")]


def test_a_hook_that_raises_is_logged_and_stops_nothing(kind, clock, caplog):
    """Neither the call nor the other hooks."""
    told = []

    def broken(event):
        raise RuntimeError("broken hook")

    stage = Stage(kind, 2, clock, hooks=[broken, told.append])
    stage.script = {0: [auth()]}
    assert stage.call() == "answer"
    assert len(told) == 6
    assert "a hook raised" in caplog.text
    assert "broken hook" in caplog.text


def test_a_hook_may_use_the_chain(kind, clock):
    """Hooks run outside any lock."""
    stage = Stage(kind, 2, clock)
    seen = []
    stage.chain.add_hook(lambda event: seen.append(stage.chain.status().active_id))
    stage.script = {0: [auth()]}
    stage.call()
    assert seen[-1] == "k1"


def test_the_log_tells_a_failover_and_the_way_back(stage, clock, caplog):
    """Warnings on the way down, info lines on the way up."""
    stage.script = {0: [rate_limit(), "answer"]}
    with caplog.at_level(logging.INFO, "sparekey"):
        stage.call()
        clock.advance(5)
        stage.call()
    assert [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "sparekey"] == [
        ("WARNING", "credential:k0 parked softly for 5.0 s: transient (rate_limited)"),
        ("WARNING", "failover: active credential k0 -> k1"),
        ("INFO", "credential:k0: park has run out, one request probes it"),
        ("INFO", "credential:k0 is well again"),
        ("INFO", "failback: active credential k1 -> k0"),
    ]


def test_reading_a_status_changes_nothing(stage, clock):
    """However due everything is."""
    stage.script = {0: [quota(10)], 1: [auth()]}
    stage.call()
    clock.advance(1000)
    before = stage.chain.state
    found = stage.chain.status()
    assert [c.standing.name for c in found.credentials] == ["DUE", "DUE", "ACTIVE"]
    assert (found.failback_due, stage.chain.active_index, stage.chain.state is before) == (True, 2, True)


# ── making one ──


def test_a_driver_makes_its_own_chain():
    """Of credentials and a policy."""
    policy = Policy(max_retries=3)
    for driver in (Failover(names(2), policy), AsyncFailover(names(2), policy)):
        assert driver.chain.pool.policy is policy
        assert [c.id for c in driver.chain.credentials] == ["k0", "k1"]


def test_a_policy_belongs_to_the_chain():
    """Two policies for one chain would contradict each other."""
    with pytest.raises(ValueError, match="give the policy to the Chain"):
        Failover(Chain(names(2)), Policy())


def test_a_chain_needs_credentials():
    """At least one, with ids that differ."""
    with pytest.raises(ValueError, match="must be >= 1"):
        Failover([])
    with pytest.raises(ValueError, match="unique"):
        Chain([*names(1), *names(1)])


def test_the_switcher_is_a_face_of_the_chain(clock):
    """It reads and moves the same state."""
    chain = Chain(names(3), clock=clock)
    chain.switcher.commit_success(2)
    assert (chain.active_index, chain.switcher.n) == (2, 3)
    clock.advance(600)
    assert chain.switcher.maybe_failback() == chain.active_index == 1


def test_the_default_classifier_reads_foreign_exceptions():
    """A timeout of the standard library: another credential answers."""
    chain = Chain(names(2))
    tried = []

    def call(credential):
        tried.append(credential.id)
        if credential.id == "k0":
            raise TimeoutError
        return "answer"

    assert Failover(chain).call(call) == "answer"
    assert tried == ["k0", "k1"]
    assert chain.status().credentials[0].cause is ErrorClass.TRANSIENT


def test_wall_clock_jumps_leave_parks_as_they_are(monkeypatch):
    """M06: an hour forwards, an hour backwards: the engine never looks at the time of day."""
    chain = Chain(names(2), classify=lambda exc: auth())
    seen = settlement.ObservedFailure(Ticket(0, 0), auth(), Fault(auth()), 0.5, chain.clock())
    chain.transact(settlement.fail, seen, chain.clock())
    before = chain.status().credentials[0].returns_in
    for now in (0.0, 1e12):
        monkeypatch.setattr("time.time", lambda now=now: now)
        assert before - 5 < chain.status().credentials[0].returns_in <= before


# ── many at once ──


def test_threads_and_tasks_on_one_chain():
    """M07, in small: 8 threads and 8 tasks, random faults: every call ends, nothing is lost, and the chain recovers."""
    crowd = Crowd(seed=7, calls=150)
    threads = [threading.Thread(target=crowd.thread) for _ in range(8)]
    threads.append(threading.Thread(target=lambda: asyncio.run(crowd.tasks(8))))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert len(crowd.ends) == 16 * 150
    assert not [g for g in crowd.chain.state.breakers.values() if g.lease is not None], "every probe is back"
    for _ in range(12):
        crowd.now += 4000
        crowd.sync.call(lambda credential: credential.id)
    assert crowd.chain.active_index == 0


def test_a_hundred_threads_send_one_probe(clock):
    """M01: at the moment when a park runs out."""
    stage = Stage("sync", 2, clock)
    stage.script = {0: [rate_limit(), "answer"]}
    stage.call()
    clock.advance(5)
    gate, hold, probes = threading.Barrier(101), threading.Event(), []

    def attempt(credential):
        if credential.id == "k0":
            probes.append(credential)
            hold.wait(30)
        return credential.id

    def work():
        gate.wait(30)
        stage.sync.call(attempt)

    threads = [threading.Thread(target=work) for _ in range(100)]
    for thread in threads:
        thread.start()
    gate.wait(30)
    for thread in threads:
        thread.join(0.001)
    while sum(t.is_alive() for t in threads) > 1:
        threads[0].join(0.01)
    assert len(probes) == 1
    hold.set()
    for thread in threads:
        thread.join(30)
    assert stage.chain.active_index == 0
