"""The simulator itself: one background thread, one event loop, any number of providers on loopback."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from sparekey.lab.simulator.answers import TEXT, Voice
from sparekey.lab.simulator.provider import Provider, ProviderSettings
from sparekey.lab.simulator.wires import find

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine
    from types import TracebackType

_log = logging.getLogger("sparekey.lab.simulator")
_CLOSE_SECONDS = 2.0
_ANSWER_SECONDS = 10.0
"""The most seconds for starting or stopping to listen.

On an idle machine it takes a millisecond.
"""


class Simulator:
    """Simulated model providers on 127.0.0.1, for tests of programs that call model APIs.

    They speak real HTTP/1.1 over real sockets, each on a free port of its own. Use it as a context
    manager, from synchronous and asynchronous tests alike: it runs in a thread of its own. Closing
    it ends every answer that is still being sent.
    """

    def __init__(self, *, time_scale: float = 1.0) -> None:
        """Create a simulator that does not run yet.

        Args:
            time_scale: the factor for every wait inside a fault: 0.1 makes a silence of 30 s last 3
                s. Waits that are only stated (`retry_after`) are not changed.
        """
        self.providers: dict[str, Provider] = {}
        self._time_scale = time_scale
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="sparekey-simulator", args=(self._loop,))
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def provider(
        self,
        name: str,
        *,
        wire: str = "openai",
        keys: Collection[str] | None = None,
        models: Collection[str] | None = None,
        text: str = TEXT,
        reasoning: str = "",
        cached_tokens: int = 0,
        dimension: int | Mapping[str, int] | None = None,
        space: str = "",
        max_input_tokens: int | None = None,
        calls: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Provider:
        """Start a provider and return it.

        Args:
            name: its name, unique here; part of its address.
            wire: the HTTP interface it speaks: `openai`, `azure`, `anthropic`, `gemini`, `ark`
                (all: `sparekey.lab.simulator.wires.WIRES`).
            keys: the keys it accepts; None: any.
            models: the models it has; None: any.
            text: its chat answer.
            reasoning: the reasoning before the answer, where the wire knows such a thing.
            cached_tokens: how many prompt tokens it reports as read from its cache.
            dimension: the length of its vectors, or a length for each model; None: the wire's usual
                one.
            space: the vector space; the same text has the same vector in the same space, and an
                unrelated one elsewhere.
            max_input_tokens: the longest input in words, beyond which it refuses with its
                context-length error; None: any length.
            calls: tools by name, each with the arguments that it is called with; the first one that
                a request offers is called. None: the first tool that a request offers, with
                `{"query": "spare key"}`.

        Raises:
            ValueError: the name is taken, or there is no such wire.
            RuntimeError: the simulator is not running.
        """
        if name in self.providers:
            raise ValueError(f"there is a provider {name!r} already")
        spoken = find(wire)
        usual = dimension if isinstance(dimension, int) else spoken.dimension
        settings = ProviderSettings(
            voice=Voice(text, reasoning, cached_tokens, usual, space, Voice().models if models is None else tuple(models)),
            keys=keys,
            models=models,
            dimensions=dimension if isinstance(dimension, Mapping) else {},
            max_input_tokens=max_input_tokens,
            time_scale=self._time_scale,
            calls=calls or {},
        )
        made = Provider(name, spoken, settings, self._run)
        made.plug_in()
        self.providers[name] = made
        return made

    @property
    def open_connections(self) -> int:
        """The number of clients' open TCP connections at all providers, idle ones included."""
        return sum(provider.open_connections for provider in self.providers.values())

    def wait_closed(self, timeout: float = 2.0) -> bool:
        """Wait at most `timeout` seconds until the clients have closed every connection.

        Return whether they have.
        """
        deadline = time.monotonic() + timeout
        return all(
            provider.wait_for(lambda p: p.open_connections == 0, max(0.0, deadline - time.monotonic()))
            for provider in self.providers.values()
        )

    def close(self) -> None:
        """Stop every provider, end every answer, end the thread; a second call does nothing."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_SECONDS)
        if self._thread.is_alive():
            _log.warning("the simulator's thread needs more than %s s to end", _CLOSE_SECONDS)
        self._loop = self._thread = None

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the simulator's thread and wait for it."""
        if self._loop is None:
            coroutine.close()
            raise RuntimeError("the simulator is not running: use it as a context manager")
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_ANSWER_SECONDS)

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run the event loop until it is stopped, then close everything."""
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            loop.run_until_complete(self._clear_up())
        finally:
            loop.close()

    async def _clear_up(self) -> None:
        for provider in self.providers.values():
            await provider.unlisten()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
