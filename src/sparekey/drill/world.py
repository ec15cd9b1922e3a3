"""One chain among simulated providers, as a row plays with it: who fails, who calls, what both sides saw."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final

from sparekey.core.events import Event, Parked, Probed
from sparekey.core.status import Standing
from sparekey.drill.heard import Heard
from sparekey.embedding.factory import EmbedderFactory
from sparekey.embedding.multi import FailoverEmbedder
from sparekey.failover import AsyncFailover, Chain, Failover
from sparekey.vlm.factory import VLMFactory
from sparekey.vlm.multi import MultiCredentialVLM

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from sparekey.config.chain import BaseChain
    from sparekey.core.status import CredentialStatus
    from sparekey.drill.cast import Seat
    from sparekey.drill.clock import Clock
    from sparekey.simulator.faults import Fault

QUESTION: Final = "Where is the spare key?"
LONGEST: Final = 60.0
"""Seconds after which a call is given up: longer than any row allows."""
_CLOSING: Final = 5.0
"""Real seconds for closing what was opened."""


class _ChatChain(MultiCredentialVLM):
    """The wrapper of a configuration, with pauses that follow the drill's clock."""

    def follow(self, clock: Clock) -> None:
        """Let the engine pause on the drill's clock."""
        self._failover, self._failover_async = Failover(self.chain, sleep=clock.sleep), AsyncFailover(self.chain, sleep=clock.asleep)


class _EmbeddingChain(FailoverEmbedder):
    """As `_ChatChain`, for embeddings."""

    def follow(self, clock: Clock) -> None:
        """Let the engine pause on the drill's clock."""
        self._failover, self._async_failover = Failover(self.chain, sleep=clock.sleep), AsyncFailover(self.chain, sleep=clock.asleep)


class World:
    """A chain and its providers. Calls run in threads of their own, or as tasks of one event loop; rows need not know which."""

    def __init__(
        self, config: BaseChain[Any], kind: str, seats: Sequence[Seat], clock: Clock, mode: str, dice: Callable[[], float]
    ) -> None:
        """Build the chain of a configuration; `kind` is `chat` or the kind of its vectors, `mode` is `sync` or `async`."""
        self.seats, self.clock, self.mode = tuple(seats), clock, mode
        self.heard: list[Heard] = []
        self.events: list[Event] = []
        self.chain = Chain(config.engine_credentials(), config.policy(), clock=clock, random=dice, hooks=[self.events.append])
        self.timeout: float = config.timeout / clock.scale  # type: ignore[attr-defined]  # every kind of chain has one
        self._model = _model(config, kind, self.chain)
        self._model.follow(clock)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    # ── what goes wrong ──

    def fail(self, seat: int, fault: Fault, times: int | None = None, **narrower: Any) -> None:
        """Let the requests of one credential meet a fault (see `Provider.fail`)."""
        self.seats[seat].provider.fail(fault, times, key=self.seats[seat].key, **narrower)

    def fail_all(self, fault: Fault) -> None:
        """Let every credential's requests meet a fault."""
        for seat in range(len(self.seats)):
            self.fail(seat, fault)

    def heal(self) -> None:
        """End every fault."""
        for seat in self.seats:
            seat.provider.heal()

    # ── who calls ──

    def ask(self, prompt: str = QUESTION) -> Heard:
        """Ask for a whole answer."""
        return self.wait(self.start(prompt))

    def stream(self, longest: float = LONGEST) -> Heard:
        """Ask for an answer piece by piece."""
        return self.wait(self.start(streaming=True), longest)

    def embed(self, text: str) -> Heard:
        """Embed one text."""
        return self.wait(self._begin(lambda: [self._model.embed(text)], lambda: _listed(self._model.embed_async(text))))

    def embed_batch(self, texts: Sequence[Any]) -> Heard:
        """Embed many texts."""
        return self.wait(self._begin(lambda: self._model.embed_batch(texts), lambda: self._model.embed_batch_async(texts)))

    def start(self, prompt: str = QUESTION, *, streaming: bool = False, mode: str | None = None) -> Future[Any]:
        """Begin a call and leave it running; `wait` for it, or cancel it (in the mode `async`). `mode`: another one than the world's."""
        model = self._model
        if streaming:
            return self._begin(lambda: model.stream_completion(prompt), lambda: model.stream_completion_async(prompt), mode)
        return self._begin(lambda: model.get_completion(prompt), lambda: model.get_completion_async(prompt), mode)

    def cancel_after(self, turns: int, *, streaming: bool) -> None:
        """Begin a call as a task, and cancel it after so many turns of the event loop."""
        model = self._model
        call = (lambda: model.stream_completion_async(QUESTION)) if streaming else (lambda: model.get_completion_async(QUESTION))
        self._in_loop(_cancelled(self._hear_async(call), turns)).result(self._real(LONGEST))

    def leave(self, after: int) -> None:
        """Ask for a stream and go away after so many pieces."""
        if self.mode == "sync":
            stream = self._model.stream_completion(QUESTION)
            for _ in range(after):
                next(stream)
            stream.close()
        else:
            self._in_loop(_left(self._model.stream_completion_async(QUESTION), after)).result(self._real(LONGEST))

    def wait(self, call: Future[Any], longest: float = LONGEST) -> Heard:
        """Return what came of a call; one that gives no sign for `longest` seconds is given up."""
        since = self.clock()
        try:
            heard: Heard = call.result(self._real(longest))
        except TimeoutError:
            call.cancel()
            heard = Heard(hung=True, seconds=self.clock() - since)
        with self._lock:
            self.heard.append(heard)
        return heard

    # ── what both sides saw ──

    def tries(self, seat: int | None = None) -> int:
        """Return how many requests came with a credential's key, or with any."""
        return len(self.arrivals(seat))

    def arrivals(self, seat: int | None = None) -> list[float]:
        """Return when they came, on the drill's clock."""
        chosen = {s.key: s for s in (self.seats if seat is None else self.seats[seat : seat + 1])}
        return sorted(self.clock.at(real) for s in chosen.values() for real in s.tries())

    def standing(self, seat: int) -> CredentialStatus:
        """Return how the chain sees a credential now."""
        return self.chain.status().credentials[seat]

    def parked_for(self, seat: int) -> float:
        """Return for how many seconds more a credential is parked; 0 if it is not."""
        return self.standing(seat).returns_in or 0.0

    @property
    def parked(self) -> list[str]:
        """The ids of the credentials that are parked now."""
        return [c.id for c in self.chain.status().credentials if c.returns_in]

    def parks(self, seat: int) -> int:
        """Return how often a credential was parked."""
        return sum(isinstance(e, Parked) and e.what == f"credential:{self.seats[seat].id}" for e in self.events)

    def probes(self, seat: int) -> int:
        """Return how often a credential was probed."""
        return sum(isinstance(e, Probed) and e.what == f"credential:{self.seats[seat].id}" for e in self.events)

    @property
    def probing(self) -> list[str]:
        """The ids of the credentials that are being probed now."""
        return [c.id for c in self.chain.status().credentials if c.standing is Standing.PROBING]

    @property
    def batch_size(self) -> int:
        """How many texts one request embeds."""
        size: int = self._model.batch_size
        return size

    @property
    def open_connections(self) -> int:
        """How many connections to the providers are open."""
        return sum(provider.open_connections for provider in {seat.provider for seat in self.seats})

    # ── the end ──

    def close(self) -> None:
        """Close the clients and the event loop."""
        with suppress(Exception):  # what a row found is found; how an SDK parts from its sockets is looked at where a row says so
            if self._loop is not None:
                self._in_loop(self._model.aclose()).result(_CLOSING)
            self._model.close()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSING)
            self._loop = None

    # ── how calls run ──

    def _begin(self, call: Callable[[], Any], acall: Callable[[], Any], mode: str | None = None) -> Future[Any]:
        if (mode or self.mode) == "async":
            return self._in_loop(self._hear_async(acall))
        future: Future[Any] = Future()
        threading.Thread(target=lambda: _settle(future, self._hear, call), daemon=True).start()
        return future

    def _hear(self, call: Callable[[], Any]) -> Heard:
        hearing = _Hearing(self.clock)
        try:
            answer = call()
            if hasattr(answer, "__next__"):
                for chunk in answer:
                    hearing.take(chunk)
            else:
                hearing.take_all(answer)
        except Exception as exc:  # noqa: BLE001 - whatever the caller would get
            hearing.error = exc
        return hearing.heard()

    async def _hear_async(self, call: Callable[[], Any]) -> Heard:
        hearing = _Hearing(self.clock)
        try:
            answer = call()
            if hasattr(answer, "__anext__"):
                async with aclosing(answer) as chunks:
                    async for chunk in chunks:
                        hearing.take(chunk)
            else:
                hearing.take_all(await answer)
        except Exception as exc:  # noqa: BLE001 - as above
            hearing.error = exc
        return hearing.heard()

    def _in_loop(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run_loop, args=(self._loop,), daemon=True)
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _real(self, seconds: float) -> float:
        return seconds * self.clock.scale


