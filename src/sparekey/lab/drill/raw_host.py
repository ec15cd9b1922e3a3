"""Both ends of HTTP without an HTTP library: a provider and a client that send any bytes.

A library would refuse to write most of what hostile ends write, and would hide the rest.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self

_PIECE: Final = 256 * 1024
_PATIENCE: Final = 20.0
_CHOICE: Final = {"index": 0, "message": {"role": "assistant", "content": "four"}, "finish_reason": "stop"}
ANSWER: Final = json.dumps({"id": "1", "object": "chat.completion", "choices": [_CHOICE]}).encode()
"""A chat's answer."""


def response(body: bytes = ANSWER, *headers: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """Return a response of HTTP/1.1 with a length; `headers` are further lines."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class RawHost:
    """A provider on loopback. It answers each request with the pieces that `answer` returns.

    It keeps the connection. Use it as a context manager.

    Attributes:
        base_url: its address, with OpenAI's `/v1`.
        requests: the requests, head and body as they came, in order.
        connections: how many connections came.
    """

    def __init__(self, answer: Callable[[int], Iterable[bytes]]) -> None:
        """Listen; `answer` is called with the number of the request, from 0."""
        self._answer = answer
        self.requests: list[bytes] = []
        self.connections = 0
        self._server = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._lock = threading.Lock()
        self._lines: list[socket.socket] = []
        self.base_url = f"http://127.0.0.1:{self._server.getsockname()[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for line in self._lines:
            line.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._server.accept()
                self._lines.append(line)
                self.connections += 1
                threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        data = b""
        with suppress(OSError), closing(line):
            while (found := _request(line, data)) is not None:
                request, data = found
                with self._lock:
                    number = len(self.requests)
                    self.requests.append(request)
                for piece in self._answer(number):
                    line.sendall(piece)


def _request(line: socket.socket, data: bytes) -> tuple[bytes, bytes] | None:
    """Read one request; return it and the bytes after it, or None at the end of the connection."""
    wanted: int | None = None
    pieces, size = [data], len(data)
    while wanted is None or size < wanted:
        if wanted is None and b"\r\n\r\n" in (data := b"".join(pieces)):
            pieces, head = [data], data.partition(b"\r\n\r\n")[0]
            wanted = len(head) + 4 + _length_of(head)
            continue
        if not (piece := line.recv(_PIECE)):
            return None
        pieces.append(piece)
        size += len(piece)
    data = b"".join(pieces)
    return data[:wanted], data[wanted:]


def _length_of(head: bytes) -> int:
    named = (line.partition(b":") for line in head.lower().split(b"\r\n")[1:])
    return next((int(value) for name, _, value in named if name == b"content-length"), 0)


def connected(url: str, *, patience: float = _PATIENCE) -> socket.socket:
    """Return a socket to an address (`http://127.0.0.1:8080`)."""
    host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
    return socket.create_connection((host, int(port)), timeout=patience)


def everything(line: socket.socket) -> bytes:
    """Return what comes on a connection until its end, or until its timeout passes in silence."""
    pieces = []
    with suppress(OSError):
        while piece := line.recv(_PIECE):
            pieces.append(piece)
    return b"".join(pieces)


def exchanged(url: str, data: bytes, *, patience: float = _PATIENCE) -> bytes:
    """Send bytes as they are, and return what comes back."""
    with closing(connected(url, patience=patience)) as line:
        with suppress(OSError):
            line.sendall(data)
        return everything(line)


def posted(body: bytes, *headers: str, path: str = "/v1/chat/completions", close: bool = True) -> bytes:
    """Return a request of HTTP/1.1 with a length; `headers` are further lines."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *headers]
    lines += ["Connection: close"] if close else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def asked(path: str, *headers: str) -> bytes:
    """Return a GET of HTTP/1.0; `headers` are further lines."""
    return "\r\n".join([f"GET {path} HTTP/1.0", "Host: 127.0.0.1", *headers, "", ""]).encode()


def status_of(answer: bytes) -> int:
    """Return the status of a response; 0 if it is none."""
    parts = answer.split(b" ", 2)
    return int(parts[1]) if parts[0].startswith(b"HTTP/") and len(parts) > 1 and parts[1].isdigit() else 0


def body_of(answer: bytes) -> bytes:
    """Return the body of a response, its chunks joined."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    pieces: list[bytes] = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        if not length:
            break
        pieces.append(body[:length])
        body = body[length + 2 :]
    return b"".join(pieces)


def question(**more: Any) -> bytes:
    """Return a chat request; `more` are further fields."""
    return json.dumps({"model": "chat", "messages": [{"role": "user", "content": "two and two?"}], **more}).encode()
