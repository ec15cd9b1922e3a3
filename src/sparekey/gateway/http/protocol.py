"""uvicorn's protocol with what a server among strangers needs besides: limits on headers, and word of a client that goes."""

from __future__ import annotations

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
_UPGRADING: Final = frozenset({b"connection", b"upgrade", b"http2-settings"})
LIMITS: Final = "sparekey_limits"
"""The attribute of uvicorn's configuration in which our `ProtocolLimits` stand; workers get it with the rest."""


class ProtocolLimits(NamedTuple):
    """What is bounded besides uvicorn's own limits.

    Attributes:
        header_timeout: seconds in which the headers of a request must be complete.
        write_timeout: seconds in which a client must read on.
        stop_timeout: seconds that running requests have when the server stops.
        connections: how many there may be at once.
    """

    header_timeout: float
    write_timeout: float
    stop_timeout: float
    connections: int


class _Nowhere(list[tuple[bytes, bytes]]):
    """Where trailers go: a header that comes behind the body has not been checked, and nobody bounds how many there are."""

    def append(self, _: object) -> None:
        """Forget it."""


class GatewayProtocol(HttpToolsProtocol):
    """One connection of a client.

    A connection that sends no request, or the headers of one drop by drop, is closed; so are headers that do not end. Whoever is
    registered in the scope is told when the client goes, at once and without a task that waits for it.
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

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            self._refuse(503, b"too_many_connections", b"too many connections; come again in a moment", b"retry-after: 1\r\n")
        else:
            self._due_in(self._limits.header_timeout)

    def data_received(self, data: bytes) -> None:
        """Read on."""
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
        """Begin a request: its headers have to come soon."""
        super().on_message_begin()
        if self._head_bytes is None:
            self._head_bytes = 0
        self._due_in(self._limits.header_timeout)

    def on_headers_complete(self) -> None:
        """Start to answer a request whose headers are there; one that came before the last one's answer waits its turn."""
        if self.parser.should_upgrade():
            return
        self._due = self._head_bytes = None
        parser, scope = self.parser, self.scope
        version = parser.get_http_version()
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"], scope["query_string"] = url.path, url.query or b""
        scope[LEAVING] = self._leaving  # type: ignore[typeddict-unknown-key]  # a key of our own
        self.headers = _Nowhere()
        before = self.cycle
        keep_alive = version != "1.0" and parser.should_keep_alive()
        self.cycle = Cycle(self, keep_alive=keep_alive, on_response=self.on_response_complete)
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_message_complete(self) -> None:
        """Take in that a request is whole."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for it."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._due_in(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever works for this client."""
        self._due = None
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
