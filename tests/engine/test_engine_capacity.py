"""`max_concurrency` of a chain and of a credential, by both drivers: how many calls are out at once, who waits, who is refused."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sparekey import AllCredentialsFailedError, AsyncFailover, Chain, Credential, Failover, OverloadedError, Policy, limits
from sparekey.engine.limits import CLIENT


class Provider:
    """Counts calls that are out at once, by credential; each lasts until it is told to end."""

    def __init__(self):
        self.out, self.most, self.calls, self.free = {}, {}, [], asyncio.Event()

    async def __call__(self, credential):
        name = credential.id
        self.calls.append(name)
        self.out[name] = self.out.get(name, 0) + 1
        self.most[name] = max(self.most.get(name, 0), self.out[name])
        try:
            await self.free.wait()
            await asyncio.sleep(0)
        finally:
            self.out[name] -= 1
        return name

    async def out_now(self, count):
        while sum(self.out.values()) < count:  # noqa: ASYNC110 - a condition, not an event
            await asyncio.sleep(0.001)


def chain(*caps, **knobs):
    named = zip("abcdef", caps, strict=False)
    return Chain([Credential(id=name, model="m", max_concurrency=cap) for name, cap in named], Policy(answer_limit=None, **knobs))


def test_a_chain_runs_so_many_at_once():
    """Those that come first run, the next wait, the last are refused at once; those that waited are served, nobody is blamed."""

    async def scene():
        provider, calls = Provider(), AsyncFailover(chain(None, None, max_concurrency=3, queue_size=4, queue_timeout=30))
        tasks = [asyncio.create_task(calls.call(provider)) for _ in range(12)]
        await provider.out_now(3)
        done, _ = await asyncio.wait(tasks, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        while len(done) < 5:
            more, _ = await asyncio.wait(set(tasks) - done, timeout=5, return_when=asyncio.FIRST_COMPLETED)
            done |= more
        assert len(provider.calls) == 3
        provider.free.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        refused = [one for one in found if isinstance(one, OverloadedError)]
        assert len(refused) == 5
        assert found.count("a") == 7
        assert provider.most == {"a": 3}
        assert refused[0].retry_after == 30
        assert not calls.chain.state.breakers
        assert calls.chain.local.capacity.running == {}

    asyncio.run(scene())


def test_a_credential_takes_so_many_and_the_next_one_the_rest():
    """Room elsewhere is used, but it moves nobody: the first one stays active."""

    async def scene():
        provider, calls = Provider(), AsyncFailover(chain(2, 3, queue_size=2, queue_timeout=30))
        tasks = [asyncio.create_task(calls.call(provider)) for _ in range(8)]
        await provider.out_now(5)
        await asyncio.wait(tasks, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        provider.free.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(one, OverloadedError) for one in found].count(True) == 1
        assert provider.most["a"] <= 2
        assert provider.most["b"] <= 3
        assert sorted(provider.calls[:5]) == [*"aabbb"]
        assert calls.chain.active_id == "a"
        assert calls.chain.local.capacity.out == {}
        assert await calls.call(provider) == "a"

    asyncio.run(scene())


def test_a_stream_keeps_its_place_to_its_end():
    """Whoever reads slowly still runs; leaving early gives the place back."""

    async def pieces(credential):
        yield credential.id
        yield "more"

    async def scene():
        calls = AsyncFailover(chain(None, max_concurrency=1, queue_timeout=0.05))
        stream = calls.stream(pieces)
        assert await anext(stream) == "a"
        with pytest.raises(OverloadedError):
            await calls.call(Provider())
        await stream.aclose()
        assert [item async for item in calls.stream(pieces)] == ["a", "more"]

    asyncio.run(scene())


def test_a_caller_that_leaves_the_queue_takes_no_room():
    """Whoever waits and is cancelled is forgotten; so is whoever runs."""

    async def scene():
        provider, calls = Provider(), AsyncFailover(chain(None, max_concurrency=1, queue_timeout=30))
        first, second = (asyncio.create_task(calls.call(provider)) for _ in range(2))
        await provider.out_now(1)
        await asyncio.sleep(0.03)
        for task in (second, first):
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        assert calls.chain.local.capacity.running == {}
        assert calls.chain.local.capacity.queue == ()

    asyncio.run(scene())


def test_a_failure_gives_its_place_to_others():
    """A call that goes on to the next credential holds one place, not two; a refusal of all is told as such."""

    async def fails(credential):
        raise ConnectionError(credential.id)

    async def scene():
        calls = AsyncFailover(chain(1, 1, 1, max_retries=0, retry_same=False, egress_patience=0))
        with pytest.raises(AllCredentialsFailedError):
            await calls.call(fails)
        assert calls.chain.local.capacity.out == {}

    asyncio.run(scene())


def test_a_modest_client_is_served_beside_a_greedy_one():
    """A greedy client fills the queue: one request of another still gets in, and takes the place of one of its."""

    async def scene():
        provider, calls = Provider(), AsyncFailover(chain(None, max_concurrency=2, queue_size=8, queue_timeout=30))

        async def asked(client):
            CLIENT.set(client)
            return await calls.call(provider)

        greedy = [asyncio.create_task(asked("greedy")) for _ in range(40)]
        await provider.out_now(2)
        await asyncio.sleep(0.03)
        modest = asyncio.create_task(asked("modest"))
        await asyncio.sleep(0.03)
        provider.free.set()
        assert await modest == "a"
        found = await asyncio.gather(*greedy, return_exceptions=True)
        assert sum(isinstance(one, OverloadedError) for one in found) == 40 - 2 - 7

    asyncio.run(scene())


def test_threads_keep_to_it_too():
    """Many threads at once never have more calls out than a credential takes."""
    lock, out, most = threading.Lock(), [0], [0]

    def slow(_credential):
        with lock:
            out[0] += 1
            most[0] = max(most[0], out[0])
        threading.Event().wait(0.002)
        with lock:
            out[0] -= 1
        return 1

    calls = Failover(chain(3, queue_size=100, queue_timeout=60))
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(lambda _: calls.call(slow), range(60))) == 60
    assert most[0] <= 3


def test_a_deadline_ends_the_wait():
    """Who has no more time is told so, and not to come again."""

    async def scene():
        provider, calls = Provider(), AsyncFailover(chain(None, max_concurrency=1, queue_timeout=30))
        running = asyncio.create_task(calls.call(provider))
        await provider.out_now(1)
        with limits(deadline=0.05), pytest.raises(TimeoutError):
            await calls.call(provider)
        running.cancel()

    asyncio.run(scene())
