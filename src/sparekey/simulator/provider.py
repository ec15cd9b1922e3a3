"""A simulated provider as a test sees it: its address, what it saw, and what shall go wrong with it."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from sparekey.simulator import faults
from sparekey.simulator.play import play
from sparekey.simulator.script import Rule, Script
from sparekey.simulator.wires.base import Ask, UnreadableRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping
    from typing import Any

    from sparekey.simulator.answers import Voice
    from sparekey.simulator.connection import Connection
    from sparekey.simulator.play import Step
    from sparekey.simulator.seen import Seen
    from sparekey.simulator.wires.base import Wire


class Provider:
    """One provider of a `Simulator`; made by `Simulator.provider`. Its methods may be called from any thread."""

    def __init__(
        self,
        name: str,
        wire: Wire,
        *,
        voice: Voice,
        keys: Collection[str] | None,
        models: Collection[str] | None,
        dimensions: Mapping[str, int],
        max_input_tokens: int | None,
    ) -> None:
        """Hold the settings; see `Simulator.provider` for what they mean."""
        self.name, self.wire, self.voice = name, wire, voice
        self.keys, self.models = keys, models
        self.dimensions, self.max_input_tokens = dimensions, max_input_tokens
        self.port = 0
        self._changed = threading.Condition()
        self._script = Script()
        self._requests: list[Seen] = []
        self._abandoned: list[Seen] = []
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._run: Callable[[Coroutine[Any, Any, None]], None]
        self._connect: Callable[[Provider], Connection]

    @property
    def origin(self) -> str:
        """The address without the wire's own path, for instance `http://127.0.0.1:43211/first`."""
        return f"http://127.0.0.1:{self.port}/{self.name}"

    @property
    def base_url(self) -> str:
        """What the SDK of this wire takes as its base URL or endpoint."""
        return self.origin + self.wire.root

    # what it saw

    @property
    def requests(self) -> tuple[Seen, ...]:
        """Every request that arrived whole, in the order of arrival."""
        with self._changed:
            return tuple(self._requests)

    @property
    def abandoned(self) -> tuple[Seen, ...]:
        """The requests whose client left before the answer was at its end."""
        with self._changed:
            return tuple(self._abandoned)

    @property
    def open_connections(self) -> int:
        """How many TCP connections of clients are open, idle ones included."""
        with self._changed:
            return len(self._connections)

    def wait_for(self, condition: Callable[[Provider], bool], timeout: float = 5.0) -> bool:
        """Wait until `condition(self)` is true, at most `timeout` seconds; return whether it is.

        It is asked again whenever a request arrives or ends and whenever a connection opens or closes:
        `p.wait_for(lambda p: p.open_connections == 0)`.
        """
        deadline = time.monotonic() + timeout
        while not condition(self):
            with self._changed:
                # the state may have changed between the question and the lock: ask again soon in any case
                if not self._changed.wait(min(0.05, max(0.0, deadline - time.monotonic()))) and time.monotonic() >= deadline:
                    return condition(self)
        return True

    # what goes wrong

    def fail(
        self,
        fault: faults.Fault,
        times: int | None = None,
        after: int = 0,
        *,
        after_texts: int = 0,
        key: str | None = None,
        model: str | None = None,
    ) -> None:
        """Let requests meet a fault, behind what is scripted already.

        Args:
            fault: what they meet, from `sparekey.simulator.faults`.
            times: how many requests meet it; None: every one from now on, until `heal()` or the next `fail` about the same requests.
            after: how many requests pass unharmed before.
            after_texts: how many texts are embedded before; the request that would exceed the number meets the fault.
            key: only requests with this key.
            model: only requests for this model.
        """
        with self._changed:
            self._script.add(Rule(fault, times, after, after_texts, key, model))

    def script(self, sequence: Iterable[faults.Fault | None]) -> None:
        """Let the coming requests meet these faults, one each, None being a healthy answer; then all is well again."""
        with self._changed:
            for fault in sequence:
                self._script.add(Rule(fault, times=1))

    def heal(self) -> None:
        """End every fault; answers that are being played go on as they are."""
        with self._changed:
            self._script.clear()

    def unplug(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        self._run(self._unlisten())

    def plug_in(self) -> None:
        """Take connections again, on the same port."""
        self._run(self._listen())

    # what the simulator's thread does

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: self._connect(self), "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _unlisten(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.drop(hard=True)
        await asyncio.sleep(0)

    def _opened(self, connection: Connection) -> None:
        with self._changed:
            self._connections.add(connection)
            self._changed.notify_all()

    def _closed(self, connection: Connection) -> None:
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()

    def _finished(self, seen: Seen, *, complete: bool) -> None:
        with self._changed:
            if not complete:
                self._abandoned.append(seen)
            self._changed.notify_all()

    def _steps(self, seen: Seen) -> Iterator[Step]:
        with self._changed:
            self._requests.append(seen)
            serial = len(self._requests)
            self._changed.notify_all()
        key = self.wire.key(seen)
        try:
            ask = replace(self.wire.read(seen), key=key, serial=serial)
        except UnreadableRequestError as error:
            ask = Ask("unreadable", key=key, serial=serial)
            return self._play(self._fault(ask) or self._wrong_key(ask) or error.refusal, ask)
        return self._play(self._fault(ask) or self._wrong_key(ask) or self._wrong_request(ask), ask)

    def _play(self, fault: faults.Fault | None, ask: Ask) -> Iterator[Step]:
        if isinstance(fault, faults.NoPrefill):
            fault = faults.refuse("prefill") if ask.prefilled else self._wrong_key(ask) or self._wrong_request(ask)
        reply = self.wire.answer(ask, self._voice(fault, ask)) if ask.kind != "unreadable" else self.wire.refuse(faults.bad_request(), ask)
        return play(fault, reply, self.wire, ask)

    def _fault(self, ask: Ask) -> faults.Fault | None:
        with self._changed:
            return self._script.take(ask.key, ask.model, len(ask.texts))

    def _wrong_key(self, ask: Ask) -> faults.Fault | None:
        return faults.auth() if self.keys is not None and ask.key not in self.keys else None

    def _wrong_request(self, ask: Ask) -> faults.Fault | None:
        if self.models is not None and ask.model and ask.model not in self.models:
            return faults.model_not_found()
        if self.max_input_tokens is not None and ask.longest_input > self.max_input_tokens:
            return faults.context_length()
        return None

    def _voice(self, fault: faults.Fault | None, ask: Ask) -> Voice:
        voice = replace(self.voice, dimension=self.dimensions.get(ask.model, self.voice.dimension))
        match fault:
            case faults.WrongLength(length=length):
                return replace(voice, force_length=length)
            case faults.Missing(what="content"):
                return replace(voice, text="", reasoning="")
            case _:
                return voice
