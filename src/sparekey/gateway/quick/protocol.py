"""A client's connection whose ordinary requests take the quick path; all others go on as `GatewayProtocol` has it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sparekey.gateway.http.protocol import ATTEMPT, STARTED, GatewayProtocol, Part, RequestStart
from sparekey.gateway.quick.path import HandledBy

if TYPE_CHECKING:
    from sparekey.gateway.quick.attempt import QuickAttempt
    from sparekey.gateway.quick.exchange import Exchange
    from sparekey.gateway.quick.path import QuickPath


class QuickProtocol(GatewayProtocol):
    """One connection of a client.

    Attributes:
        exchange: the request that is under way on the quick path; None: there is none.
        missing: the bytes of its body that a request still lacks.
        started: with what the request began whose body is still coming; None: there is none.
        _quick: the quick path; None: it is off.
        _held: what has come of this request.
        _attempt: the attempt that was made for the request whose head is parsed next.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Create the connection with uvicorn's arguments."""
        super().__init__(*args, **kwargs)
        self._quick: QuickPath | None = getattr(self.config.app, "quick", None)
        self.exchange: Exchange | None = None
        self.missing = 0
        self.started: RequestStart | None = None
        self._held = bytearray()
        self._attempt: QuickAttempt | None = None

    def data_received(self, data: bytes) -> None:
        """Show the quick path what may be an ordinary request; parse everything else."""
        if self._quick is None or (self.started is None and not self._may_begin()):
            super().data_received(data)
            return
        if self.started is not None:
            self._held += data
            self.missing -= len(data)
            if self.missing > 0:
                return
            data, self._held = bytes(self._held), bytearray()
            if self.started.state is not self._quick.gateway.state:
                self._quick.left("reloaded")
                self.to_engine(data)
                return
        begun = self._quick.begin(self, data)
        if begun is HandledBy.SENT:
            self._patience.due = self.started = None
        elif begun is HandledBy.WAITS:
            self._held += data
            self.started = RequestStart(self._quick.gateway.state, time.perf_counter())
            self._patience.within(self._body_timeout)
        else:
            self.to_engine(data)

    def _may_begin(self) -> bool:
        """Return whether a request begins here; one that is under way goes to the engine first."""
        if self.exchange is not None:
            self.exchange.hand_over("pipelined")
            return False
        return self._part is Part.IDLE and (self.cycle is None or not self._is_answering())

    def quickly_answered(self, answer: bytes, *, keep_alive: bool) -> None:
        """Write the answer of an exchange, and wait for the next request."""
        self.exchange = None
        self.transport.write(answer)
        self.server_state.total_requests += 1
        if not keep_alive:
            self.transport.close()
            return
        self._patience.within(self.timeout_keep_alive)

    def to_engine(self, request: bytes, attempt: QuickAttempt | None = None) -> None:
        """Let the application serve a request, with the attempt that was made for it."""
        due = None if self.started is None else self._patience.due
        self.exchange, self._held, self._attempt = None, bytearray(), attempt
        super().data_received(request)
        self.started = None
        if due is not None and self._part is Part.BODY:  # its time runs on
            self._patience.due = due

    def _yield(self, why: str) -> None:
        """Let the engine have what is here."""
        if self.exchange is not None:
            self.exchange.hand_over(why)
        elif self.started is not None:
            self.to_engine(bytes(self._held))

    def on_headers_complete(self) -> None:
        """As there, with the attempt that was made for this request, or with what it began."""
        if self.started is not None:
            self.scope[STARTED] = self.started  # type: ignore[typeddict-unknown-key]  # a key of our own
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            self.scope[ATTEMPT] = attempt  # type: ignore[typeddict-unknown-key]  # a key of our own
        super().on_headers_complete()
        if attempt is not None and attempt.seen is not None:
            self.cycle.go_on()  # type: ignore[attr-defined]  # it is one of ours

    def eof_received(self) -> bool | None:  # type: ignore[override]  # as there
        """As there."""
        self._yield("half closed")
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """As there; the engine breaks off what is under way."""
        if self.exchange is not None:
            self._yield("client left")
            self.loop.call_soon(self._leave)  # the task that was made waits by then
        self._yield("client left")
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """As there; the engine goes on with what is under way."""
        self._yield("shutdown")
        super().shutdown()

    def _overdue(self) -> None:
        self._yield("overdue")
        super()._overdue()
