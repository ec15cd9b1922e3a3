"""The engine as people use it: a chain, and its sync and async drivers.

All decisions are made by the generator in `sparekey.core.flow`; a driver makes the attempts, sleeps, and reports back.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random as _random
import time
from copy import copy
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sparekey.cell import Cell, monotonic
from sparekey.classify import classify as _classify
from sparekey.core import flow, status
from sparekey.core.events import AttemptFailed, AttemptSucceeded
from sparekey.core.policy import Policy
from sparekey.core.pool import Pool, Ticket
from sparekey.errors import IncompleteAnswerError, describe_exception
from sparekey.switching import OrderedCredentialSwitcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator

    from sparekey.core.events import Event
    from sparekey.stores.keeper import Keeper
    from sparekey.types import Credential, Failure

T = TypeVar("T")
logger = logging.getLogger("sparekey")


class Chain(Cell):
    """The credentials of one model in order, with their shared state. Thread-safe and task-safe; share one, do not copy it."""

    def __init__(
        self,
        credentials: Iterable[Credential],
        policy: Policy | None = None,
        *,
        classify: Callable[[BaseException], Failure] = _classify,
        clock: Callable[[], float] = monotonic,
        random: Callable[[], float] = _random.random,
        hooks: Iterable[Callable[[Event], None]] = (),
        store: Keeper | None = None,
        name: str = "",
    ) -> None:
        """Start with the first credential active and nothing parked, or as the store remembers it.

        Args:
            credentials: in order, the first has the highest priority; their ids are unique.
            policy: the knobs; the defaults of `Policy` if None.
            classify: reads why a call failed.
            clock: returns seconds that only go forwards; for tests.
            random: returns a number in [0, 1); for tests.
            hooks: called with each event after the state was changed, outside any lock; one that raises is logged.
            store: where the state lives, from `sparekey.stores.open_store`; None: in this object.
            name: the chain's name in the store; chains of one name share their state.

        Raises:
            ValueError: no credential, two with one id, or a store and no name.
        """
        super().__init__(Pool(tuple(credentials), policy or Policy()), clock, hooks, store, name)
        self.classify, self.random = classify, random
        self.switcher = OrderedCredentialSwitcher.over(self)

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """The credentials in order."""
        return self.pool.credentials

    @property
    def active_index(self) -> int:
        """Where the next request starts; a pure read."""
        return self.state.active

    @property
    def active_id(self) -> str:
        """The id of the active credential; a pure read."""
        return self.credentials[self.active_index].id

    def status(self) -> status.ChainStatus:
        """Return who is active, who is parked, why and for how long; a pure read."""
        return status.describe(self.pool, self.state, self.clock())

    def reading(self, classify: Callable[[BaseException], Failure]) -> Chain:
        """Return this chain with another reader of failures: the same state, clock and hooks."""
        view = copy(self)
        view.classify = classify
        return view

    def steps(self, eligible: Callable[[Credential], bool] | None) -> Generator[flow.Step, flow.Message, None]:
        """Return the flow of one call, for a driver."""
        indices = None if eligible is None else frozenset(i for i, c in enumerate(self.credentials) if eligible(c))
        if indices is not None and len(indices) == len(self.credentials):
            indices = None
        return flow.call(self.pool, self, self.clock(), indices)

    def failed(self, credential: Credential, exc: Exception) -> flow.Failed:
        """Return what a driver reports of an attempt that raised."""
        failure = self.classify(exc)
        if self.hooks:
            self.tell(AttemptFailed(credential.id, failure))
        return flow.Failed(self.clock(), failure, exc, self.random())

    def done(self, credential: Credential | None = None) -> flow.Done:
        """Return what a driver reports of an attempt that succeeded, or of a pause that is over."""
        if credential is not None and self.hooks:
            self.tell(AttemptSucceeded(credential.id))
        return flow.Done(self.clock())

    def begun(self, credential: Credential) -> flow.Begun:
        """Return what a driver reports of a stream whose first content has come."""
        if self.hooks:
            self.tell(AttemptSucceeded(credential.id))
        return flow.Begun(self.clock())


def _as_chain(chain: Chain | Iterable[Credential], policy: Policy | None) -> Chain:
    if isinstance(chain, Chain):
        if policy is not None:
            raise ValueError("give the policy to the Chain: the drivers of one chain share it")
        return chain
    return Chain(chain, policy)


class Failover:
    """Calls anything with a credential that works: the sync driver of a chain."""

    def __init__(
        self, chain: Chain | Iterable[Credential], policy: Policy | None = None, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Drive a `Chain`, or make one of credentials and a policy; `sleep` waits so many seconds, for tests."""
        self.chain = _as_chain(chain, policy)
        self._sleep = sleep

    def call(self, fn: Callable[[Credential], T], *, eligible: Callable[[Credential], bool] | None = None) -> T:
        """Return `fn(credential)` of the first credential for which it succeeds.

        Args:
            fn: makes one attempt; an exception it raises is classified.
            eligible: restricts the call to some credentials (routing by capability). If the active one is not among them, the active
                index stays where it is, whoever serves.

        Raises:
            Exception: the provider's own, unchanged, where no other credential can help.
            AllCredentialsFailedError: every credential was tried or is parked.
            DeadlineExceeded: the policy's deadline was spent before an attempt could be made.
        """
        chain, result = self.chain, None
        steps = chain.steps(eligible)
        try:
            step = next(steps, None)
            while step is not None:
                message: flow.Message
                if isinstance(step, flow.Pause):
                    self._sleep(step.seconds)
                    message = chain.done()
                else:
                    assert isinstance(step, Ticket)
                    credential = chain.credentials[step.index]
                    try:
                        result = fn(credential)
                    except Exception as exc:  # noqa: BLE001 - every failure is classified
                        message = chain.failed(credential, exc)
                    else:
                        message = chain.done(credential)
                step = flow.advance(steps, message)
            return result  # type: ignore[return-value]  # the flow ends without raising only after a success
        finally:
            steps.close()

    def stream(
        self,
        fn: Callable[[Credential], Iterator[T]],
        *,
        eligible: Callable[[Credential], bool] | None = None,
        is_content: Callable[[T], bool] | None = None,
    ) -> Iterator[T]:
        """Yield the items of `fn(credential)`, moving on to other credentials until the first content is out, never after.

        Args:
            fn: opens one stream.
            eligible: as in `call`.
            is_content: tells content from preamble (a role, an empty chunk). Items are held back until the first content, and a stream
                that ends without any counts as failed. None: every item is content.

        Raises:
            Exception: as in `call`; what breaks after the first content is raised as it is.
        """
        chain, source, items = self.chain, None, None
        steps = chain.steps(eligible)
        try:
            step = next(steps, None)
            while step is not None:
                if isinstance(step, flow.Pause):
                    self._sleep(step.seconds)
                    step = flow.advance(steps, chain.done())
                    continue
                assert isinstance(step, Ticket)
                credential = chain.credentials[step.index]
                try:
                    source = items = None
                    source = fn(credential)
                    items = iter(source)
                    held = _opening(items, is_content)
                except Exception as exc:  # noqa: BLE001 - every failure is classified
                    _close(items, source)
                    step = flow.advance(steps, chain.failed(credential, exc))
                    continue
                flow.advance(steps, chain.begun(credential))
                yield from held
                while not isinstance(item := _pull(chain, credential, items), _End):
                    yield item
                step = flow.advance(steps, item.message)
        finally:
            steps.close()
            _close(items, source)


