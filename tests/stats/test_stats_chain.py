"""The stats of a chain: what it tells is what happened, and it never grows."""

import random
import threading

import pytest

from sparekey.core.events import (
    AttemptAbandoned,
    AttemptFailed,
    AttemptSucceeded,
    CallFailed,
    ContentStarted,
    Exhausted,
    Parked,
    Probed,
    Recovered,
    Switched,
)
from sparekey.engine import Chain
from sparekey.errors import AllCredentialsFailedError
from sparekey.stats.chain_stats import ChainStats
from sparekey.stats.quantiles import Quantiles
from sparekey.types import Attempt, Credential, ErrorClass, Evidence, Failure, Outcome, Scope, Secret, Usage

NOON = 20_000 * 86400 + 43_200.0


def succeeded(name="a", duration=0.2, usage=None):
    return AttemptSucceeded(name, attempt=Attempt(name, Outcome.SUCCEEDED, duration=duration, usage=usage))


def failed(name="a", error_class=ErrorClass.AUTH, reason="invalid_key"):
    failure = Failure(error_class, reason, status=401, message="no", trace=("read",))
    return AttemptFailed(name, failure, call=7, number=2, attempt=Attempt(name, Outcome.FAILED, failure, duration=0.1))


@pytest.fixture
def stats(clock):
    clock.now = NOON
    return ChainStats(clock)


def test_it_counts_attempts_and_causes(stats):
    """Requests by outcome, failures by class and reason, the most frequent first."""
    for event in [succeeded(), failed(), failed(reason="revoked"), failed(reason="revoked"), AttemptAbandoned("a")]:
        stats(event)
    summary = stats.summary("a")
    assert (summary.requests, summary.succeeded, summary.failed, summary.abandoned) == (5, 1, 3, 1)
    assert summary.errors == (("auth", "revoked", 2), ("auth", "invalid_key", 1))


def test_tokens_are_of_today(stats, clock):
    """At midnight UTC the day's counts begin anew; a broken-off attempt has used tokens, too."""
    stats(succeeded(usage=Usage(10, 5)))
    stats(AttemptAbandoned("a", attempt=Attempt("a", Outcome.ABANDONED, usage=Usage(3, 1))))
    summary = stats.summary("a")
    assert (summary.prompt_tokens, summary.completion_tokens) == (13, 6)
    clock.advance(43_200)
    summary = stats.summary("a")
    assert (summary.requests, summary.prompt_tokens, summary.errors) == (0, 0, ())


def test_quantiles_are_those_of_the_last_minutes(stats, clock):
    """Durations of successes and times to first content, within 5 %, forgotten after ten minutes."""
    dice = random.Random(5)
    values = sorted(dice.lognormvariate(0, 1) for _ in range(2000))
    for value in values:
        stats(succeeded(duration=value))
        stats(ContentStarted("a", after=value / 10))
        clock.advance(0.1)
    summary = stats.summary("a")
    assert summary.latency == pytest.approx((values[1000], values[1900]), rel=0.06)
    assert summary.first_content == pytest.approx((values[1000] / 10, values[1900] / 10), rel=0.06)
    assert sum(v is not None for v in summary.recent) in {10, 11}
    assert summary.recent[0] is None, "the oldest slice is older than the first value"
    clock.advance(600)
    assert stats.summary("a").latency == (None, None)


def test_the_latest_answers_are_told_apart_from_ten_minutes(stats, clock):
    """After two hundred quick ones five slow ones are the latest; fewer than five go with what came before them."""
    for _ in range(200):
        stats(ContentStarted("a", after=0.01))
    clock.advance(60)
    for times, latest in ((2, 0.01), (3, 8.0)):
        for _ in range(times):
            stats(ContentStarted("a", after=8.0))
        assert stats.summary("a").latest_first == pytest.approx(latest, rel=0.06)
    assert stats.summary("a").first_content[0] == pytest.approx(0.01, rel=0.06)
    assert stats.summary("b").latest_first is None


@pytest.mark.parametrize("value", [0, 1e-9, 0.001, 3600, float("inf")])
def test_a_window_takes_any_duration(value):
    """The ends of the scale are taken, too."""
    window = Quantiles()
    window.add(value, 5.0)
    assert window.slices(5.0)
    assert window.quantiles(5.0, [0.5])[0] > 0


