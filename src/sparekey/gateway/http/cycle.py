"""One request and its answer on uvicorn's connection: uvicorn's own cycle, with fewer writes.

uvicorn writes the head of an answer and its body one after the other: two system calls, and a client that is woken twice. Here the head
waits for the first piece of the body, at most until the event loop turns once more.
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
"""Linger, for no time: closing resets the connection."""
_FLUSH: Final = 0.1
"""Seconds in which what was written reaches the client before the connection is reset."""


def status_line(status: int) -> bytes:
    """Return the first line of an answer; a provider may have invented its status."""
    return STATUS_LINE.get(status) or b"HTTP/1.1 %d \r\n" % status


class BadAnswerError(RuntimeError):
    """The application sent what is no answer: an error of ours."""


class Cycle(RequestResponseCycle):
    """What uvicorn's cycle is for the application."""

    def __init__(self, protocol: Any, *, keep_alive: bool, on_response: Callable[[], None]) -> None:
        """Begin with a request whose headers are there."""
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

    async def receive(self) -> Any:
        """Return the next part of the body, or that the client has gone.

        Nothing more is read for a request that is whole: what a client sends behind it waits until it is answered.
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
            BadAnswerError: it is not the turn of such a message, a header is none, or the body is not as long as its header says.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
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
        """Tell whether the client does: to HTTP/1.0 the end of the connection is the end of the answer."""
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
        """Close without the end. Where the end of the connection is the end of the answer, only a reset tells one from the other."""
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
