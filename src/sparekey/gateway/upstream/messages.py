"""The few classes that `sparekey.transport` needs of an HTTP library, as the gateway has them.

The loop there works with any library that uses httpx's names. Here a response is just a status,
headers and a body that arrives; the exceptions have the names that `sparekey.classify` knows.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, MutableMapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from sparekey.errors import SparekeyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Raw = list[tuple[bytes, bytes]]
URL: Final = str
MOST_BYTES: Final = 128 * 2**20
"""The most bytes of an answer that is read as a whole: more than any model sends, less than fills
the memory. Streams, files and long answers of chats pass in pieces and have no limit."""
_MOST_UNPACKED: Final = 16 * 2**20
"""The most bytes of an answer that is unpacked as a whole, in less than a tenth of a second: the
gateway asks for none that is packed."""
_MOST_TIMES: Final = 200
_UNSUSPECTED: Final = 8 * 2**20
"""How many times longer than what came an encoded body may be that is longer than this."""


SLICE: Final = 4 * 1024
"""Bytes of a slice of a stream that holds many events, and"""
_LONG_SLICE: Final = 64 * 1024
"""those of one that holds few."""
_MANY_LINES: Final = 256


class TransportError(SparekeyError):
    """A request got no response, or one that is not HTTP."""


class ConnectError(TransportError):
    """No connection: nobody listens, the name is unknown, or the certificate is not trusted."""


class ConnectTimeout(ConnectError):  # noqa: N818 - httpx's name, by which it is classified
    """The connection was not open in time."""


class ReadTimeout(TransportError):  # noqa: N818 - as above
    """The provider was silent for too long."""


class ReadError(TransportError):
    """The connection broke."""


class RemoteProtocolError(TransportError):
    """The response is not HTTP, or not an answer of this API."""


class UnsupportedProtocol(TransportError):  # noqa: N818 - as above
    """No credential of the chain speaks the format of the request."""


class Headers(MutableMapping[str, str]):
    """Headers of a response as received (`raw`), and by name in upper or lower case."""

    __slots__ = ("raw",)

    def __init__(self, raw: Raw) -> None:
        """Wrap the received names and values."""
        self.raw = raw

    def __getitem__(self, name: str) -> str:
        wanted = name.lower().encode()
        for known, value in self.raw:
            if known.lower() == wanted:
                return value.decode("latin-1")
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        self.pop(name, None)
        self.raw.append((name.lower().encode(), value.encode("latin-1", "replace")))

    def __delitem__(self, name: str) -> None:
        wanted = name.lower().encode()
        left = [pair for pair in self.raw if pair[0].lower() != wanted]
        if len(left) == len(self.raw):
            raise KeyError(name)
        self.raw = left

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower().decode("latin-1") for name, _ in self.raw))

    def __len__(self) -> int:
        return len(self.raw)


class BodyStream(Protocol):
    """The body of a response while it arrives."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield its bytes as they arrive."""

    async def read(self) -> bytes:
        """Return the rest of it."""

    async def aclose(self) -> None:
        """Stop reading; cut the connection unless the body is complete."""


class ByteStream:
    """A body that is complete already."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        """Wrap the body's bytes."""
        self.data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.data

    async def read(self) -> bytes:
        """Return the body."""
        return self.data

    async def aclose(self) -> None:
        """Do nothing: there is no connection to close."""


class Response:
    """A response; `credential_id` names the credential that gave it."""

    __slots__ = ("content", "credential_id", "extensions", "headers", "status_code", "stream")

    def __init__(self, status_code: int, headers: Any = (), content: bytes = b"", stream: Any = None) -> None:
        """Create a response; `content` is its complete body, encoded as its headers say."""
        raw = headers.items() if isinstance(headers, dict) else headers
        self.status_code = status_code
        self.headers = Headers([(_bytes(name), _bytes(value)) for name, value in raw])
        encoding = self.headers.get("content-encoding") if content or stream is not None else None
        self.content = _decoder(encoding).whole(content) if encoding and content else content
        self.stream: Any = stream if stream is not None else ByteStream(content)
        self.credential_id = ""
        self.extensions: dict[str, Any] = {}

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        """Yield the decoded body as it arrives."""
        decoder = _decoder(self.headers.get("content-encoding"))
        async for chunk in self.stream:
            if piece := decoder.feed(chunk):
                yield piece


def slices(piece: bytes) -> Iterable[bytes]:
    """Return a long piece of a stream in several: many events of one piece would keep everybody else waiting."""
    step = SLICE if piece.count(b"\n") > _MANY_LINES else _LONG_SLICE
    return (piece,) if len(piece) <= step else (piece[at : at + step] for at in range(0, len(piece), step))


def is_burst(piece: bytes) -> bool:
    """Return whether a piece of a stream holds so much that it is to pass in slices."""
    return len(piece) > SLICE and (len(piece) > _LONG_SLICE or piece.count(b"\n") > _MANY_LINES)


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    """Return a body that arrives in pieces.

    Raises:
        RemoteProtocolError: it is longer than `MOST_BYTES`.
    """
    found = bytearray()  # a list of small pieces would take many times their bytes
    async for piece in pieces:
        found += piece
        if len(found) > MOST_BYTES:
            raise RemoteProtocolError(f"the answer is longer than {MOST_BYTES >> 20} MiB")
    return bytes(found)


def received(status: int, raw: Raw, stream: BodyStream) -> Response:
    """Return a response whose body is still arriving."""
    response = Response.__new__(Response)
    response.status_code, response.headers, response.content = status, Headers(raw), b""
    response.stream, response.credential_id, response.extensions = stream, "", {}
    return response


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1", "replace")


class _Decoder:
    """Decodes a body piece by piece.

    The gateway asks for no encoding, but some providers send one.
    """

    def __init__(self, bits: int | None) -> None:
        self._inflate = zlib.decompressobj(bits) if bits is not None else None
        self._came = self._gave = 0

    def feed(self, chunk: bytes, most: float = float("inf")) -> bytes:
        if self._inflate is None:
            return chunk
        self._came += len(chunk)
        allowed = min(most, max(_UNSUSPECTED, _MOST_TIMES * self._came)) - self._gave
        try:
            piece = self._inflate.decompress(chunk, max(1, int(allowed)))
        except zlib.error:
            raise RemoteProtocolError("a body that is not encoded as its headers say") from None
        if self._inflate.unconsumed_tail:
            raise RemoteProtocolError("a body that unpacks to far more than any answer")
        self._gave += len(piece)
        return piece

    def whole(self, body: bytes) -> bytes:
        return self.feed(body, _MOST_UNPACKED)


_WINDOWS: Final = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS, "identity": None, "": None}


def _decoder(encoding: str | None) -> _Decoder:
    name = (encoding or "").strip().lower()
    if name not in _WINDOWS:
        raise RemoteProtocolError("a body in an encoding that nobody asked for")
    return _Decoder(_WINDOWS[name])
