"""iFlytek Spark: `header.code`; www.xfyun.cn/doc/spark error codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, CONTENT, LARGE, PERMANENT, QUOTA, TRANSIENT, meaning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

_ROWS: Final = (
    ((10007, 11202, 11203), meaning(TRANSIENT, "rate_limited", "spark")),
    ((10008, 10110, 11221), meaning(TRANSIENT, "overloaded", "spark")),
    ((10012, 10222, 10223), meaning(TRANSIENT, "server_error", "spark")),
    ((10013, 10014, 10019, 10021), meaning(CONTENT, "moderation", "spark")),
    ((10003, 10004, 10005, 10163), meaning(PERMANENT, "bad_parameter", "spark")),
    ((10015, 10016, 10017, 11200), meaning(AUTH, "permission_denied", "spark: not authorized, or used up")),
    ((10907, 10910), meaning(LARGE, "context_length", "spark")),
    ((11201,), meaning(QUOTA, "daily_quota", "spark")),
)
NUMBERS: Final[Mapping[str, Meaning]] = {
    f"{where}.code={n}": row for numbers, row in _ROWS for n in numbers for where in ("header", "error")
}
