"""The book of a chain: what it tells is what happened, and it never grows."""

import random
import threading

import pytest

from sparekey.core.events import (
    AttemptAbandoned,
    AttemptFailed,
    AttemptSucceeded,
    ContentStarted,
    Exhausted,
    Parked,
    Probed,
    Recovered,
    Switched,
)
from sparekey.errors import AllCredentialsFailedError
from sparekey.stats.chain_stats import ChainStats
from sparekey.stats.quantiles import Window
from sparekey.types import Attempt, ErrorClass, Failure, Outcome, Usage

NOON = 20_000 * 86400 + 43_200.0


def succeeded(name="a", duration=0.2, usage=None):
    return AttemptSucceeded(name, attempt=Attempt(name, Outcome.SUCCEEDED, duration=duration, usage=usage))


def failed(name="a", error_class=ErrorClass.AUTH, reason="invalid_key"):
    failure = Failure(error_class, reason, status=401, message="no", trace=("read",))
    return AttemptFailed(name, failure, call=7, number=2, attempt=Attempt(name, Outcome.FAILED, failure, duration=0.1))


@pytest.fixture
def book(clock):
    clock.now = NOON
    return ChainStats(clock)


def test_it_counts_attempts_and_causes(book):
    """Requests by outcome, failures by class and reason, the most frequent first."""
    for event in [succeeded(), failed(), failed(reason="revoked"), failed(reason="revoked"), AttemptAbandoned("a")]:
        book(event)
    account = book.account("a")
    assert (account.requests, account.succeeded, account.failed, account.abandoned) == (5, 1, 3, 1)
    assert account.errors == (("auth", "revoked", 2), ("auth", "invalid_key", 1))


def test_tokens_are_of_today(book, clock):
    """At midnight UTC the day's counts begin anew; a broken-off attempt has used tokens, too."""
    book(succeeded(usage=Usage(10, 5)))
    book(AttemptAbandoned("a", attempt=Attempt("a", Outcome.ABANDONED, usage=Usage(3, 1))))
    account = book.account("a")
    assert (account.prompt_tokens, account.completion_tokens) == (13, 6)
    clock.advance(43_200)
    account = book.account("a")
    assert (account.requests, account.prompt_tokens, account.errors) == (0, 0, ())


def test_quantiles_are_those_of_the_last_minutes(book, clock):
    """Durations of successes and times to first content, within 5 %, forgotten after ten minutes."""
    dice = random.Random(5)
    values = sorted(dice.lognormvariate(0, 1) for _ in range(2000))
    for value in values:
        book(succeeded(duration=value))
        book(ContentStarted("a", after=value / 10))
        clock.advance(0.1)
    account = book.account("a")
    assert account.latency == pytest.approx((values[1000], values[1900]), rel=0.06)
    assert account.first_content == pytest.approx((values[1000] / 10, values[1900] / 10), rel=0.06)
    assert sum(v is not None for v in account.recent) in {10, 11}
    assert account.recent[0] is None, "the oldest slice is older than the first value"
    clock.advance(600)
    assert book.account("a").latency == (None, None)


@pytest.mark.parametrize("value", [0, 1e-9, 0.001, 3600, float("inf")])
def test_a_window_takes_any_duration(value):
    """The ends of the scale are taken, too."""
    window = Window()
    window.add(value, 5.0)
    assert window.count(5.0) == 1
    assert window.quantiles(5.0, [0.5])[0] > 0


def test_the_timeline_tells_switches_parks_and_recoveries(book):
    """The newest first; what one failure parked is one entry."""
    book(Parked("credential:a", 600, ErrorClass.QUOTA_EXCEEDED, "daily_quota"))
    book(Parked("account:x", 600, ErrorClass.QUOTA_EXCEEDED, "daily_quota"))
    book(Switched("a", "b", failback=False))
    book(Probed("credential:a"))
    book(Recovered("credential:a"))
    book(Switched("b", "a", failback=True))
    book(Parked("credential:b", 60, None, "held"))
    book(Exhausted(AllCredentialsFailedError([], retry_after=3)))
    book.act("b", "release")
    moments = book.timeline()
    assert [m.kind for m in moments] == ["action", "exhausted", "held", "failback", "recovered", "probed", "failover", "parked"]
    assert moments[-1].what == ("credential:a", "account:x")
    assert (moments[-2].old, moments[-2].what) == ("a", ("credential:b",))


