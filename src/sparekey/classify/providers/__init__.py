"""Codes that mean what their vendor says: one small file a vendor, merged here into two tables.

To add a vendor, copy `clova.py` (numbers) or `google.py` (names), cite the page that lists the codes, and name the file in `VENDORS`;
then write docs/errors.md anew. Only what cannot be guessed belongs here: what the words around a code say is read without a row.

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
