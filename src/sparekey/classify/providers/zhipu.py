"""Zhipu (bigmodel.cn, z.ai): four digits under `error.code`; docs.bigmodel.cn/cn/api/api-code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, CONTENT, LARGE, MODEL, PERMANENT, QUOTA, TRANSIENT, meaning
from sparekey.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

_ROWS: Final = (
    ((1000, 1001, 1002, 1004), meaning(AUTH, "invalid_key", "zhipu", certain=True)),
    ((1003,), meaning(AUTH, "expired_key", "zhipu", certain=True)),
    ((1100, 1110, 1111, 1112, 1121), meaning(AUTH, "account_suspended", "zhipu", scope=Scope.ACCOUNT, certain=True)),
    ((1113,), meaning(QUOTA, "insufficient_balance", "zhipu: in arrears, or no resource package left", certain=True)),
    ((1120, 1230, 1231, 1234), meaning(TRANSIENT, "server_error", "zhipu")),
    ((1200, 1210, 1212, 1213, 1214, 1215), meaning(PERMANENT, "bad_parameter", "zhipu")),
    ((1211, 1221, 1222), meaning(MODEL, "model_not_found", "zhipu")),
    ((1220,), meaning(AUTH, "permission_denied", "zhipu")),
    ((1261,), meaning(LARGE, "context_length", "zhipu", certain=True)),
    ((1300, 1301), meaning(CONTENT, "moderation", "zhipu", certain=True)),
    ((1302, 1303, 1313), meaning(TRANSIENT, "rate_limited", "zhipu", scope=Scope.ACCOUNT)),
    ((1304,), meaning(QUOTA, "daily_quota", "zhipu", certain=True)),
    ((1305, 1312), meaning(TRANSIENT, "overloaded", "zhipu: too much traffic on the model")),
    ((1308, 1310), meaning(QUOTA, "period_quota", "zhipu: 5 hours, a week, a month", certain=True)),
    ((1309,), meaning(AUTH, "subscription_expired", "zhipu: coding plan", scope=Scope.ACCOUNT, certain=True)),
    ((1311,), meaning(MODEL, "model_not_entitled", "zhipu: not in this plan")),
)
NUMBERS: Final[Mapping[str, Meaning]] = {f"error.code={n}": row for numbers, row in _ROWS for n in numbers}
