"""A stream in the core, step by step: the race to the first content, the relay, recovery (sections 4 and 6 of the design)."""

import pytest

from chain_play import POSSIBLE, Play, auth, models, overloaded, permanent, quota, rate_limit, refusal, silent, too_large, unreached
from sparekey.core import streams
from sparekey.core.flow import Pause
from sparekey.core.policy import Policy
from sparekey.core.race import KeepWaiting, Start
from sparekey.core.streams import Deliver
from sparekey.errors import AllCredentialsFailedError, DeadlineExceeded
from sparekey.types import Credential, ErrorClass

TWO = models("m", "n")
"""A spare that serves another model: a passing fault is waited out before it is asked."""


def probing(clock, n=3, **policy):
    """A chain whose first credential is due for a probe while the second one is active."""
    play = Play(n, clock, **policy)
    play.ill = {0: quota(5)}
    play.call()
    clock.advance(5)
    assert (play.active, play.phase(0)) == (1, "DUE")
    return play


# ── a stream that begins ──


def test_a_stream_that_begins_is_relayed(clock):
    """After the first content the rest is passed on, and the end is the end."""
    play = Play(2, clock)
    stream = play.stream()
    assert stream.step == Start(stream.running[0], 10.0, alone=True)
    stream.begin()
    assert isinstance(stream.step, Deliver)
    assert stream.step.ticket.index == 0
    stream.end()
    assert (stream.over, stream.error, stream.sent) == (True, None, [0])


def test_the_limit_on_the_first_content_goes_with_each_start(clock):
    """The driver is told how long to wait; None where the chain has no such limit."""
    assert Play(2, clock, first_content_limit=3).stream().step.limit == 3
    stream = Play(2, clock, first_content_limit=None).stream().lose(auth())
    assert (stream.step.ticket.index, stream.step.limit, stream.step.alone) == (1, None, True)


def test_a_policy_of_its_own_stands_in_for_the_chains(clock):
    """In what concerns this stream alone."""
    play = Play(2, clock)
    steps = streams.stream(play.pool, play.chain_state, clock(), None, Policy(first_content_limit=3), hedge=bool, recoverable=bool)
    assert next(steps).limit == 3
    steps.close()


def test_whoever_begins_a_stream_is_active(clock):
    """The first content is the success."""
    play = Play(2, clock)
    play.stream().lose(auth()).begin()
    assert play.active == 1


def test_a_slow_stream_of_an_older_term_moves_nobody(clock):
    """M02: its late first content is delivered, the active credential stays."""
    play = Play(2, clock)
    late = play.stream()
    play.ill = {0: auth()}
    play.call()
    late.begin()
    assert isinstance(late.step, Deliver)
    assert (play.active, play.phase(0)) == (1, "PARKED")


def test_what_waited_is_settled_when_a_stream_begins(clock):
    """The beginning of another's answer shows whose fault it was."""
    play = Play(2, clock)
    play.stream().lose(unreached()).begin()
    assert play.phase(0) == "PARKED"


# ── before the first content it is a call ──


def test_failures_walk_the_ring(clock):
    """One after the other, each alone, then the error of an exhausted chain."""
    play = Play(3, clock)
    stream = play.stream().lose(auth()).lose(overloaded())
    assert stream.step.alone
    stream.lose(quota())
    assert (stream.sent, type(stream.error)) == ([0, 1, 2], AllCredentialsFailedError)
    assert [e.error_class for e in stream.error.errors] == ["auth", "transient", "quota_exceeded"]


def test_the_requests_own_fault_ends_a_stream(clock):
    """3.7: the provider's own exception, nobody parked."""
    play = Play(2, clock)
    before = play.state
    stream = play.stream().lose(permanent())
    assert (stream.sent, stream.error.failure) == ([0], permanent())
    assert play.state is before


def test_a_restricted_stream(clock):
    """Routed by capability: only those, and the active one stays."""
    play = Play(3, clock)
    stream = play.stream({1, 2}).lose(auth()).begin().end()
    assert (stream.sent, stream.error, play.active) == ([1, 2], None, 0)


def test_a_second_try_on_the_same_credential(clock):
    """A transient failure before any content, where the wait is within the patience."""
    play = Play(TWO, clock)
    stream = play.stream().lose(rate_limit(1.5))
    assert stream.step == Pause(1.5)
    stream.wake()
    assert (stream.step.ticket.index, stream.step.alone) == (0, True)
    stream.begin().end()
    assert (stream.sent, stream.error, play.phase(0)) == ([0, 0], None, "CLOSED")


