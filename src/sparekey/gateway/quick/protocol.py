"""A client's connection whose ordinary requests take the quick path; all others go on as `GatewayProtocol` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparekey.gateway.http.protocol import ATTEMPT, GatewayProtocol, Part
from sparekey.gateway.quick.path import HandledBy
from sparekey.gateway.quick.wheel import TICK

if TYPE_CHECKING:
    from sparekey.gateway.quick.attempt import QuickAttempt
    from sparekey.gateway.quick.exchange import Exchange
    from sparekey.gateway.quick.path import QuickPath


class QuickProtocol(GatewayProtocol):
    """One connection of a client.

    Attributes:
        exchange: the request that is under way on the quick path; None: there is none.
        slot: where the wheel has it while a body is still coming.
        _quick: the quick path; None: it is off.
        _held: the beginning of a request whose body is still coming.
        _held_until: when the engine gets it although it is not complete, on the loop's clock.
        _attempt: the attempt that was made for the request whose head is parsed next.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Create the connection with uvicorn's arguments."""
        super().__init__(*args, **kwargs)
        self._quick: QuickPath | None = getattr(self.config.app, "quick", None)
        self.exchange: Exchange | None = None
        self._held = b""
        self.slot, self._held_until = 0, 0.0
        self._attempt: QuickAttempt | None = None

    def data_received(self, data: bytes) -> None:
        """Show the quick path what may be an ordinary request; parse everything else."""
        quick, held = self._quick, self._held
        if quick is None or (not held and not self._may_begin()):
            super().data_received(data)
            return
        if held:
            data, self._held = held + data, b""
        begun = quick.begin(self, data)
        if begun is HandledBy.SENT:
            self._due = None
        elif begun is HandledBy.WAITS:
            self._held = data
            if not held:
                self._due, self._held_until = None, self.loop.time() + TICK
                quick.wheel.add(self, self._held_until)
            return
        else:
            super().data_received(data)
        if held:
            quick.wheel.discard(self)

    def due(self) -> float:
        """Return when the engine gets a request whose body is not complete by then; how long that may take is the engine's to say."""
        return self._held_until

    def overdue(self) -> None:
        """Let the engine wait for the rest of a body."""
        if self._held:
            self.to_engine(self._held)

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
        self._due = self.loop.time() + self.timeout_keep_alive  # as `_due_in`, for every request
        if self._timer is None or self._timer.when() > self._due:
            self._arm()

    def to_engine(self, request: bytes, attempt: QuickAttempt | None = None) -> None:
        """Let the application serve a request, with the attempt that was made for it."""
        self.exchange, self._held, self._attempt = None, b"", attempt
        super().data_received(request)

    def _yield(self, why: str) -> None:
        """Let the engine have what is here."""
        if self.exchange is not None:
            self.exchange.hand_over(why)
        elif self._held and self._quick is not None:
            self._quick.wheel.discard(self)
            self.to_engine(self._held)

    def on_headers_complete(self) -> None:
        """As there, with the attempt that was made for this request."""
        if self._attempt is not None:
            self.scope[ATTEMPT], self._attempt = self._attempt, None  # type: ignore[typeddict-unknown-key]  # a key of our own
        super().on_headers_complete()

    def eof_received(self) -> bool | None:  # type: ignore[override]  # as there
        """As there."""
        self._yield("half closed")
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """As there; the engine breaks off what is under way."""
        if self.exchange is not None:
            self.loop.call_soon(self._leave)  # the task that is made now waits by then
        self._yield("client left")
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """As there; the engine goes on with what is under way."""
        self._yield("shutdown")
        super().shutdown()
