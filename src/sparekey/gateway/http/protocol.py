"""uvicorn's protocol with what a server among strangers needs besides.

Every wait for a client's bytes has a limit: for the headers of a request, for its body, for the next request, and for a client that does
not read. One timer serves them all; `_due` says when the present wait is over.

A connection is a *stranger's* until a request on it has shown that its sender is known. Strangers have half of all connections: when
those are taken, the oldest stranger makes room for the next one, so that nobody who may ask is kept out by those who only hold the door.

Pipelined requests are answered in turn. While one is answered only a few more are read, and what came with them is bounded.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from sparekey.gateway.http.cycle import Cycle
from sparekey.gateway.http.request_body import LEAVING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

MOST_HEADERS: Final = 64 * 1024
MOST_PIPELINED: Final = 64
"""Requests that may wait behind one that is answered; who sends more is served those, and no others."""
_READ_AHEAD: Final = 4
"""Requests behind one that is answered from which on nothing more is read. Up to there the end of the connection is noticed at once."""
STRANGERS_SHARE: Final = 0.5
_STRANGERS_TIME: Final = 1.0
"""Seconds for which nobody's connection is taken for a newer stranger's: a request is on its way that long."""
KNOWN: Final = "sparekey.known"
"""The name in the scope of what an application calls once it knows the sender of a request."""
_VERSIONS: Final = frozenset({"1.0", "1.1"})
_UPGRADING: Final = frozenset({b"connection", b"upgrade", b"http2-settings"})
LIMITS: Final = "sparekey_limits"
"""The attribute of uvicorn's configuration in which our `ProtocolLimits` stand; workers get it with the rest."""


class _Part(Enum):
    """What comes next from a client. What is ignored came behind too many requests: it is read off, and nobody answers it."""

    IDLE = 0
    HEAD = 1
    BODY = 2
    IGNORED = 3


class ProtocolLimits(NamedTuple):
    """What is bounded besides uvicorn's own limits.

    Attributes:
        header_timeout: seconds in which the headers of a request must be complete.
        body_timeout: seconds in which its body must be.
        write_timeout: seconds in which a client must read on.
        stop_timeout: seconds that running requests have when the server stops.
        connections: how many there may be at once.
    """

    header_timeout: float
    body_timeout: float
    write_timeout: float
    stop_timeout: float
    connections: int


class _Nowhere(list[tuple[bytes, bytes]]):
    """Where trailers go: a header that comes behind the body has not been checked, and nobody bounds how many there are."""

    def append(self, _: object) -> None:
        """Forget it."""


