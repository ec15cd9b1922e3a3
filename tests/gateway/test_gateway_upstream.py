"""The connections to providers: both clients send the same bytes, fail in the same words, leave nothing behind; ways through a proxy."""

import asyncio
import contextlib
import gzip
import socket
import ssl
import threading

import pytest
from gateway_play import SETTINGS, both, chain, question

from sparekey.classify import classify
from sparekey.config import Config
from sparekey.config.gateway import GatewayConfig
from sparekey.errors import ConfigError
from sparekey.gateway.upstream import messages
from sparekey.gateway.upstream.clients import Proxies, client_of, proxies_of
from sparekey.gateway.upstream.messages import (
    ConnectError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    TransportError,
    UnsupportedProtocol,
)
from sparekey.lab.simulator import faults
from sparekey.wire.request import Put

KINDS = ("httptools", "aiohttp")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Host:
    """A host that says the same to everybody: `answers`, one a request, and what it was asked.

    An answer is bytes; behind them the connection is kept if they have a length, and is closed otherwise. None: it says nothing.
    """

    def __init__(self, *answers, context=None):
        self.answers, self.asked, self.open = list(answers), [], 0
        self._context, self._tasks, self._writers = context, [], []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        for _ in range(3):  # the loop closes a socket one turn after it is told to
            await asyncio.sleep(0)

    async def _serve(self, reader, writer):
        self._tasks.append(asyncio.current_task())
        self._writers.append(writer)
        self.open += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2]).get(b"content-length", 0))
                self.asked.append(head + await reader.readexactly(size))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if answer is None:
                    await reader.read()
                    break
                writer.write(answer)
                await writer.drain()
                if b"Content-Length" not in answer or b"Connection: close" in answer:
                    break
        writer.close()
        self.open -= 1


def put(host, body=b"{}", path="/v1/chat?a=%2F%41", headers=(), scheme="http", name="127.0.0.1"):
    own = [(b"host", b"h"), (b"authorization", b"Bearer k"), *headers, (b"content-length", b"%d" % len(body))]
    return Put(f"{scheme}://{name}:{host if isinstance(host, int) else host.port}{path}", own, body)


@contextlib.asynccontextmanager
async def client_of_kind(kind, **settings):
    client = client_of(GatewayConfig(upstream=kind, **settings))
    try:
        yield client
    finally:
        await client.aclose()


async def asked(client, request, silence=5.0):
    """Return status and body; the connection is given back."""
    response = await client.send("POST", request, silence)
    try:
        return response.status_code, await response.stream.read()
    finally:
        await response.stream.aclose()


async def settled(condition):
    for _ in range(200):
        if condition():
            return True
        await asyncio.sleep(0.01)
    return False


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [2, 3_000_000])
def test_the_bytes_are_sent_as_they_are(kind, size):
    """Path, query, headers in their order and body; nothing is added, and one connection serves for all."""

    async def run():
        async with Host(OK) as host, client_of_kind(kind) as client:
            body = b"x" * size
            for _ in range(3):
                assert await asked(client, put(host, body, headers=[(b"x-a", "é".encode())])) == (200, b"ok")
            assert host.open == 1
            return host.asked[0], body

    head, body = asyncio.run(run())
    line, *lines = head.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert line == b"POST /v1/chat?a=%2F%41 HTTP/1.1"
    assert [x.lower() for x in lines] == [b"host: h", b"authorization: bearer k", b"x-a: \xc3\xa9", b"content-length: %d" % size]
    assert head.endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_comes_as_it_is(kind):
    """Redirects are not followed, cookies not kept, packed bodies not unpacked; names of headers are small."""
    packed = gzip.compress(b"{}")
    moved = b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nSet-Cookie: a=b\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"

    async def run():
        async with Host(moved % len(packed) + packed) as host, client_of_kind(kind) as client:
            response = await client.send("POST", put(host), 5.0)
            assert response.status_code == 307
            assert (b"location", b"http://127.0.0.1:1/") in response.headers.raw
            assert await response.stream.read() == packed
            await response.stream.aclose()
            await asked(client, put(host))
            assert b"cookie" not in host.asked[1].lower()

    asyncio.run(run())


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_does_not_end_is_no_answer(kind, monkeypatch):
    """It is given up before it fills the memory, and the host is cut off."""
    monkeypatch.setattr(messages, "MOST_BYTES", 2**20)

    async def run():
        async with Host(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 8_000_000) as host, client_of_kind(kind) as client:
            with pytest.raises(RemoteProtocolError, match="longer than 1 MiB"):
                await asked(client, put(host))
            assert await settled(lambda: host.open == 0)

    asyncio.run(run())


