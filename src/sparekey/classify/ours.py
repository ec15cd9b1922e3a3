"""What sparekey's own exceptions mean, when they come back in as causes of an outer chain's failure."""

from __future__ import annotations

from typing import Final

from sparekey.errors import AllCredentialsFailedError, CircuitBreakerOpen, CredentialParkedError, DeadlineExceeded, LimitExceeded
from sparekey.types import ErrorClass, Evidence, Failure, Scope

_MAX_CHAIN: Final = 8
_OURS: Final = (AllCredentialsFailedError, CircuitBreakerOpen, CredentialParkedError, DeadlineExceeded, LimitExceeded)


def classify_ours(exc: BaseException) -> Failure | None:
    """Return the failure that an exception of sparekey's stands for, or None if `exc` is not one of these."""
    if not isinstance(exc, _OURS):
        return None
    if isinstance(exc, AllCredentialsFailedError):
        return _of_all(exc)
    if isinstance(exc, CredentialParkedError):
        return _ours(exc, ErrorClass.TRANSIENT, "parked", exc.seconds)
    if isinstance(exc, CircuitBreakerOpen):
        wait = getattr(exc, "retry_after", None)
        return _ours(exc, ErrorClass.TRANSIENT, "breaker_open", wait if isinstance(wait, (int, float)) and wait >= 0 else None)
    if isinstance(exc, LimitExceeded):
        return _of_limit(exc)
    return _ours(exc, ErrorClass.TRANSIENT, "deadline", None, timed_out=True)


def ours_within(exc: BaseException) -> Failure | None:
    """Return the failure of sparekey's own that `exc` is or was raised from; what carries an HTTP status speaks for itself."""
    if exc.__cause__ is None and not isinstance(exc, _OURS):
        return None
    current: BaseException | None = exc
    for _ in range(_MAX_CHAIN):
        if current is None or "status_code" in getattr(current, "__dict__", ()):
            return None
        if failure := classify_ours(current):
            return failure
        current = current.__cause__
    return None


def _of_limit(exc: LimitExceeded) -> Failure:
    """Silence is the endpoint's, but a slow beginning: another key of the same endpoint may have been the faster one.

    Where the caller's own deadline cut the attempt short, that is weak proof against anybody.
    """
    weak = exc.reason == "deadline"
    return Failure(
        ErrorClass.TRANSIENT,
        exc.reason,
        Scope.CREDENTIAL if weak or exc.reason in {"slow_start", "slow_answer"} else Scope.ENDPOINT,
        message=str(exc),
        evidence=Evidence.POSSIBLE if weak else Evidence.CERTAIN,
        timed_out=True,
        rule=f"exception: {type(exc).__name__}",
    )


def _of_all(exc: AllCredentialsFailedError) -> Failure:
    """Transient if any is transient, quota if any is quota, auth only if all are auth, else unknown (DESIGN.md section 2)."""
    classes = {str(entry.error_class) for entry in exc.errors}
    if ErrorClass.TRANSIENT in classes:
        verdict = ErrorClass.TRANSIENT
    elif ErrorClass.QUOTA_EXCEEDED in classes:
        verdict = ErrorClass.QUOTA_EXCEEDED
    else:
        verdict = ErrorClass.AUTH if classes == {"auth"} else ErrorClass.UNKNOWN
    return _ours(exc, verdict, "all_credentials_failed", exc.retry_after)


def _ours(exc: BaseException, error_class: ErrorClass, reason: str, wait: float | None, *, timed_out: bool = False) -> Failure:
    return Failure(
        error_class,
        reason,
        Scope.UNKNOWN,
        retry_after=wait,
        message=str(exc)[:300],
        evidence=Evidence.POSSIBLE if isinstance(exc, DeadlineExceeded) else Evidence.CERTAIN,
        timed_out=timed_out,
        rule=f"exception: {type(exc).__name__}",
    )
