"""A provider that was silent on a connection which had served before, and then hung up, was asked the same once more."""

import asyncio

import pytest

from sparekey.lab.simulator import Simulator, faults
from sparekey.wire import writes
from sparekey.wire.request import Put

upstream = pytest.importorskip("sparekey.gateway.upstream.pool", reason="the extra `gateway` is not installed (httptools)")
BODY = b'{"model": "m", "messages": []}'


def test_silence_is_no_stale_connection(monkeypatch):
    """Only a connection that is found closed at once was closed before the request; any other one had it."""
    monkeypatch.setattr(writes, "STALE_SECONDS", 0.05)

    async def scene(provider):
        client = upstream.ConnectionPool()
        put = Put(f"{provider.base_url}/chat/completions", [(b"host", b"a"), (b"content-length", b"%d" % len(BODY))], BODY)
        await (await client.send("POST", put, None)).stream.read()
        provider.fail(faults.hang(0.2))
        with pytest.raises(upstream.ReadError):
            await client.send("POST", put, None)
        await client.aclose()

    with Simulator() as simulator:
        provider = simulator.provider("first")
        asyncio.run(scene(provider))
        assert len(provider.requests) == 2
        assert len({seen.client for seen in provider.requests}) == 1