def test_there_is_one_second_try(clock):
    """Then the next one."""
    play = Play(TWO, clock)
    stream = play.stream().lose(overloaded()).wake().lose(overloaded())
    assert (stream.sent, play.phase(0)) == ([0, 0, 1], "PARKED")


def test_each_credential_has_its_own_second_try(clock):
    """The first one's does not count for the next."""
    play = Play(TWO, clock)
    stream = play.stream().lose(overloaded()).wake().lose(overloaded()).lose(overloaded())
    assert isinstance(stream.step, Pause)
    assert stream.wake().sent == [0, 0, 1, 1]


def test_no_second_try_on_one_that_was_parked_meanwhile(clock):
    """Another request's failure has parked it during the pause: the next one is tried, and the first failure is settled."""
    play = Play(TWO, clock)
    stream = play.stream().lose(overloaded())
    play.start().fail(auth()).cancel()
    assert stream.wake().sent == [0, 1]


def test_no_second_try_while_another_one_runs(clock):
    """The one beside it may answer at any moment."""
    play = Play(models("m", "n", "o"), clock)
    stream = play.stream().slow().lose(overloaded(), 1)
    assert (stream.sent, stream.pauses) == ([0, 1, 2], [])


def test_a_deadline_that_is_spent(clock):
    """Nothing is started any more."""
    play = Play(2, clock, deadline=5)
    stream = play.stream()
    clock.advance(5)
    stream.lose(silent())
    assert (stream.sent, type(stream.error)) == ([0], DeadlineExceeded)


# ── the race ──


def test_the_next_one_is_started_beside_a_slow_one(clock):
    """The slow one goes on; whoever brings content first is passed on."""
    play = Play(3, clock)
    stream = play.stream().slow()
    assert (stream.step.ticket.index, stream.step.alone, stream.step.limit) == (1, False, 10.0)
    assert [t.index for t in stream.running] == [0, 1]
    assert stream.asked == 1


def test_the_faster_one_wins_and_the_slow_one_has_failed(clock):
    """It kept the caller waiting while another one answered: parked as silent, never tried again in this request."""
    play = Play(3, clock, max_retries=0, retry_same=False)
    stream = play.stream().slow().begin(1)
    assert (stream.step.ticket.index, play.phase(0), play.active) == (1, "PARKED", 1)
    stream.cut(overloaded())
    assert stream.lose(overloaded()).over
    assert stream.sent == [0, 1, 2]


def test_a_slow_one_that_wins_after_all_blames_nobody(clock):
    """The second stream was broken off for no fault of its own, and the first one did answer."""
    play = Play(3, clock)
    before = play.decisions
    stream = play.stream().slow().begin(0)
    assert stream.step.ticket.index == 0
    stream.end()
    assert play.decisions == before


def test_several_slow_ones_are_all_blamed(clock):
    """The third one is faster than both."""
    play = Play(4, clock)
    play.stream().slow().slow().begin(2).end()
    assert [play.phase(i) for i in range(4)] == ["PARKED", "PARKED", "CLOSED", "CLOSED"]
    assert play.active == 2


def test_among_several_only_the_slow_are_blamed(clock):
    """The one that began last had time left when the second one answered."""
    play = Play(4, clock)
    play.stream().slow().slow().begin(1).end()
    assert [play.phase(i) for i in range(4)] == ["PARKED", "CLOSED", "CLOSED", "CLOSED"]


def test_how_the_slow_failed_is_what_the_driver_said(clock):
    """The verdict of the limit, with its own throw of the dice."""
    play = Play(2, clock)
    play.stream().slow(dice=0.0).begin(1)
    assert play.returns_in(0) == pytest.approx(4.0)


def test_without_a_budget_the_slow_one_is_waited_for(clock):
    """4.2: nothing is cancelled for nothing; each second the budget is asked again."""
    play = Play(3, clock)
    stream = play.stream(hedge=False).slow()
    assert (stream.step, stream.asked) == (KeepWaiting(patient=True, limit=1.0), 1)
    stream.hedge = True
    stream.slow()
    assert (stream.step.ticket.index, stream.step.alone, play.phase(0)) == (1, False, "CLOSED")
    stream.begin(0)
    assert (stream.served, play.phase(0), play.phase(1)) == (0, "CLOSED", "CLOSED")


def test_whoever_is_found_to_be_down_is_left_without_a_budget(clock):
    """Others found it out while this one waited: to move on is no hedge."""
    play = Play(2, clock)
    stream = play.stream(hedge=False).slow()
    play.stream().slow().begin(1)
    assert play.phase(0) == "PARKED"
    stream.slow()
    assert (stream.step.ticket.index, stream.asked) == (1, 1)


