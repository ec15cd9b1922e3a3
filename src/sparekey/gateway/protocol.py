"""uvicorn's protocol with what a server among strangers needs besides: limits on headers, and word of a client that goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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
        self._head: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._leaving: list[Callable[[], None]] = []

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._head is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEADERS and self._no_body_yet(data):
                self._refuse(431, b"the headers are too long")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin a request: its headers have to come soon."""
        super().on_message_begin()
        if self._head is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Go on with a request whose headers are there."""
        self._headed()
        self._leaving = []
        self.scope[LEAVING] = self._leaving  # type: ignore[typeddict-unknown-key]  # a key of our own
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever works for this client."""
        self._headed()
        super().connection_lost(exc)
        for leave in self._leaving:
            leave()

    def shutdown(self) -> None:
        """Close a connection on which nothing runs; one whose headers are still coming, too."""
        self._headed()
        super().shutdown()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head = self.loop.call_later(self._header_timeout, self._too_late)

    def _headed(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _no_body_yet(self, data: bytes) -> bool:
        return b"\r\n\r\n" not in data[: MOST_HEADERS + 4]

    def _too_late(self) -> None:
        self._head = None
        if not self.transport.is_closing():
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
