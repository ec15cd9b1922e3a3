"""What each error class does: the table of the design as data, and the knobs of one chain."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
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
        ErrorClass.TRANSIENT: Reaction(Advance.ALWAYS, Parking(5, 2, 60, 0.2), retry_same=True, heeds_stated=True, mild=True),
        ErrorClass.UNKNOWN: Reaction(Advance.ALWAYS, Parking(5, 2, 300, 0.2), heeds_stated=True, mild=True),
    }
)

_FAIL_FAST_CLASSES: Final = frozenset(str(c) for c, reaction in REACTIONS.items() if reaction.advance is not Advance.ALWAYS)

WEAK_PARK_SECONDS: Final = 5.0
"""The longest park that weak evidence can cause until another request confirms it."""
LONGEST_STATED_SECONDS: Final = 32 * 86400.0
"""A stated wait beyond a month's quota is not believed further than this."""


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
        deadline: for one whole call, or None for no limit. A spent deadline starts nothing.
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
    probe_lease: float = 60.0
    rescue_interval: float = 5.0

    def __post_init__(self) -> None:
        """Refuse numbers that no chain can work with."""
        for name in ("failback_timeout_seconds", "patience", "retry_delay", "max_retries", "backoff", "max_backoff", "rescue_interval"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)!r}")
        for name in ("failback_request_count", "probe_lease", "deadline"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be > 0, got {value!r}")


def is_fail_fast(error_class: str) -> bool:
    """Return whether no other credential of the same model can help: the request itself is at fault. Unknown words are not."""
    return error_class in _FAIL_FAST_CLASSES


def is_weak(failure: Failure) -> bool:
    """Return whether the caller's own words could have made this verdict. A text that tells nothing is no verdict that they could make."""
    return failure.evidence is Evidence.WEAK and failure.error_class is not ErrorClass.UNKNOWN
