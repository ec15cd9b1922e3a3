"""A client that did not read for longer than the idle limit had its stream broken, and the provider was blamed for the silence."""

import asyncio

import pytest

from chain_play import names, read
from sparekey.core.policy import Policy
from sparekey.engine import AsyncFailover, Chain, Failover
from sparekey.engine.wait_timer import WaitTimer

WORDS = ["one", "two", "three"]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_nobody_is_blamed(clock, kind):
    """The provider waits while the caller holds an item: that is no silence of its own."""
    chain = Chain(names(2), Policy(idle_limit=15.0), classify=read, clock=clock)

    async def words(credential):
        for word in WORDS:
            await asyncio.sleep(0)
            yield word

    async def read_slowly():
        stream, found = AsyncFailover(chain).stream(words), []
        async for word in stream:
            found.append(word)
            clock.advance(25.0)
        return found, stream.attempts

    def read_slowly_in_a_thread():
        stream, found = Failover(chain).stream(lambda credential: iter(WORDS)), []
        for word in stream:
            found.append(word)
            clock.advance(25.0)
        return found, stream.attempts

    found, attempts = asyncio.run(read_slowly()) if kind == "async" else read_slowly_in_a_thread()
    assert found == WORDS
    assert [(attempt.credential_id, attempt.reason) for attempt in attempts] == [("k0", "")]


def test_a_time_that_is_here_is_a_time():
    """A handle of uvloop does not tell its time if that has come."""
    uvloop = pytest.importorskip("uvloop")

    async def waits():
        timer = WaitTimer()

        async def word():
            return "word"

        found = [await timer.wait(word(), 0.0) for _ in range(3)]
        timer.close()
        return found

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(waits()) == ["word"] * 3
