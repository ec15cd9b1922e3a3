"""What a rule says, apart from when it speaks: class, reason and scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.types import ErrorClass, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

PERMANENT: Final = ErrorClass.PERMANENT
CONTENT: Final = ErrorClass.CONTENT_SAFETY
LARGE: Final = ErrorClass.INPUT_TOO_LARGE
AUTH: Final = ErrorClass.AUTH
QUOTA: Final = ErrorClass.QUOTA_EXCEEDED
MODEL: Final = ErrorClass.MODEL_NOT_FOUND
TRANSIENT: Final = ErrorClass.TRANSIENT
UNKNOWN: Final = ErrorClass.UNKNOWN

_SCOPE_OF: Final[Mapping[ErrorClass, Scope]] = {
    PERMANENT: Scope.REQUEST,
    CONTENT: Scope.REQUEST,
    LARGE: Scope.REQUEST,
    AUTH: Scope.CREDENTIAL,
    QUOTA: Scope.ACCOUNT,
    MODEL: Scope.CREDENTIAL,
    TRANSIENT: Scope.ENDPOINT,
    UNKNOWN: Scope.UNKNOWN,
}
# A limit on the rate belongs to the key (or its account), a fault to the host.
_RATE_REASONS: Final = frozenset({"rate_limited", "concurrency"})


class Meaning(NamedTuple):
    """What a matched condition means.

    Attributes:
        error_class: the class it gives.
        reason: the finer cause.
        scope: whom it blames.
        seen: where the condition was seen: providers, or the page of their documentation.
        statuses: the rule speaks only under these HTTP statuses (0: none known); empty: under any.
        unreached: it says that no connection came about.
        certain: as a code in a field of its own it can mean nothing else: proof at once (DESIGN.md 3.1).
    """

    error_class: ErrorClass
    reason: str
    scope: Scope
    seen: str = ""
    statuses: frozenset[int] = frozenset()
    unreached: bool = False
    certain: bool = False


def meaning(
    error_class: ErrorClass,
    reason: str,
    seen: str = "",
    *,
    scope: Scope | None = None,
    statuses: frozenset[int] = frozenset(),
    unreached: bool = False,
    certain: bool = False,
) -> Meaning:
    """Make a `Meaning`; the scope follows from class and reason (DESIGN.md section 2) unless it is given."""
    if scope is None:
        scope = Scope.CREDENTIAL if reason in _RATE_REASONS else _SCOPE_OF[error_class]
    return Meaning(error_class, reason, scope, seen, statuses, unreached, certain)