FAULTS = {
    "nobody there": ((), None, ConnectError),
    "closed at once": ((b"",), 5.0, ReadError),
    "silent": ((None,), 0.1, ReadTimeout),
    "no HTTP": ((b"SSH-2.0-OpenSSH_9.6\r\n\r\n",), 5.0, RemoteProtocolError),
    "half the headers": ((b"HTTP/1.1 200 OK\r\nX-A: a\r\n",), 5.0, ReadError),
    "half the body": ((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nok",), 5.0, ReadError),
    "half the chunks": ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",), 5.0, ReadError),
    "silent in the body": ((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",), 0.1, ReadTimeout),
}


async def fault_of(kind, answers, silence, **request):
    async with Host(*(answers or (OK,)), context=request.pop("context", None)) as host, client_of_kind(kind) as client:
        to = request.pop("to", None) or (host if answers else free_port())
        with pytest.raises(TransportError) as caught:
            await asked(client, put(to, **request), silence)
        await client.aclose()
        assert await settled(lambda: host.open == 0)
        return caught.value


@pytest.mark.parametrize("name", FAULTS)
def test_both_fail_in_the_same_words(name):
    """The same type, and the classifier reads the same out of it: class, reason and whom it blames."""
    answers, silence, kind = FAULTS[name]
    ours, theirs = (asyncio.run(fault_of(one, answers, silence)) for one in KINDS)
    assert type(ours) is type(theirs) is kind
    seen = [(f.error_class, f.reason, f.scope) for f in (classify(ours), classify(theirs))]
    assert seen[0] == seen[1]


@pytest.mark.parametrize("request_", [{"name": "no-such-host.invalid", "to": 1}, {"scheme": "ftp"}], ids=str)
def test_what_cannot_be_reached_is_told_alike(request_):
    """A name that nobody knows, a scheme that nobody speaks."""
    ours, theirs = (asyncio.run(fault_of(one, (OK,), 5.0, **request_)) for one in KINDS)
    assert type(ours) is type(theirs)
    assert isinstance(ours, ConnectError | UnsupportedProtocol)
    seen = [(f.error_class, f.reason, f.scope) for f in (classify(ours), classify(theirs))]
    assert seen[0] == seen[1]


def test_a_certificate_that_nobody_trusts_is_refused_alike():
    """No byte of the request leaves for a host that cannot say who it is."""
    trustme = pytest.importorskip("trustme", reason="trustme is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    ours, theirs = (asyncio.run(fault_of(one, (OK,), 5.0, scheme="https", context=context)) for one in KINDS)
    assert type(ours) is type(theirs) is ConnectError
    seen = [(f.error_class, f.reason, f.scope) for f in (classify(ours), classify(theirs))]
    assert seen[0] == seen[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_was_closed_meanwhile_is_nobodys_fault(kind):
    """A host that closes an idle connection is asked again on a new one, once for each; the caller does not notice."""

    async def run():
        async with Host(OK, b"", OK) as host, client_of_kind(kind) as client:
            assert await asked(client, put(host)) == (200, b"ok")
            assert await asked(client, put(host)) == (200, b"ok")
            assert len(host.asked) == 3

    asyncio.run(run())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("when", ["before the headers", "in the body"])
def test_who_is_cancelled_leaves_no_connection(kind, when):
    """Before the headers as within the body, the host sees the connection end at once."""
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"

    async def run():
        async with Host(None if when == "before the headers" else begun) as host, client_of_kind(kind) as client:
            task = asyncio.create_task(asked(client, put(host), None))
            assert await settled(lambda: host.asked)
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await settled(lambda: host.open == 0)

    asyncio.run(run())


@both
def test_everything_is_closed_in_the_end(running, pair):
    """After whole answers, streams and failures nothing is left once the gateway stops."""
    pair[0].script([None, faults.cut(after=3), faults.server_error(), faults.reset()])
    for stream in (False, True, True, False):
        running.ask(body=question(stream=stream))
    running.stop()
    assert all(one.wait_for(lambda p: p.open_connections == 0, 2.0) for one in pair)


# ── the ways through a proxy ──


class Proxy:
    """A proxy that lets requests through (CONNECT, and plain ones by their absolute URL), or not; `asked` is what it was asked for."""

    def __init__(self, refusal=b""):
        self.refusal, self.asked, self._open = refusal, [], []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                one = self._listening.accept()[0]
                self._open.append(one)
                threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, one):
        with contextlib.suppress(OSError, ValueError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += one.recv(65536)
            self.asked.append(head)
            if self.refusal:
                one.sendall(self.refusal)
                return
            method, target, _ = head.split(b" ", 2)
            place = target if method == b"CONNECT" else target.split(b"/")[2]
            host, port = place.decode().rsplit(":", 1)
            other = socket.create_connection((host, int(port)))
            self._open.append(other)
            if method == b"CONNECT":
                one.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                other.sendall(head)
            threading.Thread(target=self._pump, args=(other, one), daemon=True).start()
            self._pump(one, other)

    def _pump(self, source, sink):
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)


def proxied(proxy, **more):
    return {"proxy": f"http://user:p%40ss@127.0.0.1:{proxy.port}", **more}


def test_a_proxy_carries_the_requests(serve, pair):
    """The whole gateway behind a proxy: whole answers and streams; the proxy is asked with its password."""
    with Proxy() as proxy:
        more = f'upstream = "aiohttp"\nproxy = "http://user:p%40ss@127.0.0.1:{proxy.port}"\n'
        running = serve(chain("vlm", pair) + SETTINGS + more)
        assert running.ask(body=question())[0] == 200
        assert b"[DONE]" in running.ask(body=question(stream=True))[2]
        running.stop()
        assert proxy.asked[0].startswith(b"POST " + pair[0].base_url.encode())
        assert b"proxy-authorization: basic dxnlcjpwqhnz" in proxy.asked[0].lower()


def test_a_proxy_sees_nothing_of_https(monkeypatch, tmp_path):
    """HTTPS goes through a tunnel: the proxy learns the host, and neither key nor path."""
    trustme = pytest.importorskip("trustme", reason="trustme is not installed")
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    async def run(proxy):
        async with Host(OK, context=context) as host, client_of_kind("aiohttp", **proxied(proxy)) as client:
            assert await asked(client, put(host, scheme="https")) == (200, b"ok")
            assert b"proxy-authorization" not in host.asked[0].lower()

    with Proxy() as proxy:
        asyncio.run(run(proxy))
        assert proxy.asked[0].startswith(b"CONNECT 127.0.0.1:")
        assert not {b"bearer", b"/v1"} & set(proxy.asked[0].lower().split())


REFUSALS = {
    "wrong password": b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "nobody gets through": b"HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize(("scheme", "name"), [("http", "wrong password"), ("https", "wrong password"), ("https", "nobody gets through")])
def test_a_proxy_that_refuses_is_no_provider(scheme, name):
    """What the proxy says of itself blames no credential: it is a connection that did not come about, and its password is not told."""

    async def run(proxy):
        async with client_of_kind("aiohttp", **proxied(proxy)) as client:
            with pytest.raises(ConnectError) as caught:
                await asked(client, put(9, scheme=scheme, name="provider.example"))
            return caught.value

    with Proxy(REFUSALS[name]) as proxy:
        error = asyncio.run(run(proxy))
    assert "p%40ss" not in repr(error) + str(error) + repr(error.__cause__)
    assert classify(error).reason == "connection"


def test_a_proxy_that_is_not_there_is_our_own_network():
    """As for any connection that does not come about."""

    async def run():
        gone = f"http://user:secret@127.0.0.1:{free_port()}"
        async with client_of_kind("aiohttp", proxy=gone) as client:
            with pytest.raises(ConnectError) as caught:
                await asked(client, put(9, name="provider.example"))
            return caught.value

    error = asyncio.run(run())
    assert "proxy" in str(error)
    assert "secret" not in repr(error) + str(error)


def test_which_hosts_are_behind_the_proxy(monkeypatch):
    """By `proxy` and `no_proxy`, or by the environment if that is asked for, and never otherwise."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://environment.example:3128")
    monkeypatch.setenv("NO_PROXY", "localhost,.internal")
    said = proxies_of(GatewayConfig(upstream="aiohttp", proxy="http://said.example:3128", no_proxy=["127.0.0.1", "internal"]))
    asked_for = proxies_of(GatewayConfig(upstream="aiohttp", proxy_from_environment=True))
    assert proxies_of(GatewayConfig(upstream="aiohttp")) is None
    assert said.of("http", "api.example:80") == said.of("https", "api.example:443") == "http://said.example:3128"
    assert said.of("http", "127.0.0.1:11434") is said.of("https", "llm.internal:443") is None
    assert asked_for.of("https", "api.example:443") == "http://environment.example:3128"
    assert asked_for.of("http", "api.example:80") is asked_for.of("https", "llm.internal:443") is None


def test_what_is_wrong_with_a_proxy_is_said_without_it():
    """No SOCKS, no proxy for the client that has no way through one, not both ways to name it; the password is not repeated."""
    with pytest.raises(ConfigError, match=r"gateway\.proxy: the proxy for all is no URL that begins with http") as caught:
        Proxies({"all": "socks5://user:secret@host:1080"})
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigError, match='needs upstream = "aiohttp"'):
        Config.model_validate({"gateway": {"proxy": "http://user:secret@host:3128"}})
    with pytest.raises(ConfigError, match="either proxy or proxy_from_environment"):
        Config.model_validate({"gateway": {"upstream": "aiohttp", "proxy": "env:P", "proxy_from_environment": True}})
    config = GatewayConfig(upstream="aiohttp", proxy="http://user:secret@host:3128")
    assert "secret" not in repr(config) + config.model_dump_json()
