"""What each error class does: the table of the design as data, and the knobs of one chain."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.core.timing import believed
from sparekey.types import ErrorClass, Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.types import Failure


class Advance(Enum):
    """Whether the next credential may be tried after a failure."""

    NEVER = "never"
    """Fail fast: the caller gets the provider's own error."""
    OTHER_MODEL = "other_model"
    """Only a credential with a different model; fail fast if there is none."""
    ONE_MORE = "one_more"
    """One more credential is asked; the first answer counts unless that one serves."""
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Parking:
    """How long a credential is parked, in seconds: `first`, then times `factor` for each park in a row, up to `cap`."""

    first: float
    factor: float
    cap: float
    jitter: float = 0.0
    """Spread around the length, as a share of it: 0.2 means 20 % either way."""
    soft: bool = False
    """Whether the credential still takes traffic when no other one does."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What one error class does."""

    advance: Advance
    parking: Parking | None = None
    retry_same: bool = False
    """Whether the same credential may be tried once more (if the wait is within the policy's patience)."""
    heeds_stated: bool = False
    """Whether a wait that the provider states replaces the table's length."""


_FAIL_FAST: Final = Reaction(Advance.NEVER)
_RATE_LIMITS: Final = frozenset({"rate_limited", "concurrency", "stated_wait"})

REACTIONS: Final[Mapping[ErrorClass, Reaction]] = MappingProxyType(
    {
        ErrorClass.PERMANENT: _FAIL_FAST,
        ErrorClass.CONTENT_SAFETY: _FAIL_FAST,
        ErrorClass.INPUT_TOO_LARGE: Reaction(Advance.OTHER_MODEL),
        ErrorClass.AUTH: Reaction(Advance.ALWAYS, Parking(600, 2, 3600)),
        ErrorClass.QUOTA_EXCEEDED: Reaction(Advance.ALWAYS, Parking(600, 2, 3600), heeds_stated=True),
        ErrorClass.MODEL_NOT_FOUND: Reaction(Advance.ALWAYS, Parking(600, 2, 12 * 3600)),
        ErrorClass.TRANSIENT: Reaction(Advance.ALWAYS, Parking(5, 2, 30, 0.2, soft=True), retry_same=True, heeds_stated=True),
        ErrorClass.UNKNOWN: Reaction(Advance.ALWAYS, Parking(5, 2, 300, 0.2), heeds_stated=True),
    }
)

_BLIND: Final = replace(REACTIONS[ErrorClass.UNKNOWN], advance=Advance.ONE_MORE)
"""What a refusal does that says nothing at all (an empty 400): it is shown to one more credential (DESIGN.md 3.2)."""
_FAIL_FAST_CLASSES: Final = frozenset(str(c) for c, reaction in REACTIONS.items() if reaction.advance is not Advance.ALWAYS)

SOFT_PARK_SECONDS: Final = 5.0
"""How long a park from less than certain evidence lasts (DESIGN.md 3.3)."""


class Recovery(StrEnum):
    """What follows when a stream breaks after the caller has seen a part of it (section 4 of the design)."""

    SPLICE = "splice"
    """The next credential answers anew; what was delivered already is compared and left out, the rest flows on."""
    BUFFER = "buffer"
    """The whole answer is held back until it is complete, so that the caller never sees a part."""
    CONTINUE = "continue"
    """The next credential goes on behind the delivered text, where its provider takes such a request; else as `SPLICE`."""
    ERROR = "error"
    """The caller gets the error."""


class Knob(NamedTuple):
    """What is known of one field of `Policy`: the configuration, `limits()` and docs/configuration.md are made from it.

    Attributes:
        meaning: what it does, for people.
        origin: where its default comes from, in one line.
        least: the smallest number that it takes.
        above: it must be greater than `least`, not equal.
        off: what stands for "no limit" where a file cannot say None; None if it has to be a number.
        whole: it takes whole numbers only; a knob whose default is one does so anyway.
    """

    meaning: str
    origin: str
    least: float = 0.0
    above: bool = False
    off: float | None = None
    whole: bool = False


