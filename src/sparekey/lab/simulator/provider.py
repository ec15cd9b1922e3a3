"""A simulated provider as a test uses it: its address, the requests it got, the faults to play."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.simulator import faults
from sparekey.lab.simulator.answers import TEXT, Voice, structured
from sparekey.lab.simulator.connection import ServerConnection
from sparekey.lab.simulator.play import play
from sparekey.lab.simulator.script import Script, ScriptRule
from sparekey.lab.simulator.traffic import TrafficLog
from sparekey.lab.simulator.wires.base import RequestedAnswer, UnreadableRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping

    from sparekey.lab.simulator.play import Step
    from sparekey.lab.simulator.traffic import ReceivedRequest
    from sparekey.lab.simulator.wires.base import ProviderReply, Wire


_WRONG_TYPES: Final = (AttributeError, LookupError, TypeError, ValueError)
"""Exceptions of a wire that reads JSON of the wrong shape.

The provider turns them into a refusal.
"""
_MENU_WAIT: Final = 20
"""Seconds that the menu's stated waits ask for: long enough to see, short enough to wait for."""
_MENU: Final[Mapping[str, Callable[[], faults.Fault]]] = {
    "quota used up, back in 20 s": lambda: faults.quota(retry_after=_MENU_WAIT),
    "rate limit, 20 s": lambda: faults.rate_limit(retry_after=_MENU_WAIT),
    "key refused": faults.auth,
    "bill overdue": faults.overdue,
    "overloaded": faults.overloaded,
    "server error": faults.server_error,
    "model missing": faults.model_not_found,
    "connection reset": faults.reset,
    "silence": lambda: faults.hang(60),
    "slow start, 15 s": lambda: faults.slow_start(15),
    "stream cut after 20 tokens": lambda: faults.cut(after=20),
    "error that repeats the key": faults.echo_key,
}
"""The faults by plain names, for the console of `sparekey demo`: what a person wants to watch."""
_HEALTHY: Final = "healthy"
"""The name in the menu that ends a fault."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """The settings of a healthy provider; `Simulator.provider` describes them."""

    voice: Voice = field(default_factory=Voice)
    keys: Collection[str] | None = None
    models: Collection[str] | None = None
    dimensions: Mapping[str, int] = field(default_factory=dict)
    max_input_tokens: int | None = None
    time_scale: float = 1.0
    calls: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Provider:
    """One provider, made by `Simulator.provider`. Its methods may be called from any thread."""

    def __init__(self, name: str, wire: Wire, settings: ProviderSettings, run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        """Create a provider that does not listen yet.

        Args:
            name: its name, part of its address.
            wire: the HTTP interface it speaks.
            settings: what it is like when it is healthy.
            run: runs a coroutine in the simulator's thread, and waits for it.
        """
        self.name, self.wire, self.settings = name, wire, settings
        self.port = 0  # 0 until it listens; it keeps the port when it is plugged in again
        self._run = run
        self._ledger = TrafficLog()
        self._script, self._script_lock = Script(), threading.Lock()
        self._decide: Callable[[RequestedAnswer], faults.Fault | None] = lambda _: None  # asked before the script
        self._server: asyncio.Server | None = None  # None while it does not listen

    @property
    def origin(self) -> str:
        """The address without the wire's own path, for instance `http://127.0.0.1:43211/first`."""
        return f"http://127.0.0.1:{self.port}/{self.name}"

    @property
    def injectable(self) -> tuple[str, ...]:
        """The names that `inject` takes; the last one ends the fault of another."""
        return (*_MENU, _HEALTHY)

    def inject(self, name: str) -> None:
        """Make every request meet the fault of this name, until another name is chosen.

        Raises:
            KeyError: there is no such fault.
        """
        fault = None if name == _HEALTHY else _MENU[name]()
        self.heal()
        if fault is not None:
            self.fail(fault)

    @property
    def base_url(self) -> str:
        """The base URL or endpoint for the SDK of this wire."""
        return self.origin + self.wire.root

    # the requests it got

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """Every request that arrived whole, in the order of arrival."""
        return self._ledger.requests

    @property
    def abandoned(self) -> tuple[ReceivedRequest, ...]:
        """The requests whose client left before the answer was at its end."""
        return self._ledger.abandoned

    @property
    def open_connections(self) -> int:
        """How many TCP connections of clients are open, idle ones included."""
        return len(self._ledger.connections)

    def wait_for(self, condition: Callable[[Provider], bool], timeout: float = 5.0) -> bool:
        """Wait until `condition(self)` is true, at most `timeout` seconds; return whether it is.

        It blocks its thread: `await asyncio.to_thread(p.wait_for, lambda p: p.abandoned)` in a
        coroutine.
        """
        return self._ledger.wait_for(lambda: condition(self), timeout)

    # the faults it plays

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
        """Add a fault for coming requests, after those that are scripted already.

        Args:
            fault: the fault, from `sparekey.lab.simulator.faults`.
            times: the number of requests that get it; None: all, until `heal()` or the next `fail`
                for the same requests.
            after: the number of requests that get a healthy answer before.
            after_texts: the number of texts that are embedded before; the request that would exceed
                it gets the fault.
            key: only requests with this key.
            model: only requests for this model.
        """
        with self._script_lock:
            self._script.add(ScriptRule(fault, times, after, after_texts, key, model))

    def script(self, sequence: Iterable[faults.Fault | None]) -> None:
        """Give coming requests these faults in order (None: healthy), then be healthy."""
        with self._script_lock:
            for fault in sequence:
                self._script.add(ScriptRule(fault, times=1))

    def decide(self, choice: Callable[[RequestedAnswer], faults.Fault | None]) -> None:
        """Choose each arriving request's fault with a function.

        If the function returns None, the script decides.
        """
        self._decide = choice

    def heal(self) -> None:
        """End all faults; running answers continue unchanged."""
        with self._script_lock:
            self._script.clear()

    def unplug(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        self._run(self.unlisten())

    def plug_in(self) -> None:
        """Take connections again, on the same port."""
        self._run(self.listen())

    # what the simulator's thread does

    async def listen(self) -> None:
        """Listen on the provider's port, at first a free one.

        Like `unlisten`, it runs in the simulator's thread.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def unlisten(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
        for connection in self._ledger.connections:
            connection.drop(hard=True)
        await asyncio.sleep(0)

    def _connection(self) -> ServerConnection:
        return ServerConnection(f"/{self.name}", self._ledger, self._steps_for, self.settings.time_scale)

    def _steps_for(self, seen: ReceivedRequest) -> Iterator[Step]:
        """Decide what happens to a request: a scripted fault, its own fault, or an answer."""
        key, serial = self.wire.key(seen), self._ledger.arrived(seen)
        ask, own_fault = self._read(seen)
        ask = self._call(replace(ask, key=key, serial=serial))
        own_fault = self._wrong_key(ask) or own_fault or self._wrong_request(ask)
        fault = self._decide(ask) or self._scripted(ask) or own_fault
        if isinstance(fault, faults.NoPrefill):
            fault = faults.refuse("prefill") if ask.prefilled else own_fault
        reply = self.wire.refuse(own_fault, ask) if own_fault else self._answer(fault, ask)
        return play(fault, reply, self.wire, ask)

    def _read(self, seen: ReceivedRequest) -> tuple[RequestedAnswer, faults.Refusal | None]:
        try:
            return self.wire.read(seen), None
        except UnreadableRequestError as error:
            return RequestedAnswer("unreadable"), error.refusal
        except _WRONG_TYPES as error:
            return RequestedAnswer("unreadable"), _wrong_type(error)

    def _call(self, ask: RequestedAnswer) -> RequestedAnswer:
        """Let the answer call the tool of the provider's `calls` that the request offers; without one it is text."""
        if not ask.tool or not self.settings.calls:
            return ask
        name = next((name for name in self.settings.calls if name in ask.offered), "")
        return replace(ask, tool=name, arguments=self.settings.calls.get(name, {}))

    def _answer(self, fault: faults.Fault | None, ask: RequestedAnswer) -> ProviderReply:
        try:
            return self.wire.answer(ask, self._voice(fault, ask))
        except _WRONG_TYPES as error:
            return self.wire.refuse(_wrong_type(error), ask)

    def _scripted(self, ask: RequestedAnswer) -> faults.Fault | None:
        with self._script_lock:
            return self._script.take(ask.key, ask.model, len(ask.texts))

    def _wrong_key(self, ask: RequestedAnswer) -> faults.Refusal | None:
        keys = self.settings.keys
        return faults.auth() if keys is not None and ask.key not in keys else None

    def _wrong_request(self, ask: RequestedAnswer) -> faults.Refusal | None:
        models, longest = self.settings.models, self.settings.max_input_tokens
        if models is not None and ask.model and ask.model not in models:
            return faults.model_not_found()
        if longest is not None and ask.longest_input > longest:
            return faults.context_length()
        return None

    def _voice(self, fault: faults.Fault | None, ask: RequestedAnswer) -> Voice:
        usual = self.settings.voice
        text = (usual.text == TEXT and structured(ask.body)) or usual.text  # a provider with a text of its own sends that text
        voice = replace(usual, text=text, dimension=self.settings.dimensions.get(ask.model, usual.dimension))
        match fault:
            case faults.WrongLength(length=length):
                return replace(voice, force_length=length)
            case faults.Missing(what="content"):
                return replace(voice, text="", reasoning="")
            case _:
                return voice


def _wrong_type(error: Exception) -> faults.Refusal:
    return faults.bad_request(message=f"Invalid type in the request: {error}.")