def test_the_timeline_tells_switches_parks_and_recoveries(stats):
    """The newest first; what one failure parked is one entry."""
    stats(Parked("credential:a", 600, ErrorClass.QUOTA_EXCEEDED, "daily_quota"))
    stats(Parked("account:x", 600, ErrorClass.QUOTA_EXCEEDED, "daily_quota"))
    stats(Switched("a", "b", failback=False))
    stats(Probed("credential:a"))
    stats(Recovered("credential:a"))
    stats(Switched("b", "a", failback=True))
    stats(Parked("credential:b", 60, None, "held"))
    stats(Exhausted(AllCredentialsFailedError([], retry_after=3)))
    stats.act("b", "release")
    records = stats.timeline()
    assert [m.kind for m in records] == ["action", "exhausted", "held", "failback", "recovered", "probed", "failover", "parked"]
    assert records[-1].what == ("credential:a", "account:x")
    assert (records[-2].old, records[-2].what) == ("a", ("credential:b",))


def test_failed_attempts_are_kept_for_explain(stats, clock):
    """Each with its failure; the last one also beside its credential."""
    stats(failed())
    clock.advance(5)
    stats(failed("b"))
    newest, oldest = stats.failures()
    assert (newest.credential, newest.at - oldest.at, newest.call, newest.attempt) == ("b", 5, 7, 2)
    assert oldest.failure.trace == ("read",)
    assert stats.summary("a").last_failure is oldest


def test_a_night_without_a_working_key_is_a_few_lines(stats, clock):
    """What repeats itself is counted, and moves up: the switch before it stays in the list. Something that changed begins anew."""
    stats(Switched("a", "b", failback=False))
    for _ in range(500):
        clock.advance(5)
        stats(Probed("credential:b"))
        stats(Parked("credential:b", 600, ErrorClass.AUTH, "invalid_key"))
        stats(Parked("account:x", 600, ErrorClass.AUTH, "invalid_key"))
        stats(Exhausted(AllCredentialsFailedError([])))
    records = stats.timeline()
    assert [(m.kind, m.times) for m in records] == [("exhausted", 500), ("parked", 500), ("probed", 500), ("failover", 1)]
    assert records[1].what == ("credential:b", "account:x")
    assert (records[0].since, records[0].at) == (NOON + 5, NOON + 2500)
    stats(Recovered("credential:b"))
    stats(Exhausted(AllCredentialsFailedError([])))
    assert [m.kind for m in stats.timeline()[:3]] == ["exhausted", "recovered", "exhausted"]


def test_what_two_credentials_went_through_together_is_not_counted_for_one(stats, clock):
    """Two keys that were parked in one moment, and later one of them again: two lines."""
    for name in "ab":
        stats(Parked(f"credential:{name}", 600, ErrorClass.AUTH, "invalid_key"))
    clock.advance(600)
    stats(Parked("credential:a", 600, ErrorClass.AUTH, "invalid_key"))
    assert [(m.what, m.times) for m in stats.timeline()] == [(("credential:a",), 1), (("credential:a", "credential:b"), 1)]


def test_a_client_that_repeats_a_bad_request_hides_no_other_failure(stats):
    """Failures that are alike and follow each other are one, with their number; their credential's own count goes on."""
    stats(failed("b"))
    for _ in range(80):
        stats(failed(error_class=ErrorClass.PERMANENT, reason="bad_request"))
    assert [(m.credential, m.times) for m in stats.failures()] == [("a", 80), ("b", 1)]
    assert stats.summary("a").failed == 80


def test_whoever_shows_the_past_knows_when_to_look_again(stats):
    """Successes change nothing of it; switches, failures and what a person does are new."""
    seen = [stats.past]
    for event in [succeeded(), ContentStarted("a", after=0.1)]:
        stats(event)
        assert stats.past == seen[0]
    for event in [failed(), failed(), Switched("a", "b", failback=False)]:
        stats(event)
        seen.append(stats.past)
    stats.act("a", "test")
    assert len({*seen, stats.past}) == 5


def test_it_never_grows(stats):
    """After any number of events the lists and the kinds of causes are bounded."""
    for number in range(500):
        stats(failed(reason=f"reason_{number}"))
        stats(Switched("a", "b", failback=False))
    assert (len(stats.timeline()), len(stats.failures())) == (200, 50)
    summary = stats.summary("a")
    assert len(summary.errors) <= 41
    assert sum(count for *_, count in summary.errors) == 500


