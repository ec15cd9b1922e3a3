"""A stream that another thread closes: whoever reads it is woken, finds its end, and nobody is blamed."""

import threading

import pytest

from chain_play import names, read
from sparekey.core.policy import Policy
from sparekey.engine import Chain, Failover
from sparekey.engine.closing import on_abandon


class Scene:
    """A stream that gives `items`, then waits; one thread reads it, and `waiting` tells that it has come to the wait."""

    def __init__(self, *items, **policy):
        self.items, self.out, self.waiting, self.gate = items, [], threading.Event(), threading.Event()
        self.chain = Chain(names(2), Policy(**policy), classify=read)
        self.stream = Failover(self.chain).stream(self._open)
        self.reader = threading.Thread(target=self._read)

    def _open(self, credential):
        on_abandon(self.gate.set)
        yield from self.items
        self.waiting.set()
        self.gate.wait(30)

    def _read(self):
        self.out.extend(self.stream)
        self.out.append("end")

    def closed_while_read(self):
        self.reader.start()
        assert self.waiting.wait(30)
        self.stream.close()
        self.reader.join(30)
        assert not self.reader.is_alive()
        return self


@pytest.mark.parametrize("items", [(), ("a",), ("a", "b")])
def test_whoever_waits_for_an_item_finds_the_end(items):
    """Before the first content and behind it; what the attempt is stuck in is broken off."""
    scene = Scene(*items).closed_while_read()
    assert scene.out == [*items, "end"]
    assert scene.gate.is_set()
    assert [(a.credential_id, str(a.outcome)) for a in scene.stream.attempts] == [("k0", "abandoned")]
    assert not scene.chain.state.breakers


def test_a_stream_that_nothing_limits_ends_with_its_next_item():
    """It is read in the reader's own thread: nobody can wake that."""
    scene = Scene("a", first_content_limit=None, idle_limit=None)
    scene.reader.start()
    assert scene.waiting.wait(30)
    scene.stream.close()
    scene.gate.set()
    scene.reader.join(30)
    assert scene.out == ["a", "end"]


def test_closed_between_two_items():
    """By another thread while nobody reads: the next one is the end, and closing again does nothing."""
    scene = Scene("a", "b")
    assert next(scene.stream) == "a"
    closer = threading.Thread(target=scene.stream.close)
    closer.start()
    closer.join(30)
    assert list(scene.stream) == []
    scene.stream.close()
