"""A caller who leaves while a stream is slow was told of as that stream's failure, though nobody was blamed."""

import asyncio

from chain_play import names
from sparekey.core.events import AttemptAbandoned, AttemptFailed
from sparekey.core.policy import Policy
from sparekey.engine import AsyncFailover, Chain


def test_it_is_an_abandoned_attempt():
    """Whether the limit on the first content has run out or not."""
    told = []

    async def silent(credential):
        await asyncio.Event().wait()
        yield ""

    async def scene():
        chain = Chain(names(1), Policy(first_content_limit=0.001), hooks=[told.append])
        task = asyncio.ensure_future(anext(AsyncFailover(chain).stream(silent)))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not chain.state.breakers

    asyncio.run(scene())
    assert [type(event) for event in told if isinstance(event, AttemptAbandoned | AttemptFailed)] == [AttemptAbandoned]
