"""One request on the quick path, from its last byte to its answer, or to the moment when the engine takes it over."""

from __future__ import annotations

import logging
import time
from contextvars import Context
from typing import TYPE_CHECKING, Final

from sparekey.engine.made import MadeAttempt
from sparekey.errors import IncompleteAnswerError, VectorSpaceError
from sparekey.gateway.api.response_headers import handed_on
from sparekey.gateway.quick.attempt import QuickAttempt, SendTimes
from sparekey.gateway.quick.batch import ServedRequest
from sparekey.gateway.quick.host import HostReader
from sparekey.wire.format import InnerError, NoAnswerError
from sparekey.wire.large_json import SHORT, is_slow

if TYPE_CHECKING:
    from sparekey.core.ordinary import Ordinary
    from sparekey.gateway.quick.attempt import SeenAnswer
    from sparekey.gateway.quick.head import RequestHead
    from sparekey.gateway.quick.path import QuickPath
    from sparekey.gateway.quick.plan import Outgoing, Plan
    from sparekey.gateway.quick.protocol import QuickProtocol
    from sparekey.gateway.upstream.http1 import ResponseReader, UpstreamConnection
    from sparekey.wire.request import WireRequest

logger = logging.getLogger("sparekey")
JSON: Final = (b"content-type", b"application/json")
LINE: Final = b"%b: %b\r\n".__mod__
OK: Final = b"HTTP/1.1 200 OK\r\n"


class Exchange:
    """A request that was sent to the provider of an ordinary chain. A subclass takes what comes back.

    Attributes:
        slot: where the wheel has it.
    """

    __slots__ = (
        *("_asked", "_began", "_began_at", "_call", "_client", "_connection", "_cut", "_fault", "_head", "_heard", "_ordinary", "_out"),
        *("_path", "_plan", "_request", "_request_id", "_sent_at", "_start", "_state", "slot"),
    )
    whole = True
    """The answer is taken once it is complete; else what has come of it is."""

    def __init__(
        self,
        path: QuickPath,
        client: QuickProtocol,
        request: bytes,
        start: int,
        head: RequestHead,
        plan: Plan,
        call: WireRequest,
        out: Outgoing,
        ordinary: Ordinary,
        began: float,
    ) -> None:
        """Begin an exchange.

        Args:
            path: the quick path.
            client: the connection of the client.
            request: all bytes of the request.
            start: where its body begins.
            head: what its head says.
            plan: how it is served.
            call: the request, as far as its answer is judged by it.
            out: how it is put to its credential.
            ordinary: what the chain does with it.
            began: now, in seconds of the chain's clock.
        """
        self._path, self._client, self._request, self._start = path, client, request, start
        self._call = call
        self._head, self._plan, self._out, self._ordinary = head, plan, out, ordinary
        self._state, self._request_id = path.gateway.state, path.gateway.number()
        self._began_at = time.perf_counter() if client.started is None else client.started.at
        self._began = began
        self._cut = False
        self.slot = 0
        self._fault: Exception | None = None

    def send(self, connection: UpstreamConnection, request: bytes) -> None:
        """Write the request to the provider."""
        self._connection = connection
        reader: HostReader | None = connection.lent
        if reader is None:
            reader = connection.lent = HostReader()
        reader.begin(self)
        path = self._path
        path.gateway.running += 1
        self._heard = path.loop.time()
        path.wheel.add(self, self.due())
        self._sent_at, self._asked = time.perf_counter(), time.monotonic()
        if self._plan.calls.owed:
            self._plan.calls.begin(self._ordinary)
        connection.lend(reader, request)

    # ── limits ──

    def due(self) -> float:
        """Return when the engine has to take over because a limit runs out, on the loop's clock."""
        pace, limit, silence = self._plan.calls.chain.pace, self._ordinary.limit, self._out.silence
        ends = [self._heard + silence] if silence is not None else []
        if limit is not None:
            ends.append(self._heard + limit * pace)  # what has been heard of the answer by then is little
        return min(ends, default=self._heard + 3600.0)

    def overdue(self) -> None:
        """Let the engine wait out the limit: it knows what follows."""
        if self._client.exchange is self:
            self.hand_over("slow")

    # ── what comes back ──

    def answered(self, reader: HostReader) -> None:
        """Judge the complete answer; pass it on, or let the engine judge it."""
        raise NotImplementedError

    def came(self, reader: HostReader) -> None:
        """Judge what has come of the answer, of a kind that is not taken as a `whole`."""
        raise NotImplementedError

    def odd(self, why: str) -> None:
        """Let the engine judge what came back."""
        self.hand_over(why)

    def cut(self, exc: Exception | None) -> None:
        """Let the engine judge a connection that closed."""
        self._cut, self._fault = True, exc
        self.hand_over("cut")

    def hand_over(self, why: str) -> None:
        """Let the engine go on, with this attempt as the first one of the request and all that came back so far."""
        reader, connection = self._connection.lent, self._connection
        taken = connection.taken_over(self._heard, self._out.silence)
        for piece in reader.raw:
            taken.feed(piece)
        if self._cut:
            taken.cut(self._fault)
        self._to_engine(why, taken, MadeAttempt(self._ordinary.ticket, self._began))

    def _to_engine(self, why: str, answer: ResponseReader, made: MadeAttempt, seen: SeenAnswer | None = None) -> None:
        path = self._path
        path.wheel.discard(self)
        path.gateway.running -= 1
        path.left(why)
        self._connection.lent = None
        sent = SendTimes(self._began_at, self._sent_at, self._asked)
        body = self._request[self._start :]
        attempt = QuickAttempt(self._state, self._head.caller, self._request_id, body, sent, made, self._out.credential, answer, seen)
        Context().run(self._client.to_engine, self._request, attempt)  # this may be the context of whoever opened the connection


