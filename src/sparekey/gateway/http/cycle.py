"""One request and its answer on a client's connection: uvicorn's own cycle, with fewer writes.

uvicorn writes the head of an answer and its body separately: two system calls, and the client
wakes up twice. `Cycle` holds the head back until the first piece of the body comes, so that both
go out in one write. If no body comes within one turn of the event loop, the head goes out alone.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from sparekey.gateway.api.replies import BREAK_OFF

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.gateway.upstream.messages import Raw

_BODILESS: Final = frozenset({204, 304})
_LAST_CHUNK: Final = b"0\r\n\r\n"
_RESET: Final = struct.pack("ii", 1, 0)
"""The socket option SO_LINGER with zero seconds: closing then resets the connection."""
_FLUSH: Final = 0.1
"""Seconds between the last write and a reset: the client gets what was written before."""


def status_line(status: int) -> bytes:
    """Return the first line of an answer. The status may be one that only its provider knows."""
    return STATUS_LINE.get(status) or b"HTTP/1.1 %d \r\n" % status


class BadAnswerError(RuntimeError):
    """The application sent something that is no valid answer: a bug in the gateway."""


class Cycle(RequestResponseCycle):
    """The application's side of one request: `receive` gives its body, `send` takes its answer."""

    def __init__(self, protocol: Any, *, keep_alive: bool, on_response: Callable[[], None]) -> None:
        """Start when the headers of a request are complete.

        Args:
            protocol: the connection, a `GatewayProtocol`.
            keep_alive: whether the connection stays open after the answer.
            on_response: called once, when the answer is complete.
        """
        super().__init__(
            scope=protocol.scope,
            transport=protocol.transport,
            flow=protocol.flow,
            logger=protocol.logger,
            access_logger=protocol.access_logger,
            access_log=False,
            default_headers=protocol.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=protocol.expect_100_continue,
            keep_alive=keep_alive,
            on_response=on_response,
        )
        self._head = b""
        self.is_stream = False
        """Whether the answer is one of events, which a client reads as long as it is there."""

    def go_on(self) -> None:
        """Send the rest of a stream whose head, and perhaps more, was written before."""
        self.response_started = self.chunked_encoding = self.is_stream = True

    async def receive(self) -> Any:
        """Return the next ASGI message: a part of the body, or `http.disconnect`.

        Bytes that the client sends after the last part of the body belong to the next request, which
        waits until this one is answered.
        """
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            if self.more_body:
                self.flow.resume_reading()
            await self.message_event.wait()
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Any) -> None:
        """Send the head of an answer, or a piece of its body.

        Raises:
            BadAnswerError: the message comes at the wrong time, a header holds a line break, or the
                body is not as long as its `content-length` says.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.transport.is_closing() and not self.response_complete:
            self.disconnected = True  # the connection was refused meanwhile; uvicorn shall not miss the answer
        if self.disconnected:
            return
        if not self.response_started and message["type"] == "http.response.start":
            self._begin(message["status"], message["headers"])
        elif self.response_started and not self.response_complete and message["type"] == "http.response.body":
            self._go_on(message.get("body", b""), more=message.get("more_body", False))
        elif self.response_started and not self.response_complete and message is BREAK_OFF:
            self._break_off()
        else:
            raise BadAnswerError(f"{message['type']} at the wrong time")

    def _begin(self, status: int, headers: Raw) -> None:
        self.response_started, self.waiting_for_100_continue = True, False
        lines = [status_line(status)]
        for name, value in headers:
            if name == b"content-length":
                self.expected_content_length, self.chunked_encoding = int(value), False
            elif name == b"content-type":
                self.is_stream = value.startswith(b"text/event-stream")
            elif name == b"connection" and b"close" in value:
                self.keep_alive = False
                continue
            lines.append(b"%b: %b\r\n" % (name, value))
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in _BODILESS and self._knows_chunks():
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        head = b"".join(lines)
        if head.count(b"\r") != len(lines) or head.count(b"\n") != len(lines) or b"\0" in head:
            self.response_started, self.chunked_encoding = False, None
            raise BadAnswerError("a header with a line break in it")
        self._head = head + b"\r\n"
        if self.chunked_encoding is not False:
            asyncio.get_running_loop().call_soon(self._flush)

    def _knows_chunks(self) -> bool:
        """Return whether the client reads chunked bodies.

        HTTP/1.0 does not: it reads to the end.
        """
        return self.scope["http_version"] != "1.0"

    def _flush(self) -> None:
        if self._head and not self.transport.is_closing():
            self.transport.write(self._head)
        self._head = b""

    def _go_on(self, body: bytes, *, more: bool) -> None:
        head, self._head = self._head, b""
        if self.scope["method"] == "HEAD":
            self._write(head, b"")
        elif self.chunked_encoding:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            self._write(head, chunk if more else chunk + _LAST_CHUNK)
        elif self.chunked_encoding is None:
            self._write(head, body)
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (self.expected_content_length and not more):
                raise BadAnswerError("the body is not as long as its header says")
            self._write(head, body)
        if not more:
            self._complete()

    def _write(self, head: bytes, body: bytes) -> None:
        if head and body:
            self.transport.writelines((head, body))
        elif found := head or body:
            self.transport.write(found)

    def _break_off(self) -> None:
        """Close the connection so that the client notices that the answer is incomplete.

        A chunked body then lacks its last chunk. Without chunks the end of the connection would
        look like the end of the answer, so the connection is reset.
        """
        self._flush()
        if self.chunked_encoding is None and (line := self.transport.get_extra_info("socket")) is not None:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            asyncio.get_running_loop().call_later(_FLUSH, self.transport.close)
        else:
            self.transport.close()
        self.keep_alive, self.response_complete = False, True
        self.message_event.set()
        self.on_response()

    def _complete(self) -> None:
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
