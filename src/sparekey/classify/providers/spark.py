"""iFlytek Spark: `header.code`; www.xfyun.cn/doc/spark/Web.html, as copied into langchain4j's SparkResponseErrorCode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, CONTENT, LARGE, PERMANENT, QUOTA, TRANSIENT, meaning
from sparekey.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

_ROWS: Final = (
    ((10007, 11202), meaning(TRANSIENT, "rate_limited", "spark")),
    ((10006, 11203), meaning(TRANSIENT, "concurrency", "spark: connected already, or too many at once")),
    ((10008, 10110, 11221), meaning(TRANSIENT, "overloaded", "spark")),
    ((10000, 10001, 10002, 10009, 10010, 10011, 10222, 10223), meaning(TRANSIENT, "connection", "spark: to us, or to its engine")),
    ((10012, 10017), meaning(TRANSIENT, "server_error", "spark: the engine; the history could not be cleared")),
    ((10013, 10014, 10019, 10021), meaning(CONTENT, "moderation", "spark", certain=True)),
    ((10003, 10004, 10005, 10163, 11501), meaning(PERMANENT, "bad_parameter", "spark")),
    ((10015,), meaning(AUTH, "account_suspended", "spark: on the black list", scope=Scope.ACCOUNT, certain=True)),
    ((10016, 11200), meaning(AUTH, "permission_denied", "spark: not authorized for this, or used up")),
    ((11500,), meaning(AUTH, "invalid_key", "spark", certain=True)),
    ((10907, 10910), meaning(LARGE, "context_length", "spark", certain=True)),
    ((11201,), meaning(QUOTA, "daily_quota", "spark", certain=True)),
)
NUMBERS: Final[Mapping[str, Meaning]] = {
    f"{where}.code={n}": row for numbers, row in _ROWS for n in numbers for where in ("header", "error")
}
