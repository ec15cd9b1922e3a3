"""A client's request as it comes in: its body, bounded in size and time, and whether the client is still there."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any, Final

from sparekey.gateway.api.replies import RefusalError
from sparekey.gateway.http.content_encoding import unpacked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LEAVING: Final = "sparekey.leaving"
"""What the scope is called in which our own server takes who is to be told when the client goes (see `protocol`)."""
_LINGER: Final = 5.0
_PAUSE: Final = 0.25
_MOST_DISCARDED: Final = 256 * 2**20
"""How long, with what silence between, and how many bytes of a body that is too long are still taken off the line."""
_BREAK: Final = re.compile(rb"[\r\n\0]")


class ClientGoneError(Exception):
    """The client has left: nobody is there to be answered."""


async def body_of(receive: Callable[[], Awaitable[dict[str, Any]]], named: dict[bytes, bytes], most: int, seconds: float) -> bytes:
    """Return the body of a request, without its encoding.

    Raises:
        RefusalError: it is longer than `most` bytes, not complete within `seconds`, or in no encoding that is known.
        ClientGoneError: the client left before it was complete.
    """
    body = await _received(receive, named, most, seconds)
    encoding = named.get(b"content-encoding")
    return unpacked(body, encoding, most) if encoding else body


async def _received(receive: Callable[[], Awaitable[dict[str, Any]]], named: dict[bytes, bytes], most: int, seconds: float) -> bytes:
    stated = named.get(b"content-length", b"")
    if stated and (not stated.isdigit() or int(stated) > most):
        if b"expect" not in named:  # whoever waits for leave to send it has sent nothing
            await _discarded(receive)
        raise _too_long(most)
    message = await receive() if stated in {b"", b"0"} or int(stated) < 2048 else None  # noqa: PLR2004 - it came with the headers
    if message is not None and not message.get("more_body") and message["type"] == "http.request":
        return message["body"]  # type: ignore[no-any-return]
    try:
        async with asyncio.timeout(seconds):
            if (body := await _rest(receive, message, most)) is not None:
                return body
    except TimeoutError:
        raise RefusalError(408, "slow_body", f"the body was not complete within {seconds:g} s") from None
    await _discarded(receive)
    raise _too_long(most)


async def _rest(receive: Callable[[], Awaitable[dict[str, Any]]], message: dict[str, Any] | None, most: int) -> bytes | None:
    """Return the whole body; None as soon as it is too long."""
    pieces, size = [], 0
    while True:
        message = message or await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        pieces.append(message["body"])
        size += len(message["body"])
        if size > most:
            return None
        if not message.get("more_body"):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        message = None


async def _discarded(receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    """Let a client send on for a moment, and forget what it sends.

    Many read the answer only when they have sent everything, and a connection that is closed on them before is reset, answer and all.
    """
    size, more = 0, True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER):
            while more and size < _MOST_DISCARDED:
                async with asyncio.timeout(_PAUSE):
                    message = await receive()
                size += len(message.get("body", b""))
                more = message.get("more_body", False)


def _too_long(most: int) -> RefusalError:
    return RefusalError(413, "body_too_large", f"the body is longer than {most // 2**20} MiB (gateway.max_body_mb)")


class Present:
    """Cancels what is done within as soon as the client goes: before the answer, within it, or while a provider is silent.

    Raises:
        ClientGoneError: it went.
    """

    __slots__ = ("_gone", "_leaving", "_task", "_watcher")

    def __init__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        """Watch over the task that runs now."""
        task = asyncio.current_task()
        assert task is not None
        self._task, self._gone = task, False
        self._leaving: list[Callable[[], None]] | None = scope.get(LEAVING)
        self._watcher = asyncio.create_task(_watch(receive, self._leave)) if self._leaving is None else None

    def __enter__(self) -> None:
        if self._leaving is not None:
            self._leaving.append(self._leave)

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _traceback: object) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        elif self._leaving:
            self._leaving.clear()
        if self._gone and isinstance(exc, asyncio.CancelledError):
            self._task.uncancel()
            raise ClientGoneError from None

    def _leave(self) -> None:
        self._gone = True
        self._task.cancel()


async def _watch(receive: Callable[[], Awaitable[dict[str, Any]]], leave: Callable[[], None]) -> None:
    """Wait for the end of the connection, on a server that tells it in no other way."""
    while (await receive())["type"] != "http.disconnect":
        pass
    leave()


def checked(named: dict[bytes, bytes]) -> None:
    """Look at the values of headers; one search over all is much cheaper than one over each.

    Raises:
        RefusalError: a value that could smuggle in another header.
    """
    if _BREAK.search(b" ".join(named.values())):
        raise RefusalError(400, "bad_header", "a header holds a line break")
