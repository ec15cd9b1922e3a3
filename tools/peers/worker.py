"""The worker in a peer's environment: it makes the peer's clients, calls them, and replies.

`python -m peers.worker NAME` reads tasks from stdin and writes replies to stdout, one line of JSON
each. What a library prints goes to stderr.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import platform
import sys
import threading
import traceback
from contextlib import aclosing, suppress
from importlib.metadata import version
from time import monotonic
from typing import TYPE_CHECKING, Any

from peers.client_interface import Piece, Seat
from peers.cost import measured

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_TEXT = 2000
DEEPEST = 4


class CallRecorder:
    """Records what comes of one call."""

    def __init__(self, kind: str) -> None:
        self.kind, self._since = kind, monotonic()
        self._text: list[str] = []
        self._more: dict[str, Any] = {}

    def take(self, piece: Piece) -> None:
        self._text.append(piece.text)
        self._more |= {"model": piece.model} if piece.model else {}
        self._more |= {"tokens": piece.tokens} if piece.tokens else {}

    def done(self, error: BaseException | None = None) -> dict[str, Any]:
        failed = {"error": as_data(error)} if error else {}
        return {"text": "".join(self._text), "seconds": monotonic() - self._since, **self._more, **failed}


class OpenClient:
    """One client; an asynchronous one has its own event loop, so that others do not wait for it."""

    def __init__(self, adapter: Any, seats: list[Seat], mode: str) -> None:
        self._loop = asyncio.new_event_loop() if mode == "async" else None
        if self._loop:
            threading.Thread(target=self._loop.run_forever, daemon=True).start()
            self._client = asyncio.run_coroutine_threadsafe(_made(adapter, seats), self._loop).result()
        else:
            self._client = adapter.Client(seats, mode)

    def begin(self, kind: str, prompt: str, answer: Callable[[dict[str, Any]], None]) -> None:
        if self._loop:
            asyncio.run_coroutine_threadsafe(self._acall(kind, prompt, answer), self._loop)
        else:
            threading.Thread(target=self._call, args=(kind, prompt, answer), daemon=True).start()

    def _call(self, kind: str, prompt: str, answer: Callable[[dict[str, Any]], None]) -> None:
        call = CallRecorder(kind)
        try:
            for piece in self._client.stream(prompt) if kind == "stream" else [self._client.ask(prompt)]:
                call.take(piece)
            answer(call.done())
        except BaseException as exc:  # noqa: BLE001 - whatever the caller would get
            answer(call.done(exc))

    async def _acall(self, kind: str, prompt: str, answer: Callable[[dict[str, Any]], None]) -> None:
        call = CallRecorder(kind)
        try:
            if kind == "stream":
                async with aclosing(self._client.astream(prompt)) as pieces:
                    async for piece in pieces:
                        call.take(piece)
            else:
                call.take(await self._client.aask(prompt))
            answer(call.done())
        except BaseException as exc:  # noqa: BLE001 - as above
            answer(call.done(exc))

    def close(self) -> None:
        with suppress(Exception):
            if self._loop:
                asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result(5)
                self._loop.call_soon_threadsafe(self._loop.stop)
            else:
                self._client.close()


async def _made(adapter: Any, seats: list[Seat]) -> Any:
    return adapter.Client(seats, "async")


def as_data(error: BaseException, depth: int = 0) -> dict[str, Any]:
    """Return an exception as data: its class, text and status, and what it groups or was caused by."""
    parts = [*getattr(error, "exceptions", ()), error.__cause__ or (None if error.__suppress_context__ else error.__context__)]
    inner = [as_data(part, depth + 1) for part in parts if isinstance(part, BaseException)] if depth < DEEPEST else []
    status, body = getattr(error, "status_code", None), getattr(error, "body", None)
    return {
        "type": type(error).__name__,
        "text": str(error)[:LONGEST_TEXT],
        "status": status if isinstance(status, int) else None,
        "body": body if isinstance(body, (dict, str)) else None,
        "group": isinstance(error, BaseExceptionGroup),
        "parts": inner,
    }


def main(name: str) -> None:
    """Carry out tasks until stdin ends."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lock, clients = threading.Lock(), dict[str, OpenClient]()

    def answer(number: int, what: dict[str, Any]) -> None:
        with lock:
            out.write(json.dumps({"number": number, **what}, default=str) + "\n")
            out.flush()

    adapter = importlib.import_module(f"peers.adapters.{name}")
    versions = {package: version(package) for package in adapter.PACKAGES}
    answer(0, {"versions": versions, "python": platform.python_version(), "modes": adapter.MODES})
    for line in sys.stdin:
        task = json.loads(line)
        number = task["number"]
        try:
            match task["do"]:
                case "open":
                    clients[task["client"]] = OpenClient(adapter, [Seat(*seat) for seat in task["seats"]], task["mode"])
                    answer(number, {})
                case "call":
                    clients[task["client"]].begin(task["kind"], task["prompt"], lambda what, number=number: answer(number, what))
                case "close":
                    clients.pop(task["client"]).close()
                    answer(number, {})
                case "cost":
                    answer(number, {"cost": measured(adapter, Seat(*task["seat"]), task["mode"])})
        except Exception:  # noqa: BLE001 - a fault of the adapter must show as such, and not as one of the peer
            answer(number, {"broken": traceback.format_exc()})


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)  # some libraries' threads would keep the process alive