class _Hearing:
    """Collects what a caller gets of one call."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._since = clock, clock()
        self._text: list[str] = []
        self._more: dict[str, Any] = {}
        self.error: BaseException | None = None

    def take(self, chunk: Any) -> None:
        self._text.append(str(chunk))
        if chunk.usage is not None:
            self._more["tokens"] = chunk.usage.completion_tokens
        if chunk.model:
            self._more["model"] = chunk.model

    def take_all(self, answer: Any) -> None:
        if isinstance(answer, list):
            self._more["vectors"] = tuple(r.dense_vector or sorted((r.sparse_vector or {}).items()) for r in answer)
            return
        self._text.append(str(answer))
        self._more |= {"tokens": answer.usage.get("completion_tokens", 0), "model": answer.model}

    def heard(self) -> Heard:
        return Heard(text="".join(self._text), error=self.error, seconds=self._clock() - self._since, **self._more)


def _model(config: BaseChain[Any], kind: str, chain: Chain) -> Any:
    """Return the wrapper of a chain, as the factories build it; a lone credential gets one, too, so that its state can be seen."""
    dicts, ids = [{**one, "max_retries": 0} for one in config.instance_dicts()], [c.id for c in chain.credentials]
    if kind == "chat":
        return _ChatChain([VLMFactory.create(one) for one in dicts], ids, chain=chain)
    return _EmbeddingChain([EmbedderFactory.create({**one, "kind": kind}) for one in dicts], ids, chain=chain)


async def _listed(one: Any) -> list[Any]:
    return [await one]


async def _left(stream: Any, after: int) -> None:
    for _ in range(after):
        await anext(stream)
    await stream.aclose()


async def _cancelled(work: Coroutine[Any, Any, Any], turns: int) -> None:
    task = asyncio.ensure_future(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _settle(future: Future[Any], work: Callable[..., Any], *args: Any) -> None:
    result = work(*args)
    with suppress(Exception):  # nobody waits for it any more
        future.set_result(result)


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(_all_ended())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def _all_ended() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def each_distinct(world: World) -> Iterator[Any]:
    """Yield every provider of a world once."""
    yield from dict.fromkeys(seat.provider for seat in world.seats)