class GatewayProtocol(HttpToolsProtocol):
    """One connection of a client.

    Whoever is registered in the scope is told when the client goes, at once and without a task that waits for it.

    Attributes:
        _due: when the present wait for the client's bytes is over; None: nothing is waited for.
        _timer: looks whether it is; it may come too early and goes on then, so that few timers are made.
        _part: what comes next from the client: a request (`IDLE`), the rest of its headers, or of its body.
        _head_bytes: bytes of the present request's headers so far; None: they are complete.
        _hosts: `Host` headers of the present request.
        _leaving: who is told when the client goes.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what uvicorn gives."""
        super().__init__(*args, **kwargs)
        self._limits: ProtocolLimits = getattr(self.config, LIMITS)
        self._stuck: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes: int | None = 0
        self._leaving: list[Callable[[], None]] = []
        self._hosts = 0
        self._part = _Part.IDLE
        self._strangers: dict[GatewayProtocol, float] = vars(self.server_state).setdefault("sparekey_strangers", {})

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections or not self._has_room():
            self._refuse(503, b"too_many_connections", b"too many connections; come again in a moment", b"retry-after: 1\r\n")
        else:
            self._strangers[self] = self.loop.time()
            self._due_in(self._limits.header_timeout)

    def _has_room(self) -> bool:
        """Return whether one more stranger may come; the oldest one may have to go for it."""
        if len(self._strangers) < self._limits.connections * STRANGERS_SHARE:
            return True
        oldest, since = next(iter(self._strangers.items()))
        if self.loop.time() - since < _STRANGERS_TIME:
            return False
        oldest.acquainted()
        oldest.transport.abort()
        return True

    def acquainted(self) -> None:
        """Count this connection as a stranger's no longer."""
        self._strangers.pop(self, None)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._part is _Part.IGNORED:
            return
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEADERS and b"\r\n\r\n" not in data[: MOST_HEADERS + 4]:
                self._refuse(431, b"headers_too_large", b"the headers are too long")
                return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._not_upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """Begin a request: its headers have to come soon, if the one before it is answered."""
        if self._part is _Part.IGNORED:
            return
        super().on_message_begin()
        if self._head_bytes is None:
            self._head_bytes = 0
        self._hosts, self._part = 0, _Part.HEAD
        if len(self.pipeline) >= _READ_AHEAD:
            self.flow.pause_reading()
        self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header."""
        name = name.lower()
        if name == b"host":
            self._hosts += 1
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Start to answer a request whose headers are there; one that came before the last one's answer waits its turn."""
        if self.parser.should_upgrade() or self._part is _Part.IGNORED:
            return
        self._head_bytes = None
        parser, scope = self.parser, self.scope
        version = parser.get_http_version()
        if version not in _VERSIONS or self._hosts > 1 or (version == "1.1" and not self._hosts):
            raise httptools.HttpParserError("not HTTP/1.1 with one Host header, nor HTTP/1.0")
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"], scope["query_string"] = url.path, url.query or b""
        scope[LEAVING] = self._leaving  # type: ignore[typeddict-unknown-key]  # a key of our own
        if self in self._strangers:
            scope[KNOWN] = self.acquainted  # type: ignore[typeddict-unknown-key]  # as above
        self.headers = _Nowhere()
        before = self.cycle
        if len(self.pipeline) >= MOST_PIPELINED:
            self.pipeline[0][0].keep_alive = False  # the newest: the connection ends behind its answer
            self._part = _Part.IGNORED
            return
        self._part = _Part.BODY
        keep_alive = version != "1.0" and parser.should_keep_alive()
        self.cycle = Cycle(self, keep_alive=keep_alive, on_response=self.on_response_complete)
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
            self._wait()
        else:
            self.pipeline.appendleft((self.cycle, self.app))

    def on_message_complete(self) -> None:
        """Take in that a request is whole: nothing more is waited for until it is answered."""
        if self.parser.should_upgrade() or self._part is _Part.IGNORED:
            return
        self._part = _Part.IDLE
        super().on_message_complete()
        self._wait()

    def on_body(self, body: bytes) -> None:
        """Take in a part of the body."""
        if self._part is _Part.BODY:
            super().on_body(body)

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for it."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever works for this client."""
        self._due = None
        self.acquainted()
        if self._timer is not None:
            self._timer.cancel()
        self.resume_writing()
        super().connection_lost(exc)
        for leave in self._leaving:
            leave()

    def pause_writing(self) -> None:
        """Wait for a client that reads slowly; one that does not read at all is cut off, with what is done for it."""
        super().pause_writing()
        self._stuck = self._stuck or self.loop.call_later(self._limits.write_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _not_upgraded(self, rest: bytes) -> None:
        """Read a request that asks for another protocol (Java's client asks for HTTP/2 so) as what it is without that."""
        method, url, headers = self.parser.get_method(), self.url, self.headers
        self.parser = httptools.HttpRequestParser(self)
        if method == b"CONNECT":
            self.send_400_response("")
            return
        kept = [b"%b: %b\r\n" % pair for pair in headers if pair[0] not in _UPGRADING]
        kept += [b"connection: close\r\n" for name, value in headers if name == b"connection" and b"close" in value.lower()]
        self.data_received(b"%b %b HTTP/1.1\r\n%b\r\n" % (method, url, b"".join(kept)) + rest)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not (self.cycle.response_complete and not self.pipeline)

    def _wait(self) -> None:
        """Wait for what comes next from the client, within its limit; while a request is answered, only for the rest of its body."""
        if self._part is _Part.BODY and not self.pipeline:
            self._due_in(self._limits.body_timeout)
        elif self._is_answering() or self._part is _Part.IGNORED:
            self._due = None
        else:
            self._due_in(self._limits.header_timeout if self._part is _Part.HEAD else self.timeout_keep_alive)

    def _due_in(self, seconds: float) -> None:
        """Close the connection after so many seconds, unless something comes before: one timer serves all requests of a connection."""
        self._due = self.loop.time() + seconds
        if self._timer is None or self._timer.when() > self._due:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        assert self._due is not None
        self._timer = self.loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due is None or self.transport.is_closing():
            return
        if self.loop.time() < self._due:
            self._arm()
        elif self._part is _Part.BODY and not self.cycle.response_started:
            self._refuse(408, b"slow_body", b"the body was not complete in time")
        else:
            self.transport.close()

    def _refuse(self, status: int, code: bytes, words: bytes, headers: bytes = b"") -> None:
        """Say why in the words of every other error, and close."""
        body = b'{"error": {"message": "%b", "type": "invalid_request_error", "param": null, "code": "%b"}}' % (words, code)
        head = STATUS_LINE[status] + b"content-type: application/json\r\nconnection: close\r\n" + headers
        self.transport.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        del msg
        self._refuse(400, b"bad_request", b"this is no HTTP request")
