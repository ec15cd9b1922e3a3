"""How the gateway's clients connect: what counts as never reached, a dead address beside a good one, a limit that holds."""

import asyncio
import socket

import pytest
import uvloop

from resetting_host import ANSWER, ResettingHost
from sparekey.classify import classify
from sparekey.config.gateway import GatewayConfig
from sparekey.gateway.upstream import aiohttp_client, pool
from sparekey.gateway.upstream.clients import client_of
from sparekey.gateway.upstream.dialing import dialed
from sparekey.gateway.upstream.messages import ConnectTimeout, TransportError
from sparekey.wire import network
from sparekey.wire.request import Put
from unreachable import REACHED, UNREACHED, silent

KINDS = pytest.mark.parametrize("kind", ["httptools", "aiohttp"])
LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Nobody is waited for longer than it takes to see that nobody comes."""
    monkeypatch.setattr(network, "CONNECT_SECONDS", 0.4)
    monkeypatch.setattr(pool, "CONNECT_SECONDS", 0.4)


async def asked(client, base):
    response = await client.send("POST", Put(f"{base}/x", [(b"host", b"h"), (b"content-length", b"2")], b"{}"), 20.0)
    return await response.stream.read()


def play(kind, loop, scene):
    """Run a scene with a client, on a loop of its own."""

    async def run():
        client = client_of(GatewayConfig(upstream=kind))
        try:
            return await scene(client)
        finally:
            await client.aclose()

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(run())


def fault(kind, loop, base):
    async def scene(client):
        with pytest.raises(TransportError) as caught:
            await asked(client, base)
        return caught.value

    return play(kind, loop, scene)


@LOOPS
@KINDS
@pytest.mark.parametrize("name", UNREACHED)
def test_no_connection_came_about(kind, loop, name):
    """DESIGN 3.7: the request did no work anywhere, and nobody but the network can be blamed for it alone."""
    with UNREACHED[name]() as base:
        assert classify(fault(kind, loop, base)).unreached


@LOOPS
@KINDS
@pytest.mark.parametrize("name", REACHED)
def test_a_connection_came_about_and_was_lost(kind, loop, name):
    """That host was reached."""
    with REACHED[name]() as base:
        assert not classify(fault(kind, loop, base)).unreached


@KINDS
def test_silence_raises_a_suspicion_that_an_answer_ends(kind):
    """After one host that nobody answers for, the next ones are waited for less; until one answers."""

    async def scene(client):
        with silent() as dead, silent() as other, ResettingHost() as host:
            with pytest.raises(ConnectTimeout):
                await asked(client, dead)
            seen = client._network
            assert seen.suspected_until > 0.0
            with pytest.raises(ConnectTimeout):
                await asked(client, other)
            assert await asked(client, host.base_url) == ANSWER
            assert seen.suspected_until == 0.0

    play(kind, asyncio.new_event_loop, scene)


def test_a_host_that_takes_connections_is_no_sign_of_a_dead_network():
    """It never says a word of its handshake: that is its own fault."""

    async def scene(client):
        with UNREACHED["silent handshake"]() as base:
            with pytest.raises(ConnectTimeout):
                await asked(client, base)
            assert client._network.suspected_until == 0.0

    play("httptools", asyncio.new_event_loop, scene)


@pytest.fixture
def two_addresses(monkeypatch):
    """A name with two addresses; nothing comes back from the first one."""
    with silent() as base, ResettingHost() as host:
        dead = int(base.rpartition(":")[2])
        rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in (dead, host.port)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
        yield host


def test_a_dead_address_is_overtaken(two_addresses, monkeypatch):
    """The next one is tried beside it, so that the host is reached long before the limit."""
    monkeypatch.setattr(network, "CONNECT_SECONDS", 5.0)

    async def scene(client):
        assert await asked(client, f"http://two.example:{two_addresses.port}") == ANSWER

    play("httptools", asyncio.new_event_loop, scene)


@pytest.mark.parametrize("good", [0, 1, 2])
def test_the_first_address_that_answers_wins(good, monkeypatch):
    """Those that refuse cost no wait; no socket is left open."""
    with ResettingHost() as host, UNREACHED["refused"]() as base:
        ports = [int(base.rpartition(":")[2])] * 3
        ports[good] = host.port
        rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)

        async def run():
            with await dialed("three.example", 80) as one:
                assert one.getpeername() == ("127.0.0.1", host.port)

        asyncio.run(run())


def test_when_all_addresses_fail_the_last_one_says_why(monkeypatch):
    """As an error of the system, in its words."""
    with UNREACHED["refused"]() as base:
        rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(base.rpartition(":")[2])))] * 2
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
        with pytest.raises(ConnectionRefusedError):
            asyncio.run(dialed("two.example", 80))


def test_who_is_cancelled_while_dialing_leaves_no_socket(two_addresses, recwarn):
    """Every race that still runs is ended."""

    async def run():
        with silent() as base:
            task = asyncio.create_task(dialed("127.0.0.1", int(base.rpartition(":")[2])))
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())
    assert not [one for one in recwarn if issubclass(one.category, ResourceWarning)]


def test_aiohttp_takes_its_protocols_from_us():
    """Else it could not be known what was heard on a connection, and nothing would be repeated."""

    async def scene(client):
        with ResettingHost() as host:
            await asked(client, host.base_url)
        connector = client._opened().connector
        assert connector._factory.func is aiohttp_client._Protocol

    play("aiohttp", asyncio.new_event_loop, scene)
