"""uvicorn's protocol with what a server among strangers needs besides: limits on headers, and word of a client that goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sparekey.gateway.cycle import Cycle
from sparekey.gateway.intake import LEAVING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

MOST_HEADERS: Final = 64 * 1024
HEADER_TIMEOUT: Final = "header_timeout"
"""The attribute of uvicorn's configuration that bounds the headers of a request, in seconds; workers get it with the rest."""


class GatewayProtocol(HttpToolsProtocol):
    """One connection of a client.

    A connection that sends no request, or the headers of one drop by drop, is closed; so are headers that do not end. Whoever is
    registered in the scope is told when the client goes, at once and without a task that waits for it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what uvicorn gives."""
        super().__init__(*args, **kwargs)
        self._header_timeout: float = getattr(self.config, HEADER_TIMEOUT, 10.0)
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes: int | None = 0
        self._leaving: list[Callable[[], None]] = []

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._due_in(self._header_timeout)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEADERS and b"\r\n\r\n" not in data[: MOST_HEADERS + 4]:
                self._refuse(431, b"the headers are too long")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin a request: its headers have to come soon."""
        super().on_message_begin()
        if self._head_bytes is None:
            self._head_bytes = 0
        self._due_in(self._header_timeout)

    def on_headers_complete(self) -> None:
        """Start to answer a request whose headers are there; one that came before the last one's answer waits its turn."""
        self._due = self._head_bytes = None
        parser, scope = self.parser, self.scope
        version = parser.get_http_version()
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"], scope["query_string"] = url.path, url.query or b""
        self._leaving = []
        scope[LEAVING] = self._leaving  # type: ignore[typeddict-unknown-key]  # a key of our own
        before = self.cycle
        keep_alive = version != "1.0" and parser.should_keep_alive()
        self.cycle = Cycle(self, keep_alive=keep_alive, on_response=self.on_response_complete)
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

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
        super().connection_lost(exc)
        for leave in self._leaving:
            leave()

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

    def _refuse(self, status: int, words: bytes) -> None:
        body = b'{"error": {"message": "%b", "type": "invalid_request_error", "param": null, "code": "headers_too_large"}}' % words
        head = b"HTTP/1.1 %d Request Header Fields Too Large\r\ncontent-type: application/json\r\n" % status
        self.transport.write(head + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the words of every other error."""
        body = b'{"error": {"message": "this is no HTTP request", "type": "invalid_request_error", "param": null, "code": "bad_request"}}'
        del msg
        head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
        self.transport.write(head + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body) + body)
        self.transport.close()
