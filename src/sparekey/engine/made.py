"""An attempt that was made before the engine was asked: it becomes the first one of the call that begins in its context.

Whoever does by itself what the engine would do with an ordinary request (see `engine.ordinary`) hands it over as soon as anything is not
ordinary any more. The call then began when that attempt did, and nothing is sent twice.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.core.pool import Ticket
    from sparekey.engine.call import RunningAttempt
    from sparekey.engine.outlet import Outlet
    from sparekey.types import Usage


class BegunStream(NamedTuple):
    """A stream whose first content its caller has seen, and the chain was told of.

    Attributes:
        source: returns the stream of the attempt, for what comes from now on, as the driver has it (`engine.async_pump.AsyncSource`).
        outlet: what was shown.
        number: the call's, of which hooks were told.
        first: when the first content came.
        heard: when the last item came that shows the provider at work; both in seconds of the chain's clock.
        usage: the tokens that were counted so far.
    """

    source: Callable[[RunningAttempt], Any]
    outlet: Outlet[Any]
    number: int
    first: float
    heard: float
    usage: Usage | None


class MadeAttempt(NamedTuple):
    """An attempt.

    Attributes:
        ticket: its permission; of a stream that has begun, that for the rest.
        began: when it began, in seconds of the chain's clock.
        stream: the rest of its stream; None: its caller has seen nothing yet.
    """

    ticket: Ticket
    began: float
    stream: BegunStream | None = None


MADE: Final[ContextVar[MadeAttempt | None]] = ContextVar("sparekey_made", default=None)
"""The attempt that the next call in this context begins with; the call takes it out."""
