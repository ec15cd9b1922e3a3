"""Two streams that begin in the same turn of the loop: the one that lost was left open."""

import anyio
import anyio.lowlevel
import pytest

from chain_play import names, read
from sparekey.core.policy import Policy
from sparekey.engine import AsyncFailover, Chain


class Late:
    """A stream whose first item comes when everybody's does."""

    def __init__(self, credential, gate):
        self.credential, self.gate, self.closed = credential, gate, False

    def __aiter__(self):
        return self

    async def __anext__(self):
        await self.gate.wait()
        return self.credential.id

    async def aclose(self):
        await anyio.lowlevel.checkpoint()
        self.closed = True


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("leave", [False, True])
def test_all_are_closed_and_one_is_passed_on(backend, leave):
    """Whether the caller reads on or is cancelled at that moment."""

    async def scene():
        gate, opened = anyio.Event(), []

        def open_(credential):
            opened.append(Late(credential, gate))
            if len(opened) == 2:
                group.start_soon(release)
            return opened[-1]

        async def release():
            gate.set()
            if leave:
                await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()

        async def caller():
            async with AsyncFailover(chain).stream(open_) as stream:
                await anext(stream)
                await anyio.lowlevel.checkpoint()

        chain = Chain(names(2), Policy(first_content_limit=0.01), classify=read)
        async with anyio.create_task_group() as group:
            group.start_soon(caller)
        assert [stream.closed for stream in opened] == [True, True]

    anyio.run(scene, backend=backend)
