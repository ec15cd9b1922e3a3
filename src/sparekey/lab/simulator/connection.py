"""One TCP connection of a client: h11 parses its requests, and the steps of `play` answer them."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import parse_qsl, unquote, urlsplit

import h11

from sparekey.lab.simulator.play import Data, Drop, End, Head, Idle
from sparekey.lab.simulator.traffic import ReceivedRequest, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sparekey.lab.simulator.play import Step
    from sparekey.lab.simulator.traffic import TrafficLog

_log = logging.getLogger("sparekey.lab.simulator")
_LINGER_NOT = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing sends a reset instead of a proper end."""


class ServerConnection(asyncio.Protocol):
    """One connection: it reads requests and carries out the steps of their answers.

    It runs in the simulator's own thread.
    """

    def __init__(self, prefix: str, ledger: TrafficLog, steps_for: Callable[[ReceivedRequest], Iterator[Step]], time_scale: float) -> None:
        """Serve one client.

        Args:
            prefix: the part of each path that is the simulator's own.
            ledger: records the traffic.
            steps_for: returns the steps of the answer to a request.
            time_scale: multiplies each wait.
        """
        self._prefix, self._ledger, self._steps_for, self._time_scale = prefix, ledger, steps_for, time_scale
        self._http = h11.Connection(h11.SERVER)
        self._task: asyncio.Task[None] | None = None  # sends the answer; None between two requests
        self._request: h11.Request | None = None  # the request whose body is being read
        self._body: list[bytes] = []  # the parts of that body so far
        self._writable = asyncio.Event()  # cleared while the client reads too slowly
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._peer = transport.get_extra_info("peername")
        self._ledger.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the answer: the client has gone, or the connection was closed here."""
        del exc
        if self._task is not None:
            self._task.cancel()
        self._writable.set()
        self._ledger.closed(self)

    def pause_writing(self) -> None:
        """Wait before writing: the client reads too slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Write again: the client has caught up."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Parse bytes from the client."""
        self._http.receive_data(data)
        self._advance()

    def drop(self, *, hard: bool) -> None:
        """Close the connection at once; `hard`: with a TCP reset."""
        if hard:
            with suppress(OSError):
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            self._transport.abort()
        else:
            self._transport.close()

    def _advance(self) -> None:
        """Parse until a request is complete or bytes are missing.

        Close the connection if it is no HTTP.
        """
        try:
            while self._take(self._http.next_event()):
                pass
        except h11.RemoteProtocolError:
            self._transport.close()

    def _take(self, event: Any) -> bool:
        """Handle one event of the parser; return False if nothing more can be parsed now."""
        match event:
            case h11.Request():
                self._request, self._body = event, []
            case h11.Data(data=data):
                self._body.append(bytes(data))
            case h11.EndOfMessage():
                self._task = asyncio.get_running_loop().create_task(self._serve(self._seen()))
                return False
            case _:
                self._continue_if_asked()
                return False
        return True

    def _continue_if_asked(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            self._write(h11.InformationalResponse(status_code=100, headers=[]))

    def _seen(self) -> ReceivedRequest:
        assert self._request is not None
        url = urlsplit(self._request.target.decode("ascii", "replace"))
        body = b"".join(self._body)
        return ReceivedRequest(
            method=self._request.method.decode("ascii"),
            path=unquote(url.path).removeprefix(self._prefix),
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.decode("ascii"): value.decode("latin-1") for name, value in self._request.headers},
            body=body,
            json=parse_json(body),
            at=time.monotonic(),
            client=self._peer[:2],
        )

    async def _serve(self, seen: ReceivedRequest) -> None:
        complete = False
        try:
            await self._perform(self._steps_for(seen))
            complete = True
        except Exception:  # noqa: BLE001 - a bug in a wire must show in the log and not hang the client
            _log.exception("the simulator failed on %s %s", seen.method, seen.path)
            self.drop(hard=True)
        finally:
            if not complete:
                self._ledger.left(seen)
        if complete and not self._transport.is_closing():
            self._next_request()

    async def _perform(self, steps: Iterator[Step]) -> None:
        for step in steps:
            match step:
                case Idle(seconds):
                    await self._sleep(seconds * self._time_scale)
                case Head(status, headers):
                    self._write(h11.Response(status_code=status, headers=list(headers)))
                case Data(data):
                    self._write(h11.Data(data=data))
                    await self._writable.wait()
                    await asyncio.sleep(0)
                case Drop(hard=hard):
                    self.drop(hard=hard)
                case End():
                    self._write(h11.EndOfMessage())
                case _:
                    assert_never(step)

    async def _sleep(self, seconds: float) -> None:
        if math.isinf(seconds):
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(seconds)

    def _write(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def _next_request(self) -> None:
        if self._http.our_state is h11.MUST_CLOSE or self._http.their_state is not h11.DONE:
            self._transport.close()
        else:
            self._http.start_next_cycle()
            self._advance()
