"""`limits(...)` belong to the thread or task that set them, and to what it begins inside."""

import threading
from contextvars import copy_context

import anyio
import anyio.lowlevel
import pytest

from chain_play import names
from sparekey import limits
from sparekey.core.policy import Policy
from sparekey.engine import AsyncFailover, Chain, Failover
from sparekey.engine.closing import on_abandon
from sparekey.engine.limits import limited
from sparekey.errors import LimitExceeded

OWN = Policy(deadline=9)


def seen(policy=OWN):
    """The deadline that a call would have here."""
    return limited(policy).deadline


def in_thread(work):
    """What `work` returns in a thread of its own."""
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join(30)
    return found[0]


def test_one_threads_limits_are_not_anothers():
    """Each sees its own while both are inside; outside the chain's own hold."""
    both, found = threading.Barrier(2, timeout=30), {}

    def work(seconds):
        with limits(deadline=seconds):
            both.wait()
            found[seconds] = seen()
            both.wait()
        found[-seconds] = seen()

    threads = [threading.Thread(target=work, args=(seconds,)) for seconds in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == {1: 1, 2: 2, -1: 9, -2: 9}


def test_a_new_thread_begins_without_them():
    """Unless it is given the context of the one that starts it."""
    with limits(deadline=1):
        assert in_thread(seen) == 9
        context = copy_context()
        assert in_thread(lambda: context.run(seen)) == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_one_tasks_limits_are_not_anothers(backend):
    """Tasks that take turns on one loop; a task that is begun inside has them, whatever its maker does later."""
    found = {}

    async def work(name, seconds):
        with limits(deadline=seconds):
            for _ in range(3):
                await anyio.lowlevel.checkpoint()
                found[name] = seen()
        await anyio.lowlevel.checkpoint()
        found[f"{name} later"] = seen()

    async def late(gate):
        await gate.wait()
        found["inside"] = seen()

    async def scene():
        gate = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(work, "one", 1)
            group.start_soon(work, "two", 2)
            with limits(deadline=5):
                group.start_soon(late, gate)
            gate.set()

    anyio.run(scene, backend=backend)
    assert found == {"one": 1, "two": 2, "one later": 9, "two later": 9, "inside": 5}


def test_what_is_raised_inside_ends_them():
    """They are gone behind the block, however it is left."""
    with pytest.raises(ZeroDivisionError), limits(deadline=1), limits(deadline=2):
        raise ZeroDivisionError
    assert seen() == 9


def test_an_inner_block_sets_only_what_it_names():
    """None is a limit, too: none."""
    with limits(deadline=1, idle_limit=3):
        with limits(deadline=None):
            assert (seen(), limited(OWN).idle_limit) == (None, 3)
        assert seen() == 1


def test_a_stream_keeps_the_limits_under_which_it_was_made():
    """It is read outside the block, and in another thread."""
    gate = threading.Event()

    def opened(_):
        on_abandon(gate.set)
        yield "a"
        gate.wait(30)

    with limits(deadline=0.5):
        stream = Failover(Chain(names(1))).stream(opened)
    assert next(stream) == "a"
    with pytest.raises(LimitExceeded, match="deadline"):
        next(stream)
    assert gate.is_set()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_async_stream_keeps_them_too(backend):
    """As in a thread."""

    async def opened(_):
        yield "a"
        await anyio.sleep_forever()

    async def scene():
        with limits(deadline=0.5):
            stream = AsyncFailover(Chain(names(1))).stream(opened)
        assert await anext(stream) == "a"
        with pytest.raises(LimitExceeded, match="deadline"):
            await anext(stream)

    anyio.run(scene, backend=backend)
