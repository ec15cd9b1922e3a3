"""What only the async driver can get wrong: cancellation at every await, tasks, other event loops."""

import asyncio
from contextlib import aclosing, suppress

import anyio
import anyio.lowlevel
import pytest
import trio

from chain_play import Fault, auth, names, overloaded, quota, rate_limit, read, refusal, unreached
from sparekey.core.policy import Policy
from sparekey.engine import AsyncFailover, Chain
from sparekey.errors import AllCredentialsFailedError
from sparekey.types import Failure


class Stream:
    """An upstream stream with an await before each item and in its end."""

    def __init__(self, items):
        self.items, self.closed = list(items), False

    def __aiter__(self):
        return self

    async def __anext__(self):
        await anyio.lowlevel.checkpoint()
        if not self.items:
            raise StopAsyncIteration
        item = self.items.pop(0)
        if isinstance(item, Failure):
            raise Fault(item)
        return item

    async def aclose(self):
        self.closed = True
        await anyio.lowlevel.checkpoint()


class Scene:
    """A chain whose first credential is due for a probe, and attempts that await before they do as told."""

    def __init__(self, clock, script, **policy):
        self.clock, self.streams = clock, []
        self.script = {i: list(acts) for i, acts in script.items()}
        self.chain = Chain(names(3), Policy(**policy), classify=read, clock=clock, random=lambda: 0.5)
        self.driver = AsyncFailover(self.chain, sleep=self.sleep)
        self.chain.switcher.commit_success(1)
        clock.advance(600)

    async def sleep(self, seconds):
        await anyio.lowlevel.checkpoint()
        self.clock.advance(seconds)

    def act(self, credential):
        acts = self.script.get(int(credential.id[1:]), ["answer"])
        act = acts.pop(0) if len(acts) > 1 else acts[0]
        if isinstance(act, Failure):
            raise Fault(act)
        return act

    async def call(self):
        async def attempt(credential):
            await anyio.lowlevel.checkpoint()
            return self.act(credential)

        return await self.driver.call(attempt)

    def open(self, credential):
        self.streams.append(Stream(self.act(credential)))
        return self.streams[-1]

    async def read(self):
        items = []
        async with aclosing(self.driver.stream(self.open)) as stream:
            async for item in stream:
                await anyio.lowlevel.checkpoint()
                items.append(item)
        return items

    def untils(self):
        return {name: guard.until for name, guard in self.chain.state.breakers.items()}


async def cancelled(face, turns):
    """Run `face` in a real loop for so many turns of it, then cancel; return whether it was still running."""
    outcome = []

    async def work():
        with suppress(Fault, AllCredentialsFailedError):
            await face()
        outcome.append("over")

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    return not outcome


SCRIPTS = {
    "healthy": {},
    "failed probe": {0: [auth()]},
    "second tries": {0: [rate_limit(), "answer"], 1: [overloaded()], 2: [overloaded(), "answer"]},
    "put off": {0: [unreached()], 1: [refusal()], 2: ["answer"]},
    "rounds": {0: [overloaded(), "answer"], 1: [overloaded()], 2: [overloaded()]},
    "exhausted": {0: [unreached()], 1: [refusal()], 2: [unreached()]},
}
STREAMS = {
    "opened and cut": {0: [["a", "b", overloaded()]]},
    "broken at the start": {0: [[overloaded()]], 1: [[quota()]], 2: [["a", "b"]]},
}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(("face", "name"), [*(("call", n) for n in SCRIPTS), *(("read", n) for n in [*SCRIPTS, *STREAMS])])
def test_cancelled_at_any_await(clock, backend, face, name):
    """M05: every attempt is settled, the probe is given back, every upstream stream is closed, the next call is served."""
    script = {**SCRIPTS, **STREAMS}[name]
    for turns in range(1, 400):
        scene = Scene(clock, script, retry_same=True, max_retries=2)
        running = anyio.run(cancelled, getattr(scene, face), turns, backend=backend)
        assert not [g for g in scene.chain.state.breakers.values() if g.lease is not None]
        assert all(stream.closed for stream in scene.streams)
        clock.advance(7200)
        assert anyio.run(answer, scene.chain, backend=backend) == scene.chain.active_id
        if not running:
            break
    assert 1 < turns < 399


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("face", ["call", "read"])
def test_a_cancellation_blames_nobody(clock, backend, face):
    """Whatever the turn: without a failure nobody is ever parked."""
    for turns in range(1, 400):
        scene = Scene(clock, {})
        before = scene.untils()
        running = anyio.run(cancelled, getattr(scene, face), turns, backend=backend)
        assert {name: until for name, until in scene.untils().items() if until is not None and until > clock()} == before
        if not running:
            break
    assert 1 < turns < 399


