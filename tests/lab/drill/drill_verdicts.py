"""Which rows of the catalogue do not pass yet, and why. Strict: a row that gets better or worse must be moved here or away from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparekey.lab.drill import Verdict

NOT_YET: dict[str, tuple[Verdict, str]] = {}

NOT_YET_THROUGH: dict[str, tuple[Verdict, str]] = {}
"""As above, through the gateway."""
