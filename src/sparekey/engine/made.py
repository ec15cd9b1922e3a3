"""An attempt that was made before the engine was asked: it becomes the first one of the call that begins in its context.

Whoever does by itself what the engine would do with an ordinary request (see `engine.ordinary`) hands it over as soon as anything is not
ordinary any more. The call then began when that attempt did, and nothing is sent twice.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from sparekey.core.pool import Ticket


class MadeAttempt(NamedTuple):
    """An attempt: its permission, and when it began in seconds of the chain's clock."""

    ticket: Ticket
    began: float


MADE: Final[ContextVar[MadeAttempt | None]] = ContextVar("sparekey_made", default=None)
"""The attempt that the next call in this context begins with; the call takes it out."""
