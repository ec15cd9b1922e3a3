"""How the SDK transports connect: what counts as never reached, a dead address beside a good one, a limit that holds."""

import socket
import threading
import time

import httpx2
import pytest
from transport_modes import MODES, asking

from resetting_host import ResettingHost
from sparekey import Chain, Credential, Policy, Secret
from sparekey.core.events import AttemptFailed
from sparekey.transport import stale
from sparekey.transport.connections import Connections
from sparekey.transport.stale import IdleStream
from sparekey.wire import network
from unreachable import REACHED, UNREACHED, silent


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Nobody is waited for longer than it takes to see that nobody comes; and the engine pyreqwest starts."""
    monkeypatch.setattr(network, "CONNECT_SECONDS", 0.4)
    monkeypatch.setattr(stale, "CONNECT_SECONDS", 0.4)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def chain(base):
    return Chain(
        [Credential("c", "openai", "m", endpoint=f"{base}/v1", api_key=Secret("sk-0"))],
        Policy(max_retries=0, egress_patience=0.0, retry_same=False),
    )


def failures(mode, base):
    """How the attempts of one request to a host failed."""
    found = []
    with asking(mode, chain(base), hooks=[lambda event: found.append(event.failure) if isinstance(event, AttemptFailed) else None]) as ask:
        ask()
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", UNREACHED)
def test_no_connection_came_about(mode, name):
    """DESIGN 3.7: the request did no work anywhere, and nobody but the network can be blamed for it alone."""
    with UNREACHED[name]() as base:
        assert {one.unreached for one in failures(mode, base)} == {True}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", REACHED)
def test_a_connection_came_about_and_was_lost(mode, name):
    """That host was reached."""
    with REACHED[name]() as base:
        assert {one.unreached for one in failures(mode, base)} == {False}


@pytest.mark.parametrize("mode", MODES)
def test_a_callers_long_limit_is_not_one_for_connecting(mode):
    """`timeout=60` says how long a model may think, not how long nobody may answer the knock."""
    begun = time.monotonic()
    with silent() as base, asking(mode, chain(base), timeout=60) as ask:
        ask()
    assert time.monotonic() - begun < 30


@pytest.fixture
def two_addresses(monkeypatch):
    """A name with two addresses; nothing comes back from the first one."""
    with ResettingHost() as host, silent("127.0.0.2", host.port):
        rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, host.port)) for address in ("127.0.0.2", "127.0.0.1")]
        own = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda name, *args, **more: rows if name == "two.example" else own(name, *args, **more))
        yield host


def request(port):
    timeout = {"connect": 20, "read": 20, "write": 20, "pool": 20}
    return httpx2.Request("POST", f"http://two.example:{port}/x", content=b"{}", extensions={"timeout": timeout})


def test_addresses_share_the_limit(two_addresses):
    """A sync pool tries them one after the other, the one that answered the last time first."""
    upstream = Connections(httpx2, httpx2.HTTPTransport, trust_env=False)
    transport = upstream.for_url(httpx2.URL(f"http://two.example:{two_addresses.port}"))
    backend = transport._inner._pool._network_backend
    tried, own = [], backend._inner.connect_tcp
    backend._inner.connect_tcp = lambda address, *args, **options: (tried.append(address), own(address, *args, **options))[1]
    for _ in range(2):
        response = transport.handle_request(request(two_addresses.port))
        assert response.status_code == 200
        response.close()  # unread: its connection is not used again
    transport.close()
    assert tried == ["127.0.0.2", "127.0.0.1", "127.0.0.1"]


def test_a_look_up_that_hangs_is_given_up(monkeypatch):
    """The system's own limit for names is 5 s a server and try; ours holds for all of it."""
    gone = threading.Event()

    def hang(*_, **__):
        gone.wait(20)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    upstream = Connections(httpx2, httpx2.HTTPTransport, trust_env=False)
    with pytest.raises(httpx2.ConnectTimeout):
        upstream.for_url(httpx2.URL("http://two.example:80")).handle_request(request(80))
    gone.set()
    assert upstream._network.suspected_until > 0.0


def test_what_is_no_pool_of_theirs_is_left_alone():
    """A transport of one's own that makes no connections, a mock, is used as it is."""
    own = httpx2.MockTransport(lambda _: httpx2.Response(200))
    assert Connections(httpx2, httpx2.HTTPTransport, own).for_url(httpx2.URL("http://a.example")) is own


def test_a_response_can_still_be_broken_off(monkeypatch):
    """The socket below is found as before: whoever is blocked in a read of it is woken by a shutdown."""
    with ResettingHost() as host:
        upstream = Connections(httpx2, httpx2.HTTPTransport, trust_env=False)
        response = upstream.for_url(httpx2.URL(host.base_url)).handle_request(httpx2.Request("POST", f"{host.base_url}/x", content=b"{}"))
        stream = response.extensions["network_stream"]
        assert isinstance(stream, IdleStream)
        assert stream.get_extra_info("socket").getpeername() == ("127.0.0.1", host.port)
        response.close()
        for one in upstream.all():
            one.close()