def test_with_nobody_left_the_last_candidate_has_all_the_time(clock):
    """Its first content is waited for, and the budget is not touched."""
    play = Play(1, clock)
    stream = play.stream().slow()
    assert (stream.step, stream.asked) == (KeepWaiting(patient=True), 0)
    stream.begin().end()
    assert (stream.error, play.phase(0)) == (None, "CLOSED")


def test_nobody_who_is_parked_is_asked_because_another_one_is_slow(clock):
    """A rescue is for a chain that has nobody else."""
    play = Play(2, clock)
    play.start({1}).fail(auth()).cancel()
    assert play.stream().slow().step == KeepWaiting(patient=True)


def test_the_slow_one_fails_and_the_other_goes_on(clock):
    """Its failure is settled as what it was; the one beside it has its own time."""
    play = Play(3, clock)
    stream = play.stream().slow().lose(overloaded(), 0)
    assert (stream.step, play.phase(0)) == (KeepWaiting(patient=False), "PARKED")
    assert stream.begin().served == 1


def test_the_second_fails_and_the_third_takes_its_place(clock):
    """Beside the slow one, without another start out of the budget: it stands in for one that was paid for."""
    play = Play(3, clock)
    stream = play.stream().slow().lose(auth(), 1)
    assert (stream.step.ticket.index, stream.step.alone, stream.asked) == (2, False, 1)
    assert [t.index for t in stream.running] == [0, 2]


def test_the_second_fails_and_nobody_is_left_for_its_place(clock):
    """The slow one has all the time."""
    play = Play(2, clock, max_retries=0, retry_same=False)
    stream = play.stream().slow().lose(auth(), 1)
    assert stream.step == KeepWaiting(patient=True)
    stream.lose(overloaded(), 0)
    assert (stream.sent, type(stream.error)) == ([0, 1], AllCredentialsFailedError)


def test_all_of_a_race_fail(clock):
    """Then the rest of the ring, alone."""
    play = Play(3, clock)
    stream = play.stream().slow()
    stream.lose(auth(), 0).lose(auth(), 1)
    assert (stream.step.ticket.index, stream.step.alone) == (2, True)


def test_a_fault_of_the_request_ends_the_race_and_blames_nobody(clock):
    """What the second one says of the request holds for the slow one, too: it is given back."""
    play = Play(3, clock)
    stream = play.stream().slow().lose(permanent(), 1)
    assert (stream.error.failure, [play.phase(i) for i in range(3)]) == (permanent(), ["CLOSED"] * 3)


def test_a_race_for_an_input_that_is_too_large(clock):
    """Only another model beside a slow one, if the first has found it too large already."""
    pair = [Credential("a", model="m"), Credential("b", model="m"), Credential("c", model="n")]
    play = Play(pair, clock)
    stream = play.stream().lose(too_large())
    assert stream.sent == [0, 2]
    assert stream.slow().step == KeepWaiting(patient=True)


# ── probes ──


def test_a_slow_probe_falls_through_to_the_active_credential(clock):
    """Nobody waits for a probe longer than the limit; it is parked again when the active one answers."""
    play = probing(clock)
    stream = play.stream()
    assert stream.step.ticket.probe
    stream.slow()
    assert (stream.step.ticket.index, stream.step.alone) == (1, False)
    stream.begin(1).end()
    assert (play.phase(0), play.active) == ("PARKED", 1)
    assert play.returns_in(0) == 5


def test_a_slow_probe_that_answers_first_is_well_again(clock):
    """It is the active one from then on."""
    play = probing(clock)
    play.stream().slow().begin(0).end()
    assert (play.phase(0), play.active) == ("CLOSED", 0)


def test_a_slow_probe_comes_back_when_the_request_is_at_fault(clock):
    """Its lease is not left to run out: the next request may probe."""
    play = probing(clock)
    play.stream().slow().lose(permanent(), 1)
    assert play.phase(0) == "DUE"


def test_a_probe_beside_a_slow_one_that_loses_comes_back(clock):
    """It blames nobody, and the next request may probe."""
    play = Play(2, clock)
    play.start({1}).fail(rate_limit(5)).cancel()
    clock.advance(5)
    stream = play.stream().slow()
    assert stream.step.ticket.probe
    stream.begin(0).end()
    assert play.phase(1) == "DUE"


# ── cut after the first content ──