async def answer(chain):
    async def attempt(credential):
        return credential.id

    return await AsyncFailover(chain).call(attempt)


def test_a_cancelled_task_gives_its_probe_back(clock):
    """M03, with a real task: the next request probes."""

    async def scene():
        chain = Chain(names(2), classify=read, clock=clock)
        driver = AsyncFailover(chain)
        chain.switcher.commit_success(1)
        clock.advance(600)
        out = asyncio.Event()

        async def hang(credential):
            out.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(driver.call(hang))
        await out.wait()
        assert await answer(chain) == "k1"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await answer(chain)

    assert asyncio.run(scene()) == "k0"


def test_a_timeout_of_the_caller_blames_nobody(clock):
    """M04: the caller's own time limit is a cancellation."""

    async def scene():
        chain = Chain(names(2), classify=read, clock=clock)
        before = chain.state

        async def hang(credential):
            await asyncio.Event().wait()

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(AsyncFailover(chain).call(hang), 0.01)
        assert chain.state is before

    asyncio.run(scene())


def test_a_caller_that_leaves_a_stream_closes_the_upstream(clock):
    """M04: at once, and nobody is blamed."""

    async def scene():
        play = Scene(clock, {})
        play.chain.switcher.maybe_failback()
        before = play.chain.state
        opened = []

        async def upstream(credential):
            try:
                for item in "answer":
                    yield item
            finally:
                opened.append("closed")

        async with aclosing(AsyncFailover(play.chain).stream(upstream)) as stream:
            async for _ in stream:
                break
        assert opened == ["closed"]
        assert play.untils() == {name: g.until for name, g in before.breakers.items()}

    asyncio.run(scene())


def test_an_exception_of_the_caller_blames_nobody(clock):
    """Thrown into the stream while the caller holds an item."""

    async def scene():
        chain = Chain(names(2), classify=None, clock=clock)

        async def upstream(credential):
            yield "a"
            yield "b"

        stream = AsyncFailover(chain).stream(upstream)
        await anext(stream)
        with pytest.raises(ZeroDivisionError):
            await stream.athrow(ZeroDivisionError())
        assert not chain.state.breakers

    asyncio.run(scene())


def test_a_hundred_tasks_send_one_probe(clock):
    """M01: at the moment when a park runs out."""

    async def scene():
        chain = Chain(names(2), classify=read, clock=clock)
        driver, tried = AsyncFailover(chain), []
        chain.switcher.commit_success(1)
        clock.advance(600)

        async def attempt(credential):
            tried.append(credential.id)
            await asyncio.sleep(0.01)
            return credential.id

        await asyncio.gather(*(driver.call(attempt) for _ in range(100)))
        assert (tried.count("k0"), tried.count("k1"), chain.active_id) == (1, 99, "k0")

    asyncio.run(scene())


def test_another_event_loop(clock):
    """With a sleep of its own the driver runs under trio."""
    chain = Chain(names(1), Policy(retry_same=True, retry_delay=0), classify=read, clock=clock)
    failures = [overloaded()]

    async def attempt(credential):
        await trio.lowlevel.checkpoint()
        if failures:
            raise Fault(failures.pop())
        return "answer"

    assert trio.run(AsyncFailover(chain, sleep=trio.sleep).call, attempt) == "answer"
