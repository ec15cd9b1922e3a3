"""What each error class does: the table of the design as data, and the knobs of one chain."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

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
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Parking:
    """How long a credential is parked, in seconds: `first`, then times `factor` for each park in a row, up to `cap`."""

    first: float
    factor: float
    cap: float
    jitter: float = 0.0
    """Spread around the length, as a share of it: 0.2 means 20 % either way."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What one error class does."""

    advance: Advance
    parking: Parking | None = None
    retry_same: bool = False
    """Whether the same credential may be tried once more (if the wait is within the policy's patience)."""
    heeds_stated: bool = False
    """Whether a wait that the provider states replaces the table's length."""
    mild: bool = False
    """Whether traffic may go to it all the same when every credential is parked."""


_FAIL_FAST: Final = Reaction(Advance.NEVER)

REACTIONS: Final[Mapping[ErrorClass, Reaction]] = MappingProxyType(
    {
        ErrorClass.PERMANENT: _FAIL_FAST,
        ErrorClass.CONTENT_SAFETY: _FAIL_FAST,
        ErrorClass.INPUT_TOO_LARGE: Reaction(Advance.OTHER_MODEL),
        ErrorClass.AUTH: Reaction(Advance.ALWAYS, Parking(600, 2, 3600)),
        ErrorClass.QUOTA_EXCEEDED: Reaction(Advance.ALWAYS, Parking(600, 2, 3600), heeds_stated=True),
        ErrorClass.MODEL_NOT_FOUND: Reaction(Advance.ALWAYS, Parking(600, 2, 12 * 3600)),
        ErrorClass.TRANSIENT: Reaction(Advance.ALWAYS, Parking(5, 2, 30, 0.2), retry_same=True, heeds_stated=True, mild=True),
        ErrorClass.UNKNOWN: Reaction(Advance.ALWAYS, Parking(5, 2, 300, 0.2), heeds_stated=True, mild=True),
    }
)

_FAIL_FAST_CLASSES: Final = frozenset(str(c) for c, reaction in REACTIONS.items() if reaction.advance is not Advance.ALWAYS)

WEAK_PARK_SECONDS: Final = 5.0
"""The longest park that weak evidence can cause until another request confirms it."""
LONGEST_STATED_SECONDS: Final = 32 * 86400.0
"""A stated wait beyond a month's quota is not believed further than this."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The knobs of one chain; all times in seconds.

    Attributes:
        failback_timeout_seconds: time since the last switch after which traffic steps one credential up.
        failback_request_count: requests served since the last switch after which it does so too.
        patience: the longest wait for which a request stays with the same credential instead of moving on.
        retry_same: whether a transient failure is tried once more on the same credential. Off where the instances behind the
            chain retry by themselves.
        retry_delay: the wait before that second try when the provider states none.
        max_retries: further rounds over the ring when it was exhausted by transient failures only.
        backoff: the first pause between two rounds; it doubles from round to round.
        max_backoff: the longest pause between two rounds; a longer stated wait ends the request instead.
        deadline: for one whole call, or None for no limit. A spent deadline starts nothing, and ends what runs.
        attempt_limit: for one attempt: a call until its answer, a stream until its end. None: no limit but the client's own.
        first_content_limit: for the first content of a stream; then the next credential is started beside the slow one. None: no limit.
            It does not bind the last candidate.
        idle_limit: between two pieces of content of a stream. None: no limit.
        stream_recovery: what follows when a stream breaks after its first content, one of the words of `Recovery`.
        hedge_share: how many of a hundred streams may have a second one started beside them, as a share: 0.1 are ten.
        hedge_burst: how many may in a row. Where neither allows it, the slow one is given up instead.
        probe_lease: after this time without a result a probe counts as lost and another one may be sent.
        rescue_interval: how often one request may try a chain whose credentials are all parked for auth or quota.
    """

    failback_timeout_seconds: float = 600.0
    failback_request_count: int = 50
    patience: float = 2.0
    retry_same: bool = False
    retry_delay: float = 0.5
    max_retries: int = 0
    backoff: float = 0.5
    max_backoff: float = 8.0
    deadline: float | None = None
    attempt_limit: float | None = None
    first_content_limit: float | None = 10.0
    idle_limit: float | None = 15.0
    stream_recovery: str = Recovery.SPLICE
    hedge_share: float = 0.1
    hedge_burst: float = 10.0
    probe_lease: float = 60.0
    rescue_interval: float = 5.0

    def __post_init__(self) -> None:
        """Refuse numbers that no chain can work with, and words that do not exist."""
        for name in _NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)!r}")
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be > 0, got {value!r}")
        if self.stream_recovery not in set(Recovery):
            raise ValueError(f"stream_recovery must be one of {', '.join(Recovery)}, got {self.stream_recovery!r}")


_NOT_NEGATIVE: Final = (
    "failback_timeout_seconds",
    "patience",
    "retry_delay",
    "max_retries",
    "backoff",
    "max_backoff",
    "rescue_interval",
    "hedge_share",
    "hedge_burst",
)
_POSITIVE: Final = ("failback_request_count", "probe_lease", "deadline", "attempt_limit", "first_content_limit", "idle_limit")


def is_fail_fast(error_class: str) -> bool:
    """Return whether no other credential of the same model can help: the request itself is at fault. Unknown words are not."""
    return error_class in _FAIL_FAST_CLASSES


def is_weak(failure: Failure) -> bool:
    """Return whether the caller's own words could have made this verdict. A text that tells nothing is no verdict that they could make."""
    return failure.evidence is Evidence.WEAK and failure.error_class is not ErrorClass.UNKNOWN
