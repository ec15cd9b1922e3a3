"""`attempts()` of a chain whose credentials were all parked raised where it was made: before any loop, without ledger and event."""

import asyncio

import pytest

from chain_play import names, quota, read
from driver_play import Stage
from sparekey.core.events import Exhausted
from sparekey.engine import Chain
from sparekey.errors import AllCredentialsFailedError


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_it_raises_when_the_loop_begins(kind, clock):
    """With an empty ledger, and whoever listens is told."""
    told = []
    stage = Stage(kind, 2, clock, hooks=[told.append])
    stage.script = {0: [quota(100)], 1: [quota(100)]}
    stage.call()
    told.clear()
    attempts = stage.sync.attempts() if kind == "sync" else stage.asynchronous.attempts()
    assert told == []

    async def loop():
        async for _ in attempts:
            pytest.fail("nobody can be tried")

    with pytest.raises(AllCredentialsFailedError) as caught:
        list(attempts) if kind == "sync" else asyncio.run(loop())
    assert caught.value.attempts == caught.value.sparekey_attempts == ()
    assert caught.value.retry_after == 100
    assert [type(event) for event in told] == [Exhausted]
    assert told[0].error is caught.value


def test_a_loop_that_never_begins_takes_nothing(clock):
    """The one probe of a credential that is due is left to whoever makes it."""
    chain = Chain(names(1), classify=read, clock=clock)
    before = chain.state
    chain.attempts()
    assert chain.state is before
