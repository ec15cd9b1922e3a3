"""Whole answers that are too long to be held: they pass in pieces as they come, and only their end is watched.

A chat's answer is judged before a client gets it, so that another credential can be asked. Beyond `MOST_HELD` bytes none of the words that
tell an error from an answer is left to come, and holding on would cost memory for every client that asks so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.gateway.upstream.messages import ByteStream, RemoteProtocolError, whole
from sparekey.transport.responses import PASSED
from sparekey.wire.answer import form_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sparekey.gateway.upstream.messages import Response

MOST_HELD: Final = 16 * 2**20
_PIECE: Final = 256 * 1024
_CLOSING: Final = b"}]"
_BLANK: Final = b" \t\r\n"


async def held(response: Response) -> None:
    """Read the beginning of an answer; replace its stream by what was read, or by one that passes the answer on as it comes.

    Raises:
        TransportError: the connection broke meanwhile.
    """
    length = float("inf")
    for name, value in response.headers.raw:
        if name == b"content-encoding":
            return
        if name == b"content-length" and value.isdigit():
            length = int(value)
    if length <= MOST_HELD:
        return
    start, rest = bytearray(), aiter(response.stream)
    async for piece in rest:
        start += piece
        if len(start) > MOST_HELD:
            break
    else:
        response.stream = ByteStream(bytes(start))
        return
    response.stream = LongAnswer(bytes(start), rest, response.stream)
    response.extensions[PASSED] = form_of(bytes(start[:64])) == "json"


class LongAnswer:
    """A body of which the beginning was read."""

    def __init__(self, start: bytes, rest: AsyncIterator[bytes], stream: Any) -> None:
        """Take what was read, the iterator of what comes, and the stream that it belongs to."""
        self._start, self._rest, self._stream = start, rest, stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes.

        Raises:
            RemoteProtocolError: it ended before its JSON did.
        """
        end = b""
        async for piece in self._everything():
            yield piece
            end = piece.rstrip(_BLANK)[-1:] or end
        if end not in _CLOSING:
            raise RemoteProtocolError("the answer ended before its JSON did")

    async def read(self) -> bytes:
        """Return all of it.

        Raises:
            RemoteProtocolError: it is longer than is read as a whole.
        """
        return await whole(self._everything())

    async def _everything(self) -> AsyncIterator[bytes]:
        start, self._start = self._start, b""
        for at in range(0, len(start), _PIECE):
            yield start[at : at + _PIECE]
        async for piece in self._rest:
            yield piece

    async def aclose(self) -> None:
        """Stop reading; cut the connection unless the body is complete."""
        await self._stream.aclose()
