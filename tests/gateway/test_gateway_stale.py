"""Connections to providers that were closed while they were idle: one repeat on a new one, counted in header, log and metrics."""

import asyncio
import concurrent.futures
import re
import ssl

import pytest
from gateway_play import SETTINGS, both, chain, question

from resetting_host import ANSWER, ResettingHost
from sparekey.config.gateway import GatewayConfig
from sparekey.gateway.observe import access_log
from sparekey.gateway.upstream import clients
from sparekey.gateway.upstream.messages import ConnectError, ReadError
from sparekey.wire import writes
from sparekey.wire.request import Put
from sparekey.wire.writes import RUNNING

KINDS = pytest.mark.parametrize("kind", ["httptools", "aiohttp"])
BODY = b'{"model": "m"}'
IDLE = 60


class Running:
    """An attempt, as the drivers have it."""

    writes = 1


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Set how long after it was written a lost request still counts as one that met a closed connection: tests know no speed."""

    def set_to(seconds):
        monkeypatch.setattr(writes, "STALE_SECONDS", seconds)

    set_to(60.0)
    return set_to


@pytest.fixture
def host():
    """A host that keeps its connections."""
    with ResettingHost() as made:
        yield made


async def asked(client, host, method="POST", size=0):
    body = BODY + b" " * size
    scheme = host.base_url.partition(":")[0]
    put = Put(f"{scheme}://127.0.0.1:{host.port}/v1/x", [(b"host", b"h"), (b"content-length", b"%d" % len(body))], body)
    response = await client.send(method, put, 20.0)
    try:
        return await response.stream.read()
    finally:
        await response.stream.aclose()


async def with_idle(client, host, count=IDLE):
    """Let so many connections be idle."""
    host.gather(count)
    assert await asyncio.gather(*[asked(client, host) for _ in range(count)]) == [ANSWER] * count
    assert host.connections == count


def play(kind, scene, **settings):
    """Run a scene with a client; return what it gives, and how many writes were counted."""

    async def run():
        RUNNING.set(running := Running())
        client = clients.client_of(GatewayConfig(upstream=kind, **settings))
        try:
            return await scene(client), running.writes
        finally:
            await client.aclose()

    return asyncio.run(run())


@KINDS
@pytest.mark.parametrize("size", [0, 3_000_000], ids=["small", "3 MB"])
@pytest.mark.parametrize("fault", ["reset", "close"])
def test_a_closed_idle_connection_is_not_noticed(host, kind, fault, size):
    """One repeat on a new connection answers, however many idle ones there are; the others are not tried any more."""

    async def scene(client):
        await with_idle(client, host)
        host.turn(fault)
        assert await asked(client, host, size=size) == ANSWER
        assert (host.writes, host.connections) == (2, IDLE + 1)
        assert await asked(client, host) == ANSWER
        assert (host.writes, host.connections) == (3, IDLE + 1)

    assert play(kind, scene)[1] == 2


@KINDS
@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
def test_a_host_that_always_resets_gets_two_writes(host, kind, method):
    """Of a method that aiohttp would repeat by itself as well."""

    async def scene(client):
        await with_idle(client, host)
        host.turn("reset", always=True)
        with pytest.raises(ReadError):
            await asked(client, host, method)
        assert host.writes == 2

    assert play(kind, scene)[1] == 2


@KINDS
@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
def test_a_first_connection_that_is_lost_is_not_made_again(host, kind, method):
    """Nobody had closed it before the request: the host refuses to answer, and gets one write."""

    async def scene(client):
        host.turn("reset", always=True)
        with pytest.raises(ReadError):
            await asked(client, host, method)
        assert host.writes == 1

    assert play(kind, scene)[1] == 1


@KINDS
def test_a_request_that_was_being_answered_is_not_written_again(host, kind):
    """Half a header is an answer that began: the host had the request."""

    async def scene(client):
        await with_idle(client, host, 2)
        host.turn("half")
        with pytest.raises(ReadError):
            await asked(client, host)
        assert host.writes == 1

    assert play(kind, scene)[1] == 1


@KINDS
def test_a_host_that_was_silent_for_a_while_had_the_request(host, kind, patience):
    """A connection that was closed while it was idle shows it within a round trip; later it is the request that was lost."""

    async def scene(client):
        await with_idle(client, host, 2)
        host.turn("reset")
        patience(-1.0)
        with pytest.raises(ReadError):
            await asked(client, host)
        assert host.writes == 1

    assert play(kind, scene)[1] == 1


@KINDS
def test_where_nobody_is_there_nothing_is_written(host, kind):
    """The connection phase writes nothing."""

    async def scene(client):
        host.unplug()
        with pytest.raises(ConnectError):
            await asked(client, host)

    assert play(kind, scene)[1] == 0


@KINDS
def test_a_repeat_that_finds_nobody_was_not_written(host, kind):
    """The host has gone: that no connection came about is the failure, and the first write the only one."""

    async def scene(client):
        await with_idle(client, host, 2)
        host.turn("reset")
        host.unplug()
        with pytest.raises(ConnectError):
            await asked(client, host)

    assert play(kind, scene)[1] == 1


@KINDS
def test_many_that_lose_at_once_are_all_answered(host, kind):
    """Each writes its request twice at most, and none of them meets a connection that another one has lost."""

    async def scene(client):
        await with_idle(client, host, 16)
        host.turn("reset")
        assert await asyncio.gather(*[asked(client, host) for _ in range(16)]) == [ANSWER] * 16
        assert host.writes <= 32

    play(kind, scene)


@KINDS
def test_a_polite_end_between_requests_costs_nothing(host, kind):
    """A host that hangs up while nobody asks is seen in time, or costs one repeat: the caller gets its answer."""

    async def scene(client):
        await with_idle(client, host, 4)
        host.turn("answer")
        host.hang_up()
        assert await asyncio.gather(*[asked(client, host) for _ in range(4)]) == [ANSWER] * 4
        assert host.writes <= 8

    play(kind, scene)


@KINDS
def test_connections_with_tls_are_repeated_alike(kind, tmp_path, monkeypatch):
    """What stands between is no difference."""
    trustme = pytest.importorskip("trustme", reason="trustme is not installed")
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    async def scene(client):
        await with_idle(client, host, 4)
        host.turn("reset")
        assert await asked(client, host) == ANSWER
        assert (host.writes, host.connections) == (2, 5)

    with ResettingHost(context) as host:
        assert play(kind, scene)[1] == 2


def named(host, name):
    """The host as a provider of a chain."""
    host.name = name
    return host


@both
def test_header_log_and_metrics_count_both_writes(serve, host, upstream):
    """H09, through the whole gateway: 60 idle connections, then each is reset; two writes, and everything says so."""
    text = chain("vlm", [named(host, "first")]) + SETTINGS + f'upstream = "{upstream}"\n'
    running = serve(text)
    host.gather(IDLE)
    with concurrent.futures.ThreadPoolExecutor(IDLE) as crowd:
        assert {one.result()[0] for one in [crowd.submit(running.ask, body=question()) for _ in range(IDLE)]} == {200}
    host.turn("reset")
    status, headers, _ = running.ask(body=question())
    assert (status, host.writes, headers["x-sparekey-attempts"]) == (200, 2, "2")
    line = access_log.as_dict(running.last(IDLE + 1))
    assert [one["writes"] for one in line["attempts"]] == [2]
    assert written(running) == IDLE + 2


@both
def test_two_credentials_add_their_writes(serve, host, upstream):
    """The first one loses both of its writes, the second one answers: the header says three."""
    with ResettingHost() as spare:
        text = chain("vlm", [named(host, "first"), named(spare, "second")]) + SETTINGS + f'upstream = "{upstream}"\n'
        running = serve(text)
        assert running.ask(body=question())[0] == 200
        host.turn("reset", always=True)
        status, headers, _ = running.ask(body=question())
        assert (status, headers["x-sparekey-credential"], headers["x-sparekey-attempts"]) == (200, "second", "3")
        assert [one.get("writes", 1) for one in access_log.as_dict(running.last(2))["attempts"]] == [2, 1]
        assert (host.writes, spare.writes) == (2, 1)


def written(running):
    """What /metrics counts of all writes."""
    text = running.ask("GET", "/metrics")[2].decode()
    return sum(float(value) for value in re.findall(r"^sparekey_writes_total\{.*\} (\S+)$", text, re.MULTILINE))
