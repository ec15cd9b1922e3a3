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
    pieces, size, rest = [], 0, aiter(response.stream)
    async for piece in rest:
        pieces.append(piece)
        size += len(piece)
        if size > MOST_HELD:
            break
    else:
        response.stream = ByteStream(b"".join(pieces))
        return
    response.stream = LongAnswer(pieces, rest, response.stream)
    response.extensions[PASSED] = form_of(pieces[0]) == "json"


class LongAnswer:
    """A body of which the beginning was read."""

    def __init__(self, pieces: list[bytes], rest: AsyncIterator[bytes], stream: Any) -> None:
        """Take what was read, the iterator of what comes, and the stream that it belongs to."""
        self._pieces, self._rest, self._stream = pieces, rest, stream

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
        while self._pieces:
            yield self._pieces.pop(0)
        async for piece in self._rest:
            yield piece

    async def aclose(self) -> None:
        """Stop reading; cut the connection unless the body is complete."""
        await self._stream.aclose()
