"""What is told of answered requests, worked off together: metrics, statistics, history, log."""

from __future__ import annotations

import logging
from contextvars import Context
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.gateway.api.request_handler import Finished

if TYPE_CHECKING:
    import asyncio

    from sparekey.core.ordinary import Ordinary
    from sparekey.core.pool import Ticket
    from sparekey.gateway.api.app import Gateway
    from sparekey.gateway.quick.head import RequestHead
    from sparekey.gateway.quick.plan import Plan
    from sparekey.gateway.upstream.pool import ConnectionPool
    from sparekey.types import Usage

EVERY: Final = 0.01
"""Seconds for which what is to be told is collected."""
AT_ONCE: Final = 8
"""How many requests are told of before others have their turn: a request that waits for the whole batch is a slow one."""
_CALLS: Final = attrgetter("plan.calls")
logger = logging.getLogger("sparekey")


class FirstContent(NamedTuple):
    """How the first content of a stream came.

    Attributes:
        number: the call's, for hooks.
        ticket: for the rest of the stream.
        seconds: how long it took, by the chain's clock.
        at: when it came, on `time.perf_counter`.
    """

    number: int
    ticket: Ticket
    seconds: float
    at: float


class BegunRequest(NamedTuple):
    """A stream whose first content has come."""

    plan: Plan
    ordinary: Ordinary
    first: FirstContent


class ServedRequest(NamedTuple):
    """One answered request.

    The times are those of `time.perf_counter`, `seconds` are the chain's for the attempt; `first` is there if it is a stream.
    """

    request_id: str
    head: RequestHead
    plan: Plan
    ordinary: Ordinary
    seconds: float
    usage: Usage | None
    began: float
    sent: float
    heard: float
    ended: float
    first: FirstContent | None = None


class Batch:
    """Collects what was served; a timer runs only while there is something."""

    def __init__(self, gateway: Gateway, pool: ConnectionPool, loop: asyncio.AbstractEventLoop) -> None:
        """Tell the observers of a gateway, the hooks of its chains, and the pool that providers were reached."""
        self._gateway, self._pool, self._loop = gateway, pool, loop
        self._waiting: list[ServedRequest | BegunRequest] = []
        self._timer: asyncio.Handle | None = None

    def add(self, served: ServedRequest | BegunRequest) -> None:
        """Tell of this request soon."""
        self._waiting.append(served)
        if self._timer is None:
            self._timer = self._loop.call_later(EVERY, self._tell_some, context=Context())  # of no request

    def flush(self) -> None:
        """Tell of all requests that wait, in the order in which they were answered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._tell_some(len(self._waiting))

    def _tell_some(self, count: int = AT_ONCE) -> None:
        """Tell of some requests, and of the others when whatever came meanwhile has been seen to."""
        told, self._waiting = self._waiting[:count], self._waiting[count:]
        self._timer = self._loop.call_soon(self._tell_some) if self._waiting else None
        for served in told:
            try:
                if isinstance(served, BegunRequest):
                    served.plan.calls.tell_begun(served.ordinary, served.first.number, served.first.seconds)
                else:
                    self._tell(served)
            except Exception:
                logger.exception("it could not be told that a request was served")
        self._pool.reached()
        for calls in set(map(_CALLS, told)):
            if calls.uncounted:
                calls.flush()

    def _tell(self, served: ServedRequest) -> None:
        head, plan, first = served.head, served.plan, served.first
        known = (0, None) if first is None else (first.number, first.seconds)
        attempt = plan.calls.tell(served.ordinary, served.seconds, served.usage, *known)
        seconds = served.ended - served.began
        finished = Finished(
            served.request_id,
            head.caller.name,
            plan.served.name,
            "POST",
            head.path,
            200,
            first is not None,
            attempts=(attempt,),
            credential=attempt.credential_id,
            seconds=seconds,
            overhead=max(0.0, seconds - (served.heard - served.sent)),
            usage=served.usage,
            first_content=None if first is None else first.at - served.began,
        )
        for observer in self._gateway.observers:
            observer(finished)
