"""Naver CLOVA Studio: five digits under `status.code`; api.ncloud-docs.com/docs/en/clovastudio-troubleshoot-c4xx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import CONTENT, LARGE, MODEL, PERMANENT, TRANSIENT, meaning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

_ROWS: Final = (
    ((40001, 40002, 40004, 40009), meaning(PERMANENT, "bad_parameter", "clova studio")),
    ((40003,), meaning(LARGE, "context_length", "clova studio: the text, or too many images", certain=True)),
    ((40005,), meaning(CONTENT, "moderation", "clova studio: no answer, by its own policy", certain=True)),
    ((40080,), meaning(MODEL, "model_not_found", "clova studio")),
    ((40082,), meaning(MODEL, "model_retired", "clova studio: faded out")),
    ((64429,), meaning(TRANSIENT, "rate_limited", "clova studio: skill trainer")),
)
NUMBERS: Final[Mapping[str, Meaning]] = {f"status.code={n}": row for numbers, row in _ROWS for n in numbers}
