"""Baidu Qianfan (ERNIE): `error_code` beside `error_msg`; cloud.baidu.com/doc/WENXINWORKSHOP/s/tlmyncueh, consts.py of bce-qianfan-sdk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, LARGE, MODEL, PERMANENT, QUOTA, TRANSIENT, meaning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

_ROWS: Final = (
    ((1, 2, 15, 336000, 500000), meaning(TRANSIENT, "server_error", "qianfan; 15: the app could not be made, another try helps")),
    ((336100,), meaning(TRANSIENT, "overloaded", "qianfan")),
    ((3, 336005), meaning(MODEL, "path_not_found", "qianfan")),
    ((4, 18, 336500, 336501, 336502), meaning(TRANSIENT, "rate_limited", "qianfan")),
    ((6, 336004), meaning(AUTH, "permission_denied", "qianfan")),
    ((13, 14, 100, 110), meaning(AUTH, "invalid_key", "qianfan; 100: the access_token is no token", certain=True)),
    ((111,), meaning(AUTH, "expired_key", "qianfan", certain=True)),
    ((17,), meaning(QUOTA, "daily_quota", "qianfan: a day's requests, or billing is not opened", certain=True)),
    ((19,), meaning(QUOTA, "quota_exceeded", "qianfan: in all", certain=True)),
    ((336001, 336002, 336003, 336006, 336101, 336104, 336105), meaning(PERMANENT, "bad_parameter", "qianfan")),
    ((336007, 336103), meaning(LARGE, "context_length", "qianfan", certain=True)),
)
NUMBERS: Final[Mapping[str, Meaning]] = {
    f"{where}.error_code={n}": row for numbers, row in _ROWS for n in numbers for where in ("", "error")
}
