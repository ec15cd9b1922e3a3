"""Mistral: four digits under a top-level or inner `code` beside `object: error`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import MODEL, TRANSIENT, meaning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

NUMBERS: Final[Mapping[str, Meaning]] = {
    ".code=1300": meaning(TRANSIENT, "rate_limited", "mistral"),
    ".code=1500": meaning(MODEL, "model_not_found", "mistral"),
    ".code=3505": meaning(TRANSIENT, "overloaded", "mistral: capacity of the service tier"),
}