def _knob(default: Any, meaning: str, origin: str, **more: Any) -> Any:
    return field(default=default, metadata={"knob": Knob(meaning, origin, **more)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The knobs of one chain; all times in seconds. `KNOBS` says of each what it does, what it takes and where its default comes from."""

    failback_timeout_seconds: float = _knob(
        600.0, "Seconds since the last switch after which traffic steps one credential up.", "OpenViking's contract"
    )
    failback_request_count: int = _knob(
        50, "Requests served since the last switch after which it does so too.", "OpenViking's contract", least=1
    )
    patience: float = _knob(
        2.0,
        "Seconds of the longest wait for which a request stays with its credential.",
        "S01: a stated wait of 2 s is waited out; most are shorter",
    )
    retry_same: bool = _knob(
        True,
        "Whether a passing fault is tried once more on the same credential where no other one of its model is ready.",
        "S03; off in wrappers around instances that retry by themselves",
    )
    retry_delay: float = _knob(
        0.1, "Seconds before that second try where the provider states none.", "a lone 500: another replica answers at once"
    )
    max_retries: int = _knob(
        1, "Further rounds over the chain when it was exhausted by passing faults only.", "one request makes at most two rounds"
    )
    backoff: float = _knob(
        0.5, "Seconds of the first pause between two rounds; it doubles from round to round.", "the first backoff of the official SDKs"
    )
    max_backoff: float = _knob(
        8.0,
        "Seconds of the longest pause between two rounds; a longer stated wait ends the request instead.",
        "the longest backoff of the official SDKs",
    )
    deadline: float | None = _knob(
        None,
        "Seconds for one whole call: spent, it starts nothing and ends what runs. None: no limit.",
        "the caller's to set",
        above=True,
    )
    attempt_limit: float | None = _knob(
        None, "Seconds for one attempt, a stream to its end. None: no limit but the client's own.", "the caller's to set", above=True
    )
    first_content_limit: float | None = _knob(
        10.0,
        "Seconds to the first content of a stream, then the next credential is started beside it; two and a half times what its"
        " first contents take, where that is more. None: no limit.",
        "S06, S07: an answer in under 15 s",
        above=True,
        off=0.0,
    )
    answer_limit: float | None = _knob(
        30.0,
        "Seconds to a whole answer while nothing is known of its credential, then the next one is started beside it; later, three times"
        " what its answers take. None: never.",
        "H02: an answer within 31 s",
        above=True,
        off=0.0,
    )
    idle_limit: float | None = _knob(
        15.0, "Seconds between two pieces of a stream. None: no limit.", "S09: bounded by 45 s, two attempts included", above=True, off=0.0
    )
    stream_recovery: str = _knob(
        Recovery.SPLICE,
        "What follows when a stream breaks after its first content (see [failover](failover.md)).",
        "a caller never gets a short answer as a whole one",
    )
    hedge_share: float = _knob(0.1, "Share of the calls that may have a second one beside them.", "Dean and Barroso, 2013")
    hedge_burst: float = _knob(8.0, "How many of them in a row.", "H04: 64 at once that are all slow make 1.15 calls each at most")
    retry_share: float = _knob(0.2, "Share of the calls that may be retries.", "at most a fifth more calls than requests in an incident")
    retry_burst: float = _knob(10.0, "How many retries in a row.", "a few callers meet one incident at once")
    egress_patience: float = _knob(
        10.0,
        "Seconds for which a loss of our own network is waited out.",
        "H10: a loss of 5 s fails no request, an error comes within 12 s",
    )
    max_concurrency: int | None = _knob(
        None,
        "Requests of the chain that run at once in one process, streams to their end; more wait for room. None: no limit.",
        "the operator's to set: what the provider and this machine stand",
        least=1,
        whole=True,
    )
    queue_size: int = _knob(
        64,
        "Requests that wait for room at most; then one of the client that has the most of them there is refused at once.",
        "a short queue: what waits longer than its caller is done in vain",
    )
    queue_timeout: float = _knob(
        5.0, "Seconds for which a request waits for room at most, then it is refused.", "shorter than what the official SDKs wait"
    )
    probe_lease: float = _knob(
        60.0, "Seconds without a result after which a probe counts as lost.", "longer than most answers; M03", above=True
    )
    rescue_interval: float = _knob(
        5.0, "Seconds between two requests that ask credentials which are all dead.", "OpenViking issue 729: 5,405 calls in 5 s"
    )

    def __post_init__(self) -> None:
        """Refuse what no chain can work with: wrong types, numbers out of range, words that do not exist."""
        for name, knob in KNOBS.items():
            value, default = getattr(self, name), Policy.__dataclass_fields__[name].default
            if isinstance(default, str):
                if value not in set(Recovery):
                    raise ValueError(f"{name} must be one of {', '.join(Recovery)}, got {value!r}")
            elif isinstance(default, bool):
                if not isinstance(value, bool):
                    raise TypeError(f"{name} must be True or False, got {value!r}")
            elif value is not None or not (default is None or knob.off is not None):
                _check_number(name, knob, value, whole=knob.whole or isinstance(default, int))


def _check_number(name: str, knob: Knob, value: Any, *, whole: bool) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (whole and value % 1):
        raise TypeError(f"{name} must be a {'whole ' if whole else ''}number, got {value!r}")
    if not (value > knob.least if knob.above else value >= knob.least):
        none = " (None: no limit)" if knob.off is not None else ""
        raise ValueError(f"{name} must be {'>' if knob.above else '>='} {knob.least:g}{none}, got {value!r}")


KNOBS: Final[Mapping[str, Knob]] = MappingProxyType({f.name: f.metadata["knob"] for f in fields(Policy)})


def is_fail_fast(error_class: str) -> bool:
    """Return whether no other credential of the same model can help: the request itself is at fault. Unknown words are not."""
    return error_class in _FAIL_FAST_CLASSES


def is_blind(failure: Failure) -> bool:
    """Return whether a refusal blames the request by its bare status, without a word."""
    return failure.error_class is ErrorClass.PERMANENT and failure.evidence is Evidence.POSSIBLE


def reaction_to(failure: Failure) -> Reaction:
    """Return what a failure does."""
    return _BLIND if is_blind(failure) else REACTIONS[failure.error_class]


def is_refusal(failure: Failure) -> bool:
    """Return whether a failure is a no whose words may be about the request or about the credential (DESIGN.md 3).

    It is not where the provider's own code or a stated wait makes it certain, where the request is at fault, and where the fault is a
    passing one of the host: an overload, a rate limit, silence, no connection.
    """
    reaction = reaction_to(failure)
    if failure.evidence is Evidence.CERTAIN or reaction.parking is None or failure.timed_out or failure.unreached:
        return False
    if failure.error_class is ErrorClass.TRANSIENT and failure.evidence is not Evidence.POSSIBLE:
        return False
    return stated_wait(failure) is None


def parks_by_cost(failure: Failure) -> bool:
    """Return whether a park is as long as the failure was dear: not where the provider bounds its callers, however often it says so."""
    return failure.error_class is ErrorClass.TRANSIENT and not is_rate_limit(failure)


def is_rate_limit(failure: Failure) -> bool:
    """Return whether a passing fault bounds what a credential may ask; an overload bounds what the host can answer."""
    return failure.error_class is ErrorClass.TRANSIENT and failure.reason in _RATE_LIMITS


def stated_wait(failure: Failure) -> float | None:
    """Return the wait as the provider stated it; None where the text may be the caller's own, since then so may the wait."""
    heeded = failure.wait_is_certain and reaction_to(failure).heeds_stated
    return believed(failure.retry_after) if heeded else None


def walking_once(failback_timeout_seconds: float, failback_request_count: int) -> Policy:
    """Return the policy of a wrapper around instances that retry by themselves: the ring is walked once a call (DESIGN.md 5.5)."""
    return Policy(
        failback_timeout_seconds=failback_timeout_seconds,
        failback_request_count=failback_request_count,
        retry_same=False,
        max_retries=0,
    )