class WholeExchange(Exchange):
    """One whose answer is passed on as a whole."""

    __slots__ = ()

    def answered(self, reader: HostReader) -> None:
        """As there."""
        plan, out, body = self._plan, self._out, b"".join(reader.pieces)
        try:
            if len(body) > SHORT and is_slow(body):
                self.hand_over("a long answer")
                return
            found = plan.served.forwarder.responses.read(self._call, out.credential, body)
            if found.body is not None:
                self.hand_over("rewritten")
                return
            kept = handed_on(reader.headers)
        except (InnerError, NoAnswerError, IncompleteAnswerError, VectorSpaceError):
            self.hand_over("no answer")
            return
        except Exception:
            logger.exception("the quick path cannot read an answer: the engine does")
            self.hand_over("fault")
            return
        if JSON not in kept:
            self.hand_over("type")
            return
        heard = time.perf_counter()
        usage = found.summary.usage
        seconds, _ = plan.calls.succeeded(self._ordinary, self._began, 0 if usage is None else usage.completion_tokens)
        reader.rest()
        self._connection.done(keep=reader.keeps)
        lines = [OK, *map(LINE, kept)]
        lines.append(b"content-length: %d\r\nx-sparekey-request-id: %b\r\n" % (len(body), self._request_id.encode()))
        lines += (self._head.page, out.tail)
        lines.append(b"\r\n" if self._head.keep_alive else b"connection: close\r\n\r\n")
        lines.append(body)
        path = self._path
        path.wheel.discard(self)
        path.gateway.running -= 1
        path.counts["taken"] += 1
        self._client.quickly_answered(b"".join(lines), keep_alive=self._head.keep_alive)
        path.batch.add(
            ServedRequest(
                self._request_id,
                self._head,
                plan,
                self._ordinary,
                seconds,
                usage,
                self._began_at,
                self._sent_at,
                heard,
                time.perf_counter(),
            )
        )
