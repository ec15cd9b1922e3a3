"""OpenViking's kinds of failures, for programs that read `kind` on an error.

Names and values are those of `ModelErrorKind` in OpenViking 0.5, so members of the two are equal.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from sparekey.classify import classify
from sparekey.errors import AllCredentialsFailedError
from sparekey.types import ErrorClass, Failure


class ModelErrorKind(str, Enum):  # noqa: UP042 - the members of a StrEnum would have other hashes than those that they must equal
    """The kinds of failures in OpenViking."""

    TRANSIENT_SERVICE_ERROR = "transient_service_error"
    TRANSIENT_NETWORK_ERROR = "transient_network_error"
    RATE_LIMIT_ERROR = "rate_limit_error"
    AUTHENTICATION_ERROR = "authentication_error"
    PERMISSION_DENIED = "permission_denied"
    QUOTA_EXHAUSTED = "quota_exhausted"
    MODEL_NOT_FOUND = "model_not_found"
    UNSUPPORTED = "unsupported"
    INVALID_REQUEST = "invalid_request"
    INPUT_TOO_LARGE = "input_too_large"
    CONTENT_SAFETY = "content_safety"
    UNKNOWN = "unknown"


_BY_REASON: Final = {
    **dict.fromkeys(("rate_limited", "concurrency", "stated_wait"), ModelErrorKind.RATE_LIMIT_ERROR),
    **dict.fromkeys(
        ("timeout", "connection", "unreached", "pool_timeout", "cancelled", "deadline", "slow_start", "slow_answer", "brownout", "stalled"),
        ModelErrorKind.TRANSIENT_NETWORK_ERROR,
    ),
    **dict.fromkeys(
        ("permission_denied", "region_blocked", "ip_blocked", "api_disabled", "org_unverified"), ModelErrorKind.PERMISSION_DENIED
    ),
    **dict.fromkeys(("account_overdue", "billing_not_active", "subscription_expired"), ModelErrorKind.QUOTA_EXHAUSTED),
    "unsupported_feature": ModelErrorKind.UNSUPPORTED,
}
_BY_CLASS: Final = {
    ErrorClass.PERMANENT: ModelErrorKind.INVALID_REQUEST,
    ErrorClass.CONTENT_SAFETY: ModelErrorKind.CONTENT_SAFETY,
    ErrorClass.INPUT_TOO_LARGE: ModelErrorKind.INPUT_TOO_LARGE,
    ErrorClass.AUTH: ModelErrorKind.AUTHENTICATION_ERROR,
    ErrorClass.QUOTA_EXCEEDED: ModelErrorKind.QUOTA_EXHAUSTED,
    ErrorClass.MODEL_NOT_FOUND: ModelErrorKind.MODEL_NOT_FOUND,
    ErrorClass.TRANSIENT: ModelErrorKind.TRANSIENT_SERVICE_ERROR,
    ErrorClass.UNKNOWN: ModelErrorKind.UNKNOWN,
}
_PASSING: Final = (
    ModelErrorKind.TRANSIENT_SERVICE_ERROR,
    ModelErrorKind.TRANSIENT_NETWORK_ERROR,
    ModelErrorKind.RATE_LIMIT_ERROR,
    ModelErrorKind.QUOTA_EXHAUSTED,
)
"""The order in which an exhausted chain's kinds decide: what a retry can cure comes first."""


def kind_of(exc: BaseException) -> ModelErrorKind:
    """Return the kind of an error.

    For an exhausted chain it is the kind that a retry can cure soonest, else the one that all its
    credentials share.
    """
    if isinstance(exc, AllCredentialsFailedError):
        return _together([kind_of(one.exception) for one in exc.errors])
    return kind_of_failure(classify(exc))


def kind_of_failure(failure: Failure) -> ModelErrorKind:
    """Return the kind of a failure."""
    return _BY_REASON.get(failure.reason) or _BY_CLASS[failure.error_class]


def _together(kinds: list[ModelErrorKind]) -> ModelErrorKind:
    passing = next((kind for kind in _PASSING if kind in kinds), None)
    return passing or (kinds[0] if len(set(kinds)) == 1 else ModelErrorKind.UNKNOWN)
