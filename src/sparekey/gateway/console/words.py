"""States and causes in plain words: why a credential does not serve, and what happens next. Data and sentences, no numbers that move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.core.operator import HELD
from sparekey.core.pool import known_guards, until
from sparekey.core.status import Standing
from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.core.pool import Pool, PoolState
    from sparekey.core.status import CredentialStatus

CAUSES: Final[Mapping[ErrorClass, str]] = {
    ErrorClass.PERMANENT: "A request was refused",
    ErrorClass.CONTENT_SAFETY: "A request was refused for its content",
    ErrorClass.INPUT_TOO_LARGE: "A request was too large",
    ErrorClass.AUTH: "Its key is refused",
    ErrorClass.QUOTA_EXCEEDED: "Its quota is used up",
    ErrorClass.MODEL_NOT_FOUND: "Its model is missing",
    ErrorClass.TRANSIENT: "Its provider fails for the moment",
    ErrorClass.UNKNOWN: "It failed, and the answer does not tell why",
}
REASONS: Final[Mapping[str, str]] = {
    "invalid_key": "Its key is not valid",
    "missing_key": "It has no key",
    "expired_key": "Its key has expired or was revoked",
    "permission_denied": "Its key may not do this",
    "account_overdue": "Its account has an open bill",
    "account_suspended": "Its account is suspended",
    "billing_not_active": "Its account has no billing",
    "subscription_expired": "Its subscription has ended",
    "region_blocked": "Its provider does not serve this region",
    "ip_blocked": "Its provider does not allow this IP address",
    "insufficient_balance": "Its account has no balance left",
    "spend_limit": "Its spend limit is reached",
    "daily_quota": "Its quota of the day is used up",
    "period_quota": "Its quota of the period is used up",
    "free_tier_exhausted": "Its free allowance is used up",
    "usage_limit": "Its usage limit is reached",
    "deployment_not_found": "Its deployment is missing",
    "model_retired": "Its model is retired",
    "model_not_entitled": "Its account may not use the model",
    "rate_limited": "Its rate limit is reached",
    "concurrency": "Too many of its requests are under way",
    "overloaded": "Its provider is overloaded",
    "server_error": "Its provider has a fault",
    "unavailable": "Its service is down",
    "bad_gateway": "A proxy before its provider fails",
    "bad_response": "Its provider sends answers that make no sense",
    "model_loading": "Its server is loading the model",
    "timeout": "It did not answer in time",
    "connection": "Its connection broke off",
    "unreached": "It cannot be reached",
}
_WHOLE: Final = {"account": "the whole account is parked", "endpoint": "everything at this endpoint is parked"}


def cause_words(cause: ErrorClass | None, reason: str) -> str:
    """Return why something was parked, as a clause that begins a sentence."""
    if cause is None:
        return "A person holds it back" if reason == HELD else "It is to be tried again"
    return REASONS.get(reason, CAUSES[cause])


def why(pool: Pool, state: PoolState, row: CredentialStatus) -> str:
    """Return in one sentence why a credential does not serve now, or that nothing is wrong with it."""
    if row.standing is Standing.ACTIVE:
        return "It serves: every request starts here."
    if row.standing is Standing.READY:
        return "It is well."
    if row.cause is None and row.reason == HELD and not row.held:
        return "A person held it back."
    whole = _WHOLE.get(_governing(pool, state, row.index).partition(":")[0], "")
    return f"{cause_words(row.cause, row.reason)}{f'; {whole}' if whole else ''}."


def coming(state: PoolState, row: CredentialStatus) -> str:
    """Return in one sentence what will happen to a credential next."""
    higher = row.index < state.active
    match row.standing:
        case Standing.ACTIVE:
            return "It goes on until it fails." if row.index == 0 else "Traffic steps back up when one above it is well."
        case Standing.READY:
            return "Traffic steps back up to it, one credential at a time." if higher else "It takes over when those before it fail."
        case Standing.PROBING:
            return "One request is trying it; the others stay where they are."
        case Standing.DUE:
            return f"The next request {'' if higher else 'that comes to it '}tries it{'; if that goes well, traffic returns' * higher}."
        case Standing.PARKED:
            return f"{_end(row)}{'; if that goes well, traffic returns' * (higher and not _endless(row))}."


def _end(row: CredentialStatus) -> str:
    if _endless(row):
        return "It gets no traffic until a person releases it"
    if row.held:
        return "When the hold ends, one request tries it"
    return "Its provider said how long; then one request tries it" if row.stated else "When the park ends, one request tries it"


def _endless(row: CredentialStatus) -> bool:
    return row.held and endless(row.returns_in)


def endless(seconds: float | None) -> bool:
    """Return whether a park has no end that anybody waits for: a person held it until further notice."""
    return seconds is not None and seconds > _LONGEST


_LONGEST: Final = 366 * 86400.0


def _governing(pool: Pool, state: PoolState, index: int) -> str:
    """The name of the guard that keeps a credential longest; of equals, the credential's own."""
    return max(known_guards(pool, state, index), key=lambda named: until(named[1]), default=("", None))[0]
