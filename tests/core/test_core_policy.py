"""The table of error classes and the knobs, as the design states them."""

import pytest
from sparekey.core.budget import earned, spent

from sparekey.core.policy import LONGEST_STATED_SECONDS, REACTIONS, WEAK_PARK_SECONDS, Advance, Parking, Policy, is_fail_fast, is_weak
from sparekey.types import ErrorClass, Evidence, Failure

TABLE = [
    # class, next credential, same again, first park, growth, cap, jitter, heeds a stated wait, mild
    ("permanent", Advance.NEVER, False, None, False, False),
    ("content_safety", Advance.NEVER, False, None, False, False),
    ("input_too_large", Advance.OTHER_MODEL, False, None, False, False),
    ("auth", Advance.ALWAYS, False, Parking(600, 2, 3600, 0.0), False, False),
    ("quota_exceeded", Advance.ALWAYS, False, Parking(600, 2, 3600, 0.0), True, False),
    ("model_not_found", Advance.ALWAYS, False, Parking(600, 2, 43200, 0.0), False, False),
    ("transient", Advance.ALWAYS, True, Parking(5, 2, 30, 0.2), True, True),
    ("unknown", Advance.ALWAYS, False, Parking(5, 2, 300, 0.2), True, True),
]


@pytest.mark.parametrize(("name", "advance", "same", "parking", "heeds", "mild"), TABLE)
def test_each_class_reacts_as_the_table_says(name, advance, same, parking, heeds, mild):
    """The class alone drives behaviour: this is the table of the design, row by row."""
    found = REACTIONS[ErrorClass(name)]
    assert (found.advance, found.retry_same, found.parking, found.heeds_stated, found.mild) == (advance, same, parking, heeds, mild)


def test_the_table_is_complete():
    """Every class has a row."""
    assert set(REACTIONS) == set(ErrorClass)


def test_the_bounds_of_belief():
    """Weak evidence parks for 5 s at most; a stated wait is believed for 32 days."""
    assert WEAK_PARK_SECONDS == 5.0
    assert LONGEST_STATED_SECONDS == 32 * 24 * 3600


@pytest.mark.parametrize("name", ["permanent", "content_safety", "input_too_large"])
def test_the_request_is_at_fault(name):
    """Three classes fail fast for credentials of one model."""
    assert is_fail_fast(name)


@pytest.mark.parametrize("name", ["auth", "quota_exceeded", "model_not_found", "transient", "unknown"])
def test_another_credential_may_help(name):
    """The other five go on."""
    assert not is_fail_fast(name)


def test_defaults():
    """The defaults are those of the design."""
    p = Policy()
    assert (p.failback_timeout_seconds, p.failback_request_count, p.patience, p.retry_same) == (600.0, 50, 2.0, False)
    assert (p.retry_delay, p.max_retries, p.backoff, p.max_backoff) == (0.5, 0, 0.5, 8.0)
    assert (p.deadline, p.attempt_limit, p.probe_lease, p.rescue_interval) == (None, None, 60.0, 5.0)
    assert (p.first_content_limit, p.idle_limit, p.stream_recovery) == (10.0, 15.0, "splice")
    assert (p.hedge_share, p.hedge_burst) == (0.1, 10.0)


NOT_NEGATIVE = ["failback_timeout_seconds", "patience", "retry_delay", "max_retries", "backoff", "max_backoff", "rescue_interval"]
NOT_NEGATIVE += ["hedge_share", "hedge_burst"]
POSITIVE = ["failback_request_count", "probe_lease", "deadline", "attempt_limit", "first_content_limit", "idle_limit"]


@pytest.mark.parametrize("name", NOT_NEGATIVE)
def test_zero_is_allowed_and_less_is_not(name):
    """A number below zero is refused with its name and value."""
    assert getattr(Policy(**{name: 0}), name) == 0
    with pytest.raises(ValueError, match=f"^{name} must be >= 0, got -1$"):
        Policy(**{name: -1})
    with pytest.raises(ValueError, match="nan"):
        Policy(**{name: float("nan")})


@pytest.mark.parametrize("name", POSITIVE)
def test_zero_is_refused_where_it_means_nothing(name):
    """A count, a lease and a deadline must be above zero."""
    assert getattr(Policy(**{name: 1}), name) == 1
    with pytest.raises(ValueError, match=f"^{name} must be > 0, got 0$"):
        Policy(**{name: 0})


@pytest.mark.parametrize("error_class", ErrorClass)
def test_an_unknown_text_is_no_weak_verdict(error_class):
    """A caller's words could have made any verdict but that there is none; anything stronger is not weak."""
    assert is_weak(Failure(error_class, evidence=Evidence.WEAK)) is (error_class is not ErrorClass.UNKNOWN)
    assert not is_weak(Failure(error_class, evidence=Evidence.PHRASE))


@pytest.mark.parametrize("word", ["splice", "buffer", "continue", "error"])
def test_the_four_recoveries(word):
    """Each is taken by its word; another word is refused with those that exist."""
    assert Policy(stream_recovery=word).stream_recovery == word
    with pytest.raises(ValueError, match=f"one of splice, buffer, continue, error, got '{word}!'"):
        Policy(stream_recovery=f"{word}!")


def test_a_budget_is_earned_and_spent():
    """Ten in a row, then one for each ten streams; never more than the burst."""
    policy, budget, beside = Policy(), Policy().hedge_burst, 0
    for _ in range(100):
        budget = earned(budget, policy)
        if (left := spent(budget)) is not None:
            budget, beside = left, beside + 1
    assert beside == 10 + 100 // 10 - 1, "a share of the streams, after the burst"
    assert earned(9.95, policy) == earned(10.0, policy) == 10.0
    assert (spent(1.0), spent(0.999)) == (0.0, None)
