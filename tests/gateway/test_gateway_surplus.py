"""Whatever comes behind an answer reaches nobody, and ends that connection (FAULTS.md, X01, X04)."""

import asyncio

import pytest
from test_gateway_upstream import KINDS, OK, Host, asked, client_of_kind, put

from sparekey.gateway.upstream.messages import RemoteProtocolError, TransportError

FORGED = b"HTTP/1.1 200 OK\r\nX-Forged: yes\r\nContent-Length: 6\r\n\r\nforged"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"
BEHIND = {"an answer": FORGED, "half an answer": FORGED[:20], "no HTTP": b"forged\r\n\r\n", "one byte": b"f", "a line": b"\r\n\r\nforged"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("first", [OK, CHUNKED], ids=["a length", "chunks"])
def test_surplus_in_the_same_bytes_reaches_nobody(kind, first, behind):
    """Neither in this answer, in its headers or its body, nor in the next one."""

    async def run():
        async with Host(first + BEHIND[behind], OK) as host, client_of_kind(kind) as client:
            try:
                response = await client.send("POST", put(host), 5.0)
            except RemoteProtocolError:
                assert kind == "aiohttp", "it reads all that came together, and throws away all of it"
            else:
                assert (response.status_code, await response.stream.read()) == (200, b"ok")
                assert b"x-forged" not in dict(response.headers.raw)
                await response.stream.aclose()
            assert await asked(client, put(host)) == (200, b"ok")

    asyncio.run(run())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("looks", [0, 3], ids=["before the loop has read it", "when it has"])
def test_surplus_that_comes_later_reaches_nobody(kind, looks):
    """The next request gets an answer of its own, on another connection."""

    async def run():
        async with Host(OK) as host, client_of_kind(kind) as client:
            assert await asked(client, put(host)) == (200, b"ok")
            host._writers[0].transport._sock.send(FORGED) if looks == 0 else host._writers[0].write(FORGED)
            for _ in range(looks):
                await asyncio.sleep(0.01)
            assert await asked(client, put(host)) == (200, b"ok")
            assert len(host._writers) == 2

    asyncio.run(run())


def test_headers_behind_the_body_say_nothing():
    """Trailers of a chunked answer are not among its headers, and cannot pass for framing."""

    async def run():
        trailers = CHUNKED[:-2] + b"X-Forged: yes\r\n\r\n"
        async with Host(trailers.replace(b"\r\n\r\n2", b"\r\nConnection: close\r\n\r\n2")) as host, client_of_kind("httptools") as client:
            response = await client.send("POST", put(host), 5.0)
            assert await response.stream.read() == b"ok"
            await response.stream.aclose()
            assert b"x-forged" not in dict(response.headers.raw)

    asyncio.run(run())


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_without_an_end_is_given_up_early(kind):
    """Eighty megabytes of one value are not collected: the connection is closed after a few hundred kilobytes."""

    async def run():
        endless = b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 8_000_000 + b"\r\nContent-Length: 2\r\n\r\nok"
        async with Host(endless) as host, client_of_kind(kind) as client:
            with pytest.raises(TransportError):
                await asked(client, put(host))

    asyncio.run(run())


def test_an_answer_without_a_body_keeps_its_connection():
    """A 204 has no length, and is at its end all the same."""

    async def run():
        async with Host(NOTHING + b"") as host, client_of_kind("httptools") as client:
            response = await client.send("POST", put(host), 5.0)
            assert (response.status_code, await response.stream.read()) == (204, b"")
            await response.stream.aclose()

    asyncio.run(run())