@pytest.mark.parametrize("failure", [overloaded(), auth(), refusal(evidence=POSSIBLE), unreached(), silent()])
def test_a_stream_that_is_not_recoverable_never_moves_on(clock, failure):
    """By policy, or since its items tell nothing: the caller gets the provider's own error, the credential is parked at once."""
    play = Play(2, clock)
    stream = play.stream(recoverable=False).begin().cut(failure)
    assert (stream.sent, stream.over, stream.error.failure) == ([0], True, failure)
    assert play.phase(0) == "PARKED"


def test_a_cut_goes_on_with_the_next_one(clock):
    """A race of its own, to the first content of another answer."""
    play = Play(2, clock)
    stream = play.stream().begin().cut(overloaded())
    assert (stream.step.ticket.index, stream.step.alone, play.phase(0)) == (1, True, "PARKED")
    stream.begin()
    assert isinstance(stream.step, Deliver)
    assert (stream.step.ticket.index, play.active) == (1, 1)
    assert stream.end().error is None


def test_a_cut_after_a_failover_parks_the_one_that_was_cut(clock):
    """The ticket of a switch is good for the rest of its stream."""
    play = Play(3, clock)
    play.stream(recoverable=False).lose(auth()).begin().cut(rate_limit())
    assert [play.phase(i) for i in range(3)] == ["PARKED", "PARKED", "CLOSED"]
    assert play.active == 1


def test_whoever_recovers_a_stream_is_active_though_another_one_was_before(clock):
    """Two switches by one request: the second is of the term that the first has made."""
    play = Play(3, clock)
    stream = play.stream().lose(auth()).begin().cut(overloaded()).begin()
    assert (stream.served, play.active) == (2, 2)
    stream.end()
    assert play.state.term == 2


def test_a_recovery_of_an_older_term_moves_nobody(clock):
    """Others have moved on while the stream ran."""
    play = Play(3, clock)
    stream = play.stream().begin()
    play.ill = {0: auth()}
    play.call()
    play.ill = {}
    stream.cut(overloaded()).begin().end()
    assert (stream.sent, play.active) == ([0, 1], 1)
    assert play.state.term == 1


def test_a_cut_probe_parks_again(clock):
    """It began well, then broke: the next park starts from the first length, for it did recover."""
    play = probing(clock)
    probe = play.stream(recoverable=False).begin()
    assert (probe.sent, play.phase(0), play.active) == ([0], "CLOSED", 0)
    probe.cut(rate_limit())
    assert (play.phase(0), play.returns_in(0)) == ("PARKED", 5)


def test_a_cut_by_the_requests_own_fault_parks_nobody(clock):
    """A safety filter in the middle of a stream."""
    play = Play(2, clock)
    before = play.decisions
    stream = play.stream(recoverable=False).begin().cut(permanent())
    assert stream.error.failure == permanent()
    assert play.decisions == before


def test_a_stale_cut_changes_nothing(clock):
    """Another stream's cut has parked the credential already."""
    play = Play(2, clock)
    first, second = play.stream(recoverable=False).begin(), play.stream(recoverable=False).begin()
    first.cut(overloaded())
    before = play.state
    second.cut(auth())
    assert play.state.breakers == before.breakers
    assert second.error.failure == auth()


def test_recovery_goes_round_the_ring(clock):
    """The slow, the dead and the cut ones are passed over; each is tried once a round."""
    play = Play(4, clock)
    stream = play.stream().begin().cut(overloaded()).lose(auth()).slow().begin(3).end()
    assert (stream.sent, stream.error) == ([0, 1, 2, 3], None)


def test_a_lone_credential_recovers_in_a_further_round(clock):
    """The same one answers anew after a pause, where the chain has retries."""
    play = Play(1, clock, max_retries=1)
    stream = play.stream().begin().cut(overloaded())
    assert stream.step == Pause(0.375)
    stream.wake()
    assert (stream.sent, stream.step.alone) == ([0, 0], True)
    assert stream.begin().end().error is None


def test_recovery_over_further_rounds_comes_to_an_end(clock):
    """As many as `max_retries`, then what broke first."""
    play = Play(2, clock, max_retries=2, retry_same=False)
    stream = play.stream().begin().cut(rate_limit(status=429)).lose(rate_limit())
    for _ in range(2):
        stream.wake().lose(rate_limit()).lose(rate_limit())
    assert (stream.sent, len(stream.pauses)) == ([0, 1, 0, 1, 0, 1], 2)
    assert stream.error.failure.status == 429


