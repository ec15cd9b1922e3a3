"""The table of error classes and the knobs, as the design states them."""

from dataclasses import fields

import pytest

from chain_play import (
    CERTAIN,
    LIKELY,
    POSSIBLE,
    auth,
    blank,
    no_model,
    overloaded,
    permanent,
    quota,
    rate_limit,
    refusal,
    silent,
    unknown,
    unreached,
    unsafe,
)
from sparekey.core.policy import (
    KNOBS,
    REACTIONS,
    SOFT_PARK_SECONDS,
    Advance,
    Parking,
    Policy,
    is_blind,
    is_fail_fast,
    is_refusal,
    reaction_to,
    walking_once,
)
from sparekey.core.timing import LONGEST_STATED_SECONDS
from sparekey.types import ErrorClass

TABLE = [
    # class, next credential, same again, first park, growth, cap, jitter, heeds a stated wait
    ("permanent", Advance.NEVER, False, None, False),
    ("content_safety", Advance.NEVER, False, None, False),
    ("input_too_large", Advance.OTHER_MODEL, False, None, False),
    ("auth", Advance.ALWAYS, False, Parking(600, 2, 3600, 0.0), False),
    ("quota_exceeded", Advance.ALWAYS, False, Parking(600, 2, 3600, 0.0), True),
    ("model_not_found", Advance.ALWAYS, False, Parking(600, 2, 43200, 0.0), False),
    ("transient", Advance.ALWAYS, True, Parking(5, 2, 30, 0.2, soft=True), True),
    ("unknown", Advance.ALWAYS, False, Parking(5, 2, 300, 0.2), True),
]


@pytest.mark.parametrize(("name", "advance", "same", "parking", "heeds"), TABLE)
def test_each_class_reacts_as_the_table_says(name, advance, same, parking, heeds):
    """The class alone drives behaviour: this is the table of the design, row by row."""
    found = REACTIONS[ErrorClass(name)]
    assert (found.advance, found.retry_same, found.parking, found.heeds_stated) == (advance, same, parking, heeds)


def test_the_table_is_complete():
    """Every class has a row."""
    assert set(REACTIONS) == set(ErrorClass)


def test_the_bounds_of_belief():
    """Less than certainty parks for 5 s; a stated wait is believed for 32 days."""
    assert SOFT_PARK_SECONDS == 5.0
    assert LONGEST_STATED_SECONDS == 32 * 24 * 3600


@pytest.mark.parametrize("name", ["permanent", "content_safety", "input_too_large"])
def test_the_request_is_at_fault(name):
    """Three classes fail fast for credentials of one model."""
    assert is_fail_fast(name)


@pytest.mark.parametrize("name", ["auth", "quota_exceeded", "model_not_found", "transient", "unknown", "no such word"])
def test_another_credential_may_help(name):
    """The other five go on, and so does a word that does not exist."""
    assert not is_fail_fast(name)


# ── what is a refusal (DESIGN.md 3.1) ──

REFUSALS = [
    *(make(evidence=evidence) for make in (auth, quota, no_model, unknown) for evidence in (LIKELY, POSSIBLE)),
    *(make(evidence=POSSIBLE) for make in (rate_limit, overloaded)),
    quota(30, POSSIBLE, wait_is_certain=False),
    refusal(),
    blank(),
]
NONE = [
    *(make(evidence=CERTAIN) for make in (auth, quota, no_model, unknown, rate_limit, overloaded)),
    *(make(evidence=LIKELY) for make in (rate_limit, overloaded)),
    silent(),
    unreached(),
    unreached(evidence=POSSIBLE),
    permanent(),
    unsafe(),
    quota(30, LIKELY),
]


@pytest.mark.parametrize("failure", REFUSALS, ids=lambda f: f"{f.error_class} {f.evidence}")
def test_words_that_may_be_about_the_request_are_a_refusal(failure):
    """Likely or possible is not certain: it may be about the request or about the credential."""
    assert is_refusal(failure)


