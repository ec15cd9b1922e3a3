"""Bodies whose every piece is a byte or two: lists of the pieces took forty times their length, and were gone through from the front."""

import asyncio
import tracemalloc

import pytest

from sparekey.gateway.http.request_body import body_of
from sparekey.gateway.upstream import long_answers
from sparekey.gateway.upstream.messages import received, whole

PIECES = 40_000


class Small:
    """A body in pieces of two bytes."""

    async def __aiter__(self):
        for _ in range(PIECES):
            yield bytes(2)

    async def aclose(self):
        """Close nothing."""


async def asked():
    async def receive():
        return {"type": "http.request", "body": bytes(2), "more_body": next(left) > 1}

    left = iter(range(PIECES, 0, -1))
    return await body_of(receive, {}, 2**20, 30)


async def answered():
    return await whole(aiter(Small()))


async def held():
    response = received(200, [], Small())
    await long_answers.held(response)
    found = bytearray()
    async for piece in response.stream:
        found += piece
    return found


@pytest.mark.parametrize("most", [2**20, 60_000])
@pytest.mark.parametrize("read", [asked, answered, held])
def test_what_is_kept_is_what_came(monkeypatch, read, most):
    """A few times its length in memory, whether it is held or passes on."""
    monkeypatch.setattr(long_answers, "MOST_HELD", most)
    monkeypatch.setattr(long_answers, "_CLOSING", b"\0")

    async def measured():
        tracemalloc.start()
        found = await read()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found, peak

    found, peak = asyncio.run(measured())
    assert found == bytes(2 * PIECES)
    assert peak < 8 * len(found)
