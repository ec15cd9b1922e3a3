"""What was served quickly is told of in order, and in turns."""

import asyncio

import pytest

pytest.importorskip("msgspec", reason="the extra `gateway` is not installed")

from sparekey.gateway.quick import batch

pytestmark = pytest.mark.quick


class Pool:
    def reached(self):
        pass


class Calls:
    uncounted = 0


class Plan:
    calls = Calls()


class Served:
    plan = Plan()


async def told(monkeypatch, count, *, flush=False):
    """Add so many requests; return how many had been told of at each turn of the loop after the first were."""
    seen, turns = [], []
    monkeypatch.setattr(batch.Batch, "_tell", lambda _self, served: seen.append(served))
    tells, served = batch.Batch(None, Pool(), asyncio.get_running_loop()), [Served() for _ in range(count)]
    for one in served:
        tells.add(one)
    if flush:
        tells.flush()
    while len(seen) < count:
        await asyncio.sleep(0)
        if seen and (not turns or turns[-1] != len(seen)):
            turns.append(len(seen))
    assert seen == served
    return turns


def test_a_request_that_comes_meanwhile_waits_for_a_few_only(monkeypatch):
    """Twenty are told of in three turns."""
    assert asyncio.run(told(monkeypatch, 20)) == [8, 16, 20]


def test_who_asks_for_them_gets_all_at_once(monkeypatch):
    """A page of figures, or the engine before it tells of its own."""
    assert asyncio.run(told(monkeypatch, 20, flush=True)) == []
