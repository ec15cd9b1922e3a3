"""A client's request as it arrives: its body, with limits in size and time, and its departure."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any, Final

from sparekey.gateway.api.replies import RefusalError
from sparekey.gateway.http.content_encoding import unpacked
from sparekey.gateway.http.off_loop import off_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LEAVING: Final = "sparekey.leaving"
"""Key in the ASGI scope: a list of functions that our server calls when the client goes."""
_SHORT: Final = 4096
"""Bytes of an encoded body up to which it is unpacked at once: in 10 ms at the most."""
_LINGER: Final = 5.0
_PAUSE: Final = 0.25
_MOST_DISCARDED: Final = 256 * 2**20
"""Limits for discarding a body that is too long: seconds in all, seconds of silence, bytes."""
_BREAK: Final = re.compile(rb"[\r\n\0]")


class ClientGoneError(Exception):
    """The client has closed the connection: no answer can reach it."""


async def body_of(receive: Callable[[], Awaitable[dict[str, Any]]], named: dict[bytes, bytes], most: int, seconds: float) -> bytes:
    """Return the decoded body of a request.

    Args:
        receive: ASGI's `receive`.
        named: the request's headers, names in lower case.
        most: the most bytes of the body, encoded and decoded.
        seconds: how long it may take to arrive.

    Raises:
        RefusalError: it is too long, too late, or in an unknown or broken encoding.
        ClientGoneError: the client left before it was complete.
    """
    body = await _received(receive, named, most, seconds)
    encoding = named.get(b"content-encoding")
    if not encoding:
        return body
    return unpacked(body, encoding, most) if len(body) < _SHORT else await off_loop(unpacked, body, encoding, most)


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
    """Return the whole body; None as soon as it is longer than `most` bytes."""
    body = bytearray()  # a list of its pieces would take forty times their bytes if each held one
    while True:
        message = message or await receive()
        if message["type"] != "http.request":
            raise ClientGoneError
        if not body and not message.get("more_body") and len(message["body"]) <= most:
            return message["body"]  # type: ignore[no-any-return]
        body += message["body"]
        if len(body) > most:
            return None
        if not message.get("more_body"):
            return bytes(body)
        message = None


async def _discarded(receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    """Read and drop the rest of a body that is too long, for a moment.

    Many clients read the answer only after they have sent everything. If the gateway closed the
    connection earlier, the reset would destroy the answer, too.
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
    """A `with` block that is cancelled as soon as the client goes, whatever it is waiting for.

    Raises:
        ClientGoneError: the client went while the block ran.
    """

    __slots__ = ("_gone", "_leaving", "_task", "_watcher")

    def __init__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        """Prepare to cancel the current task when the client goes."""
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
    """Call `leave` when the client goes; for servers that do not know `LEAVING`."""
    while (await receive())["type"] != "http.disconnect":
        pass
    leave()


def checked(named: dict[bytes, bytes]) -> None:
    """Check header values for line breaks. One search over all is far cheaper than one for each.

    Raises:
        RefusalError: a value holds a line break, which could smuggle in another header.
    """
    if _BREAK.search(b" ".join(named.values())):
        raise RefusalError(400, "bad_header", "a header holds a line break")
