"""Every cause that a failure can have: its class, its words for people, what to do about it, and whom it blames (tables/reasons.tsv).

The list is closed. A row of codes.tsv, a labelled example and the learned model name one of these; the class follows from it.
"""

from __future__ import annotations

import os
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.types import ErrorClass, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.types import Failure

OF_CREDENTIAL: Final = frozenset({ErrorClass.AUTH, ErrorClass.QUOTA_EXCEEDED, ErrorClass.MODEL_NOT_FOUND})
OF_REQUEST: Final = frozenset({ErrorClass.PERMANENT, ErrorClass.CONTENT_SAFETY, ErrorClass.INPUT_TOO_LARGE})
"""The classes that fail fast."""
SCOPES: Final[Mapping[ErrorClass, Scope]] = {
    **dict.fromkeys(OF_REQUEST, Scope.REQUEST),
    ErrorClass.AUTH: Scope.CREDENTIAL,
    ErrorClass.MODEL_NOT_FOUND: Scope.CREDENTIAL,
    ErrorClass.QUOTA_EXCEEDED: Scope.ACCOUNT,
    ErrorClass.TRANSIENT: Scope.ENDPOINT,
    ErrorClass.UNKNOWN: Scope.UNKNOWN,
}
"""Whom a class blames, where its reason does not say otherwise (DESIGN.md section 2)."""


class Reason(StrEnum):
    """A cause, as `Failure.reason` names it."""

    INVALID_KEY = "invalid_key"
    MISSING_KEY = "missing_key"
    EXPIRED_KEY = "expired_key"
    PERMISSION_DENIED = "permission_denied"
    ACCOUNT_OVERDUE = "account_overdue"
    ACCOUNT_SUSPENDED = "account_suspended"
    BILLING_NOT_ACTIVE = "billing_not_active"
    SUBSCRIPTION_EXPIRED = "subscription_expired"
    ORG_UNVERIFIED = "org_unverified"
    API_DISABLED = "api_disabled"
    REGION_BLOCKED = "region_blocked"
    IP_BLOCKED = "ip_blocked"
    PROXY_AUTHENTICATION = "proxy_authentication"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    SPEND_LIMIT = "spend_limit"
    DAILY_QUOTA = "daily_quota"
    PERIOD_QUOTA = "period_quota"
    FREE_TIER_EXHAUSTED = "free_tier_exhausted"
    USAGE_LIMIT = "usage_limit"
    LONG_WAIT = "long_wait"
    MODEL_NOT_FOUND = "model_not_found"
    DEPLOYMENT_NOT_FOUND = "deployment_not_found"
    MODEL_RETIRED = "model_retired"
    MODEL_NOT_ENTITLED = "model_not_entitled"
    PATH_NOT_FOUND = "path_not_found"
    BAD_BASE_URL = "bad_base_url"
    RATE_LIMITED = "rate_limited"
    CONCURRENCY = "concurrency"
    OVERLOADED = "overloaded"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    CONFLICT = "conflict"
    BAD_GATEWAY = "bad_gateway"
    BAD_RESPONSE = "bad_response"
    MODEL_LOADING = "model_loading"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    UNREACHED = "unreached"
    POOL_TIMEOUT = "pool_timeout"
    CANCELLED = "cancelled"
    STATED_WAIT = "stated_wait"
    CONTEXT_LENGTH = "context_length"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    BATCH_TOO_LARGE = "batch_too_large"
    REQUEST_OVER_LIMIT = "request_over_limit"
    UNSUPPORTED_FEATURE = "unsupported_feature"
    BAD_PARAMETER = "bad_parameter"
    BAD_IMAGE = "bad_image"
    BAD_SCHEMA = "bad_schema"
    BAD_MESSAGE_ORDER = "bad_message_order"
    MALFORMED_JSON = "malformed_json"
    RESOURCE_FETCH_FAILED = "resource_fetch_failed"
    UNKNOWN_REFERENCE = "unknown_reference"
    OUTPUT_LIMIT = "output_limit"
    EMPTY_INPUT = "empty_input"
    GENERATION_FAILED = "generation_failed"
    BAD_INPUT = "bad_input"
    FILE_SYSTEM = "file_system"
    MODERATION = "moderation"
    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"
    WRONG_VECTOR = "wrong_vector"
    MISSING_DEPENDENCY = "missing_dependency"
    PARKED = "parked"
    BREAKER_OPEN = "breaker_open"
    ALL_CREDENTIALS_FAILED = "all_credentials_failed"
    DEADLINE = "deadline"
    SLOW_START = "slow_start"
    STALLED = "stalled"
    OPERATOR_RULE = "operator_rule"
    OPERATOR_STOP = "operator_stop"
    OPERATOR_STOP_AND_PARK = "operator_stop_and_park"
    OPERATOR_NEXT = "operator_next"
    OPERATOR_NEXT_AND_PARK = "operator_next_and_park"
    NO_KEY = "no_key"
    MISSING_EXTRA = "missing_extra"
    WRONG_CONFIGURATION = "wrong_configuration"
    OTHER_SPACE = "other_space"

    @property
    def error_class(self) -> ErrorClass:
        """What it is for the chain."""
        return _table()[self].error_class

    @property
    def scope(self) -> Scope:
        """Whom it blames."""
        return _table()[self].scope

    @property
    def words(self) -> str:
        """What it is for people; begins small, to stand within a sentence."""
        return _table()[self].words

    @property
    def remedy(self) -> str:
        """What to do about it, one sentence."""
        return _table()[self].remedy


class _Row(NamedTuple):
    error_class: ErrorClass
    scope: Scope
    words: str
    remedy: str


def read_table(name: str) -> bytes:
    """Return the content of a file of `tables/`; `pathlib` would cost the first error 10 ms."""
    with open(os.path.join(os.path.dirname(__file__), "tables", name), "rb") as file:  # noqa: PTH118, PTH120, PTH123 - as above
        return file.read()


def rows(name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the place (`codes.tsv:12`) and the fields of each row of a table."""
    for number, line in enumerate(read_table(name).decode().splitlines(), 1):
        if line and not line.startswith("#"):
            yield f"{name}:{number}", line.split("\t")


@cache
def _table() -> Mapping[str, _Row]:
    found = {}
    for _, (reason, name, scope, *for_people) in rows("reasons.tsv"):
        error_class = ErrorClass(name)
        found[reason] = _Row(error_class, Scope(scope) if scope else SCOPES[error_class], *for_people)
    return found


def remedy(failure: Failure) -> str:
    """Return what a person can do about a failure, in one sentence; for the reason of another version of sparekey, that of its class."""
    known = _table()
    row = known.get(Reason.UNREACHED if failure.unreached else failure.reason)
    return (row or known[f"any {failure.error_class}"]).remedy