@pytest.mark.parametrize("failure", NONE, ids=lambda f: f"{f.error_class} {f.evidence}")
def test_what_is_certain_and_what_passes_is_no_refusal(failure):
    """The provider's own code, a wait in a header, the request's own fault, an overload, silence, no connection."""
    assert not is_refusal(failure)


def test_a_400_that_says_nothing_is_shown_to_one_more():
    """It blames the request by its bare status; one whose text says so fails fast."""
    assert is_blind(blank())
    assert reaction_to(blank()).advance is Advance.ONE_MORE
    assert not is_blind(permanent())
    assert reaction_to(permanent()).advance is Advance.NEVER


# ── the knobs ──


def test_defaults():
    """The defaults are those of the design: one set for the library, the transports and the configuration."""
    p = Policy()
    assert (p.failback_timeout_seconds, p.failback_request_count, p.patience, p.retry_same) == (600.0, 50, 2.0, True)
    assert (p.retry_delay, p.max_retries, p.backoff, p.max_backoff) == (0.1, 1, 0.5, 8.0)
    assert (p.deadline, p.attempt_limit, p.probe_lease, p.rescue_interval) == (None, None, 60.0, 5.0)
    assert (p.first_content_limit, p.answer_limit, p.idle_limit, p.stream_recovery) == (10.0, 30.0, 15.0, "splice")
    assert (p.hedge_share, p.hedge_burst, p.retry_share, p.retry_burst, p.egress_patience) == (0.1, 8.0, 0.2, 10.0, 10.0)


def test_a_wrapper_around_ready_made_instances_walks_once():
    """They retry by themselves."""
    p = walking_once(30.0, 7)
    assert (p.retry_same, p.max_retries, p.failback_timeout_seconds, p.failback_request_count) == (False, 0, 30.0, 7)


def test_every_knob_says_what_it_does_and_where_its_default_comes_from():
    """The configuration, the limits and the documentation are made from these words."""
    assert list(KNOBS) == [f.name for f in fields(Policy)]
    assert all(knob.meaning.endswith((".", ").")) and knob.origin for knob in KNOBS.values())


NUMBERS = [name for name in KNOBS if name not in ("retry_same", "stream_recovery")]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_has_a_least(name):
    """Its least is taken or not, what is less is refused with its name and value, and so is what is no number."""
    least, above = KNOBS[name].least, KNOBS[name].above
    assert getattr(Policy(**{name: least + 1}), name) == least + 1
    if above:
        with pytest.raises(ValueError, match=rf"^{name} must be > {least:g}( \(None: no limit\))?, got {least!r}$"):
            Policy(**{name: least})
    else:
        assert getattr(Policy(**{name: least}), name) == least
        with pytest.raises(ValueError, match=f"^{name} must be >= {least:g}, got {least - 1!r}$"):
            Policy(**{name: least - 1})
    for nonsense in (float("nan"), "5"):
        with pytest.raises((ValueError, TypeError), match=r"nan|'5'"):
            Policy(**{name: nonsense})


@pytest.mark.parametrize(
    ("name", "least", "above"), [("failback_request_count", 1, False), ("probe_lease", 0, True), ("deadline", 0, True)]
)
def test_zero_is_refused_where_it_means_nothing(name, least, above):
    """A count of none, a lease and a deadline of no time."""
    assert (KNOBS[name].least, KNOBS[name].above) == (least, above)


@pytest.mark.parametrize("name", ["deadline", "attempt_limit", "first_content_limit", "idle_limit"])
def test_a_limit_may_be_none(name):
    """Then there is no limit."""
    assert getattr(Policy(**{name: None}), name) is None


@pytest.mark.parametrize("word", ["splice", "buffer", "continue", "error"])
def test_the_four_recoveries(word):
    """Each is taken by its word; another word is refused with those that exist."""
    assert Policy(stream_recovery=word).stream_recovery == word
    with pytest.raises(ValueError, match=f"one of splice, buffer, continue, error, got '{word}!'"):
        Policy(stream_recovery=f"{word}!")
