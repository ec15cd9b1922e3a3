"""What sparekey's own exceptions mean when an outer chain meets them as causes."""

from __future__ import annotations

from typing import Final

from sparekey.errors import (
    AllCredentialsFailedError,
    CircuitBreakerOpen,
    CredentialParkedError,
    DeadlineExceeded,
    LimitExceeded,
    OverloadedError,
)
from sparekey.types import ErrorClass, Evidence, Failure, Scope

_OURS: Final = (AllCredentialsFailedError, CircuitBreakerOpen, CredentialParkedError, DeadlineExceeded, LimitExceeded, OverloadedError)


def classify_ours(exc: BaseException) -> Failure | None:
    """Return what an exception of sparekey's means; None if it is not one of them."""
    if not isinstance(exc, _OURS):
        return None
    error_class, scope, evidence, wait = ErrorClass.TRANSIENT, Scope.UNKNOWN, Evidence.CERTAIN, None
    if isinstance(exc, AllCredentialsFailedError):
        error_class, reason, wait = _of_all(exc), "all_credentials_failed", exc.retry_after
    elif isinstance(exc, CredentialParkedError):
        reason, wait = "parked", exc.seconds
    elif isinstance(exc, CircuitBreakerOpen):
        reason, wait = "breaker_open", getattr(exc, "retry_after", None)
    elif isinstance(exc, OverloadedError):
        reason, wait = "concurrency", exc.retry_after
    elif isinstance(exc, LimitExceeded):
        # silence is the endpoint's fault, but a slow beginning is the credential's: another key of
        # the endpoint may be faster. An attempt that the caller's own deadline cut short proves
        # little.
        reason = exc.reason
        scope = Scope.CREDENTIAL if reason in {"deadline", "slow_start", "slow_answer"} else Scope.ENDPOINT
        evidence = Evidence.POSSIBLE if reason == "deadline" else Evidence.CERTAIN
    else:
        reason, evidence = "deadline", Evidence.POSSIBLE
    return Failure(
        error_class,
        reason,
        scope,
        retry_after=wait if isinstance(wait, (int, float)) and wait >= 0 else None,
        message=str(exc)[:300],
        evidence=evidence,
        timed_out=isinstance(exc, (LimitExceeded, DeadlineExceeded)),
        rule=f"exception: {type(exc).__name__}",
    )


def ours_within(exc: BaseException) -> Failure | None:
    """Return what the exception of sparekey's means that `exc` is or was raised from; None if none.

    An exception with an HTTP status speaks for itself, and ends the search.
    """
    current: BaseException | None = exc
    for _ in range(8):
        if current is None or "status_code" in getattr(current, "__dict__", ()):
            break
        if failure := classify_ours(current):
            return failure
        current = current.__cause__
    return None


def _of_all(exc: AllCredentialsFailedError) -> ErrorClass:
    """Return the class of an exhausted chain.

    It is transient if any credential's is, else quota if any is, auth if all are, else unknown.
    """
    classes = {str(entry.error_class) for entry in exc.errors}
    for error_class in (ErrorClass.TRANSIENT, ErrorClass.QUOTA_EXCEEDED):
        if error_class in classes:
            return error_class
    return ErrorClass.AUTH if classes == {"auth"} else ErrorClass.UNKNOWN
