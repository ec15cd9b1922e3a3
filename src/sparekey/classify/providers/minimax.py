"""MiniMax: `base_resp.status_code`, and the same in brackets behind messages; platform.minimax.io/docs/api-reference/errorcode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, CONTENT, LARGE, PERMANENT, QUOTA, TRANSIENT, meaning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

_ROWS: Final = (
    ((1001,), meaning(TRANSIENT, "timeout", "minimax")),
    ((1002, 1041, 2045), meaning(TRANSIENT, "rate_limited", "minimax: requests, connections, growth")),
    ((1004, 2049), meaning(AUTH, "invalid_key", "minimax", certain=True)),
    ((1008,), meaning(QUOTA, "insufficient_balance", "minimax", certain=True)),
    ((1000, 1013, 1024, 1033), meaning(TRANSIENT, "server_error", "minimax: unknown, internal, downstream")),
    ((1026, 1027), meaning(CONTENT, "moderation", "minimax: input, output", certain=True)),
    ((1039,), meaning(LARGE, "context_length", "minimax: token limit", certain=True)),
    ((1042, 1043, 1044, 2037, 2048, 20132), meaning(PERMANENT, "bad_parameter", "minimax: text, voices")),
    ((2042,), meaning(AUTH, "permission_denied", "minimax")),
    ((2056,), meaning(QUOTA, "period_quota", "minimax: 5 hours of the plan", certain=True)),
)
# 2013 (invalid params) also says "context window exceeds limit": there its words decide, hence no row behind a message.
NUMBERS: Final[Mapping[str, Meaning]] = {
    **{f"{place}={n}": row for numbers, row in _ROWS for n in numbers for place in ("base_resp.status_code", "text")},
}
