"""K17: a stream that shows life and brings no content is overtaken, whatever it sends; the caller sees nothing of it."""

import asyncio
import threading

import anyio
import pytest

from chain_play import names, read
from sparekey.core.policy import Policy
from sparekey.engine import AsyncFailover, Chain, Failover
from sparekey.engine.closing import on_abandon
from sparekey.errors import DeadlineExceeded

SIGNS = {"comments": "", "empty chunks": {"delta": {}}, "roles": {"delta": {"role": "assistant"}}}


def is_content(item):
    return isinstance(item, dict) and "content" in item["delta"]


class Scene:
    """Two credentials: the first keeps its stream alive for ever with the same sign, the second answers."""

    def __init__(self, kind, sign, n=2, **policy):
        self.kind, self.sign, self.left = kind, sign, threading.Event()
        self.chain = Chain(names(n), Policy(**policy), classify=read)

    def _items(self, credential):
        while credential.id == "k0":
            yield self.sign
        yield {"delta": {"role": "assistant"}}
        yield {"delta": {"content": "answer"}}

    def _blocking(self, credential):
        on_abandon(self.left.set)
        for item in self._items(credential):
            yield item
            if credential.id == "k0":
                self.left.wait(0.001)

    async def _waiting(self, credential):
        try:
            for item in self._items(credential):
                yield item
                await anyio.sleep(0.001)
        finally:
            if credential.id == "k0":
                self.left.set()

    def run(self):
        """The items, and the ledger as pairs."""
        if self.kind == "sync":
            stream = Failover(self.chain).stream(self._blocking, is_content=is_content)
            return list(stream), stream.attempts
        return asyncio.run(self._collected())

    async def _collected(self):
        stream = AsyncFailover(self.chain).stream(self._waiting, is_content=is_content)
        return [item async for item in stream], stream.attempts


@pytest.mark.parametrize("sign", SIGNS)
def test_the_next_one_answers(kind, sign):
    """The limit counts content alone; the first is blamed for its silence, and left."""
    scene = Scene(kind, SIGNS[sign], first_content_limit=0.02)
    items, ledger = scene.run()
    assert items == [{"delta": {"role": "assistant"}}, {"delta": {"content": "answer"}}]
    assert [(a.credential_id, a.reason) for a in ledger] == [("k0", "slow_start"), ("k1", "")]
    assert scene.left.wait(30)
    assert scene.chain.active_id == "k1"


@pytest.mark.parametrize("sign", SIGNS)
def test_nobody_else_is_left_and_the_deadline_holds(kind, sign):
    """A lone credential is waited for as long as the call may take."""
    scene = Scene(kind, SIGNS[sign], n=1, first_content_limit=0.01, deadline=0.05)
    with pytest.raises(DeadlineExceeded):
        scene.run()
    assert scene.left.wait(30)
