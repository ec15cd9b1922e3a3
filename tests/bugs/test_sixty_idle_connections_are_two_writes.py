"""A host that reset each request got one and the same request once for every idle connection to it: 62 times with 60 of them."""

import asyncio

import pytest

from resetting_host import ResettingHost
from sparekey.config.gateway import GatewayConfig
from sparekey.wire.request import Put

connecting = pytest.importorskip("sparekey.gateway.upstream.clients", reason="the extra `gateway` is not installed (httptools)")
lib = pytest.importorskip("sparekey.gateway.upstream.messages")


@pytest.mark.parametrize("kind", ["httptools", "aiohttp"])
def test_it_is_written_twice(kind):
    """Once on an idle connection, once on a new one."""

    async def scene(host):
        client = connecting.client_of(GatewayConfig(upstream=kind))
        put = Put(f"{host.base_url}/x", [(b"host", b"h"), (b"content-length", b"2")], b"{}")

        async def ask():
            return await (await client.send("POST", put, 20.0)).stream.read()

        host.gather(60)
        await asyncio.gather(*[ask() for _ in range(60)])
        host.turn("reset", always=True)
        with pytest.raises(lib.ReadError):
            await ask()
        await client.aclose()

    with ResettingHost() as host:
        asyncio.run(scene(host))
        assert host.writes == 2