def test_failed_attempts_are_kept_for_explain(book, clock):
    """Each with its failure; the last one also beside its credential."""
    book(failed())
    clock.advance(5)
    book(failed("b"))
    newest, oldest = book.misses()
    assert (newest.credential, newest.at - oldest.at, newest.call, newest.number) == ("b", 5, 7, 2)
    assert oldest.failure.trace == ("read",)
    assert book.account("a").last_failure is oldest


def test_a_night_without_a_working_key_is_a_few_lines(book, clock):
    """What repeats itself is counted, and moves up: the switch before it stays in the list. Something that changed begins anew."""
    book(Switched("a", "b", failback=False))
    for _ in range(500):
        clock.advance(5)
        book(Probed("credential:b"))
        book(Parked("credential:b", 600, ErrorClass.AUTH, "invalid_key"))
        book(Parked("account:x", 600, ErrorClass.AUTH, "invalid_key"))
        book(Exhausted(AllCredentialsFailedError([])))
    moments = book.timeline()
    assert [(m.kind, m.times) for m in moments] == [("exhausted", 500), ("parked", 500), ("probed", 500), ("failover", 1)]
    assert moments[1].what == ("credential:b", "account:x")
    assert (moments[0].since, moments[0].at) == (NOON + 5, NOON + 2500)
    book(Recovered("credential:b"))
    book(Exhausted(AllCredentialsFailedError([])))
    assert [m.kind for m in book.timeline()[:3]] == ["exhausted", "recovered", "exhausted"]


def test_what_two_credentials_went_through_together_is_not_counted_for_one(book, clock):
    """Two keys that were parked in one moment, and later one of them again: two lines."""
    for name in "ab":
        book(Parked(f"credential:{name}", 600, ErrorClass.AUTH, "invalid_key"))
    clock.advance(600)
    book(Parked("credential:a", 600, ErrorClass.AUTH, "invalid_key"))
    assert [(m.what, m.times) for m in book.timeline()] == [(("credential:a",), 1), (("credential:a", "credential:b"), 1)]


def test_a_client_that_repeats_a_bad_request_hides_no_other_failure(book):
    """Failures that are alike and follow each other are one, with their number; their credential's own count goes on."""
    book(failed("b"))
    for _ in range(80):
        book(failed(error_class=ErrorClass.PERMANENT, reason="bad_request"))
    assert [(m.credential, m.times) for m in book.misses()] == [("a", 80), ("b", 1)]
    assert book.account("a").failed == 80


def test_whoever_shows_the_past_knows_when_to_look_again(book):
    """Successes change nothing of it; switches, failures and what a person does are new."""
    seen = [book.past]
    for event in [succeeded(), ContentStarted("a", after=0.1)]:
        book(event)
        assert book.past == seen[0]
    for event in [failed(), failed(), Switched("a", "b", failback=False)]:
        book(event)
        seen.append(book.past)
    book.act("a", "test")
    assert len({*seen, book.past}) == 5


def test_it_never_grows(book):
    """After any number of events the lists and the kinds of causes are bounded."""
    for number in range(500):
        book(failed(reason=f"reason_{number}"))
        book(Switched("a", "b", failback=False))
    assert (len(book.timeline()), len(book.misses())) == (200, 50)
    account = book.account("a")
    assert len(account.errors) <= 41
    assert sum(count for *_, count in account.errors) == 500


def test_threads_lose_nothing(book):
    """Many threads tell one book: every event is counted."""

    def tell():
        for _ in range(500):
            book(succeeded())

    threads = [threading.Thread(target=tell) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert book.account("a").succeeded == 4000


def test_a_credential_that_is_gone_is_forgotten(book):
    """After a new configuration only its credentials have rows; the timeline stays."""
    book(succeeded("a"))
    book(failed("b"))
    book.keep_only(frozenset({"a"}))
    assert (book.account("a").requests, book.account("b").requests, len(book.misses())) == (1, 0, 1)