def test_a_stream_that_fell_silent_is_not_asked_again(clock):
    """Silence is never tried twice: the rounds are for the others."""
    play = Play(1, clock, max_retries=3)
    stream = play.stream().begin().cut(silent())
    assert (stream.over, stream.error.failure, stream.pauses) == (True, silent(), [])


def test_rounds_before_the_first_content_count_too(clock):
    """One budget of rounds for the whole stream."""
    play = Play(1, clock, retry_same=False)
    stream = play.stream().lose(rate_limit()).wake().begin().cut(rate_limit())
    assert (stream.over, len(stream.pauses)) == (True, 1)


def test_a_second_cut_may_be_recovered_too(clock):
    """As long as somebody is left."""
    play = Play(3, clock)
    stream = play.stream().begin().cut(overloaded()).begin().cut(overloaded()).begin().end()
    assert (stream.sent, stream.error) == ([0, 1, 2], None)


FIRST = overloaded(status=500)
"""What broke the answer that the caller has begun to read."""


@pytest.mark.parametrize(
    ("n", "then"),
    {
        "nobody left": (1, lambda s: s),
        "the next one is dead": (2, lambda s: s.lose(auth())),
        "the next one finds fault with the request": (3, lambda s: s.lose(permanent())),
        "the next one is cut as well": (2, lambda s: s.begin().cut(auth())),
        "the next one answers something else": (3, lambda s: s.begin().differ()),
        "one beside a slow one finds fault with the request": (4, lambda s: s.slow().lose(permanent())),
        "no recovery any more": (3, lambda s: setattr(s, "recoverable", False) or s.begin().cut(auth())),
    }.values(),
)
def test_the_caller_gets_what_broke_first(clock, n, then):
    """S14: whatever becomes of the attempts to mend it."""
    play = Play(n, clock, max_retries=0)
    stream = then(play.stream().begin().cut(FIRST))
    assert stream.over
    assert stream.error.failure == FIRST


def test_another_answer_blames_nobody(clock):
    """Models are free to say it differently."""
    play = Play(2, clock)
    play.stream().begin().cut(overloaded()).begin().differ()
    assert (play.phase(1), play.active) == ("CLOSED", 1)


def test_a_deadline_that_is_spent_during_recovery(clock):
    """The caller has seen a part: it gets what broke that."""
    play = Play(2, clock, deadline=5)
    stream = play.stream().begin()
    clock.advance(5)
    stream.cut(FIRST)
    assert (stream.sent, stream.error.failure) == ([0], FIRST)


# ── the caller goes away ──

SCENES = {
    "started": lambda s: s,
    "raced": lambda s: s.slow(),
    "raced by three": lambda s: s.slow().slow(),
    "waited for": lambda s: s.slow().slow().slow().slow(),
    "one is out": lambda s: s.slow().lose(overloaded(), 1),
    "put off": lambda s: s.lose(unreached()).lose(refusal(evidence=POSSIBLE)),
    "relayed": lambda s: s.begin(),
    "won by the slow": lambda s: s.slow().begin(0),
    "recovered": lambda s: s.begin().cut(overloaded()),
    "raced in recovery": lambda s: s.begin().cut(overloaded()).slow(),
    "relayed again": lambda s: s.begin().cut(overloaded()).begin(),
    "second try": lambda s: s.lose(rate_limit(1)),
    "paused": lambda s: s.begin().cut(overloaded()).lose(unreached()).lose(overloaded()).lose(unreached()),
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
@pytest.mark.parametrize("probe", [False, True])
def test_a_caller_that_goes_away_blames_nobody(clock, scene, probe):
    """M04, M05: wherever it is left, every park stays as it is, every probe comes back, and the next request is served."""
    kinds = models("m", "n", "o", "p") if scene is SCENES["second try"] else 4
    play = probing(clock, kinds) if probe else Play(kinds, clock)
    stream = scene(play.stream())
    assert not stream.over
    before = {name: guard.until for name, guard in play.state.breakers.items()}
    stream.cancel()
    assert {name: guard.until for name, guard in play.state.breakers.items()} == before
    assert not [g for g in play.state.breakers.values() if g.lease is not None]
    assert play.call().error is None


def test_an_exhausted_stream_tells_the_soonest_return(clock):
    """As a call does."""
    play = Play(2, clock)
    stream = play.stream().lose(quota(30)).lose(auth())
    assert stream.error.retry_after == 30
    assert {e.error_class for e in stream.error.errors} == {ErrorClass.QUOTA_EXCEEDED, ErrorClass.AUTH}
