"""Codes that mean what their vendor says: one small file a vendor, merged here into two tables.

`NUMBERS` is keyed by the place a number stands at (`error.code=1113`), because the same number means other things elsewhere;
`STRINGS` by the code read as words (`model not open`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.providers import clova, dashscope, google, minimax, mistral, qianfan, spark, tencent, volcengine, zhipu

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

VENDORS: Final = (clova, dashscope, google, minimax, mistral, qianfan, spark, tencent, volcengine, zhipu)
NUMBERS: Final[Mapping[str, Meaning]] = {key: row for vendor in VENDORS for key, row in getattr(vendor, "NUMBERS", {}).items()}
STRINGS: Final[Mapping[str, Meaning]] = {key: row for vendor in VENDORS for key, row in getattr(vendor, "STRINGS", {}).items()}