def test_threads_lose_nothing(stats):
    """Many threads tell one stats: every event is counted."""

    def tell():
        for _ in range(500):
            stats(succeeded())

    threads = [threading.Thread(target=tell) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stats.summary("a").succeeded == 4000


def ends(stats):
    return [(kind, who) for _, kind, who in stats.ends()]


def test_a_call_that_another_attempt_saves_was_served(stats):
    """Two attempts fail, the third one answers: one call, served."""
    for name in "ab":
        stats(failed(name))
    stats(AttemptSucceeded("c", call=7))
    assert ends(stats) == [("served", "c")]


def exhausted(*, agreed):
    error = AllCredentialsFailedError([("a", "auth", ValueError("no"), 0)])
    error.agreed = error.errors[0].exception if agreed else None
    return Exhausted(error, call=7)


@pytest.mark.parametrize(
    ("failure", "end"),
    [
        (Failure(ErrorClass.AUTH, evidence=Evidence.LIKELY), "doubtful"),
        (Failure(ErrorClass.UNKNOWN, evidence=Evidence.POSSIBLE), "doubtful"),
        (Failure(ErrorClass.AUTH, evidence=Evidence.CERTAIN), "failed"),
        (Failure(ErrorClass.PERMANENT, evidence=Evidence.POSSIBLE), "refused"),
        (Failure(ErrorClass.MODEL_NOT_FOUND, scope=Scope.REQUEST, evidence=Evidence.LIKELY), "refused"),
        (None, "failed"),
    ],
)
def test_an_exhausted_chain_is_a_call_that_failed(stats, failure, end):
    """If all agree, it depends on what they say; of a chain that was not asked at all, the credential is out of order."""
    for agreed in (False, True):
        if failure is not None:
            stats(AttemptFailed("a", failure, call=7, attempt=Attempt("a", Outcome.FAILED, failure)))
            stats(AttemptFailed("b", Failure(ErrorClass.TRANSIENT, "overloaded"), call=7))
        stats(exhausted(agreed=agreed))
    assert ends(stats) == [("failed", "a"), (end, "a")]


@pytest.mark.parametrize(
    ("failure", "end"),
    [
        (Failure(ErrorClass.AUTH, evidence=Evidence.LIKELY), [("known", "a")]),
        (Failure(ErrorClass.PERMANENT, "bad_request", Scope.REQUEST), [("refused", "a")]),
        (Failure(ErrorClass.TRANSIENT, "overloaded"), [("failed", "a")]),
        (None, []),
    ],
)
def test_a_call_that_ended_before_all_were_asked(stats, failure, end):
    """A refusal in words that are known to be about the request is told apart from one that may be the chain's."""
    if failure is not None:
        stats(AttemptFailed("a", failure, call=7))
    for _ in range(2):
        stats(CallFailed(7))
    assert ends(stats) == end


@pytest.mark.parametrize(
    ("failure", "first", "end"),
    [
        (Failure(ErrorClass.PERMANENT, "bad_request", Scope.REQUEST), None, [("refused", "a")]),
        (Failure(ErrorClass.TRANSIENT, "connection"), 0.2, [("failed", "a")]),
        (Failure(ErrorClass.TRANSIENT, "deadline"), None, [("failed", "a")]),
        (Failure(ErrorClass.TRANSIENT, "overloaded"), None, []),
    ],
)
def test_a_failed_attempt_that_nothing_follows(stats, failure, first, end):
    """A request at fault, a stream that broke off after content, a deadline: so the call has ended. Else another attempt follows."""
    stats(AttemptFailed("a", failure, call=7, attempt=Attempt("a", Outcome.FAILED, failure, 1.0, first)))
    assert ends(stats) == end
    stats(AttemptSucceeded("b", call=7))
    assert ends(stats) == [("served", "b")]


def test_a_key_is_cut_out_before_anybody_sees_it(stats):
    """Of every text of a record, the parts of a pair too, when it is made: what is kept, sent and written is masked and bounded."""
    stats.attach(Chain([Credential("a", api_key=Secret("the-first-half:the-second-half"), headers={"x-team": "the-team-header"})]))
    said = "the-first-half and the-second-half, the-team-header, sk-live-0123456789abcdef0123 " + "x" * 2000
    failure = Failure(ErrorClass.AUTH, "invalid_key", message=said, rule=f"body: {said}", trace=(said,) * 40)
    stats(AttemptFailed("a", failure, call=1))
    stats(Exhausted(AllCredentialsFailedError([("a", "auth", ValueError(said), 0)]), call=1))
    told = repr(stats.report())
    for secret in ("the-first-half", "the-second-half", "the-team-header", "sk-live"):
        assert secret not in told
    (record,) = stats.failures()
    assert (len(record.message), len(record.failure.rule), len(record.failure.trace)) == (600, 120, 12)