class AsyncFailover:
    """Calls anything with a credential that works: the async driver of a chain. A chain may have both drivers at once."""

    def __init__(
        self,
        chain: Chain | Iterable[Credential],
        policy: Policy | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Drive a `Chain`, or make one of credentials and a policy; `sleep` waits so many seconds, for other event loops and tests."""
        self.chain = _as_chain(chain, policy)
        self._sleep = sleep

    async def call(self, fn: Callable[[Credential], Awaitable[T]], *, eligible: Callable[[Credential], bool] | None = None) -> T:
        """Return `await fn(credential)` of the first credential for which it succeeds; see `Failover.call`."""
        chain, result = self.chain, None
        steps = chain.steps(eligible)
        try:
            step = next(steps, None)
            while step is not None:
                message: flow.Message
                if isinstance(step, flow.Pause):
                    await self._sleep(step.seconds)
                    message = chain.done()
                else:
                    assert isinstance(step, Ticket)
                    credential = chain.credentials[step.index]
                    try:
                        result = await fn(credential)
                    except Exception as exc:  # noqa: BLE001 - every failure is classified
                        message = chain.failed(credential, exc)
                    else:
                        message = chain.done(credential)
                step = flow.advance(steps, message)
            return result  # type: ignore[return-value]  # the flow ends without raising only after a success
        finally:
            steps.close()

    async def stream(
        self,
        fn: Callable[[Credential], AsyncIterator[T]],
        *,
        eligible: Callable[[Credential], bool] | None = None,
        is_content: Callable[[T], bool] | None = None,
    ) -> AsyncIterator[T]:
        """Yield the items of `fn(credential)` until the end; see `Failover.stream`."""
        chain, source, items = self.chain, None, None
        steps = chain.steps(eligible)
        try:
            step = next(steps, None)
            while step is not None:
                if isinstance(step, flow.Pause):
                    await self._sleep(step.seconds)
                    step = flow.advance(steps, chain.done())
                    continue
                assert isinstance(step, Ticket)
                credential = chain.credentials[step.index]
                try:
                    source = items = None
                    source = fn(credential)
                    items = aiter(source)
                    held = await _aopening(items, is_content)
                except Exception as exc:  # noqa: BLE001 - every failure is classified
                    await _aclose(items, source)
                    step = flow.advance(steps, chain.failed(credential, exc))
                    continue
                flow.advance(steps, chain.begun(credential))
                for item in held:
                    yield item
                while not isinstance(pulled := await _apull(chain, credential, items), _End):
                    yield pulled
                step = flow.advance(steps, pulled.message)
        finally:
            steps.close()
            await _aclose(items, source)


class _End(NamedTuple):
    """A stream is over; `message` says how."""

    message: flow.Message


def _opening(items: Iterator[T], is_content: Callable[[T], bool] | None) -> list[T]:
    """Read up to the first content."""
    held: list[T] = []
    for item in items:
        held.append(item)
        if is_content is None or is_content(item):
            return held
    raise IncompleteAnswerError("the stream ended before any content")


async def _aopening(items: AsyncIterator[T], is_content: Callable[[T], bool] | None) -> list[T]:
    held: list[T] = []
    async for item in items:
        held.append(item)
        if is_content is None or is_content(item):
            return held
    raise IncompleteAnswerError("the stream ended before any content")


def _pull(chain: Chain, credential: Credential, items: Iterator[T]) -> T | _End:
    """The next item; what goes wrong here is the provider's, what goes wrong while the caller holds an item is not."""
    try:
        return next(items)
    except StopIteration:
        return _End(chain.done())
    except Exception as exc:  # noqa: BLE001 - every failure is classified
        return _End(chain.failed(credential, exc))


async def _apull(chain: Chain, credential: Credential, items: AsyncIterator[T]) -> T | _End:
    try:
        return await anext(items)
    except StopAsyncIteration:
        return _End(chain.done())
    except Exception as exc:  # noqa: BLE001 - every failure is classified
        return _End(chain.failed(credential, exc))


def _close(items: object, source: object) -> None:
    """Close what the provider's connection hangs on: the iterator and what it came from. A failure to close is no failure of the call."""
    for thing in (items,) if items is source else (items, source):
        try:
            if (close := getattr(thing, "close", None)) is not None:
                close()
        except Exception as exc:  # noqa: BLE001 - foreign code may raise anything
            logger.debug("a stream could not be closed: %s", describe_exception(exc))


async def _aclose(items: object, source: object) -> None:
    for thing in (items,) if items is source else (items, source):
        try:
            close = getattr(thing, "aclose", None) or getattr(thing, "close", None)
            if close is not None and inspect.isawaitable(closing := close()):
                await closing
        except Exception as exc:  # noqa: BLE001 - foreign code may raise anything
            logger.debug("a stream could not be closed: %s", describe_exception(exc))
