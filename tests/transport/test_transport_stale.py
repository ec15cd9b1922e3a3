"""Connections that were closed while they were idle: the SDK does not notice, and no request is written more than twice."""

import ssl

import pytest
from transport_modes import ASYNC, MODES, SYNC, asking, library

from resetting_host import ResettingHost
from sparekey import Chain, Credential, Policy, Secret
from sparekey.transport import stale

IDLE = 20


@pytest.fixture(autouse=True)
def no_certificates_of_ones_own(monkeypatch):
    """The engine pyreqwest refuses to start where the environment brings its own."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def patience(monkeypatch):
    """Set how long after it was written a lost request still counts as one that met a closed connection: tests know no speed."""

    def set_to(seconds):
        monkeypatch.setattr("sparekey.wire.writes.STALE_SECONDS", seconds)
        monkeypatch.setattr(stale, "CONNECT_SECONDS", 60.0)

    set_to(60.0)
    return set_to


@pytest.fixture
def host():
    """A host that keeps its connections."""
    with ResettingHost() as made:
        yield made


def chain(*hosts):
    rows = [Credential(f"c{i}", "openai", "m", endpoint=one.base_url, api_key=Secret(f"sk-{i}")) for i, one in enumerate(hosts)]
    return Chain(rows, Policy(max_retries=0))


def with_idle(ask, host, count=IDLE):
    """Let so many connections be idle."""
    host.gather(count)
    assert [one.status_code for one in ask(count)] == [200] * count
    assert host.connections == count


def writes(result):
    """How often each attempt of a response says that it was written."""
    return [one.writes for one in result.extensions["sparekey_attempts"]]


@pytest.mark.parametrize("fault", ["reset", "close"])
@pytest.mark.parametrize("mode", MODES)
def test_a_closed_idle_connection_is_not_noticed(host, patience, mode, fault):
    """One repeat on a new connection answers, however many idle ones there are; the others are not tried any more."""
    with asking(mode, chain(host)) as ask:
        with_idle(ask, host)
        host.turn(fault)
        assert [one.status_code for one in ask()] == [200]
        assert (host.writes, host.connections) == (2, IDLE + 1)
        assert [one.status_code for one in ask() + ask()] == [200, 200]
        assert (host.writes, host.connections) == (4, IDLE + 1)


@pytest.mark.parametrize("mode", MODES)
def test_the_ledger_counts_both_writes(host, patience, mode):
    """`response.extensions["sparekey_attempts"]` has one attempt with two writes, and one write where nothing was lost."""
    with asking(mode, chain(host)) as ask:
        with_idle(ask, host, 2)
        host.turn("reset")
        assert [writes(one) for one in ask() + ask()] == [[2], [1]]


@pytest.mark.parametrize("mode", MODES)
def test_where_nobody_is_there_nothing_is_written(host, mode):
    """The connection phase writes nothing, and the ledger says so."""
    with ResettingHost() as spare, asking(mode, chain(host, spare)) as ask:
        host.unplug()
        assert [writes(one) for one in ask()] == [[0, 1]]


@pytest.mark.parametrize("mode", MODES)
def test_a_host_that_always_resets_gets_two_writes(host, patience, mode):
    """The repeat is lost as well: that is the host's failure, and the next credential's turn."""
    with ResettingHost() as spare, asking(mode, chain(host, spare)) as ask:
        with_idle(ask, host)
        host.turn("reset", always=True)
        (answer,) = ask()
        assert answer.status_code == 200
        assert (host.writes, spare.writes) == (2, 1)


@pytest.mark.parametrize("mode", MODES)
def test_a_first_connection_that_is_lost_is_not_made_again(host, patience, mode):
    """Nobody had closed it before the request: the host refuses to answer, and gets one write."""
    with ResettingHost() as spare, asking(mode, chain(host, spare)) as ask:
        host.turn("reset", always=True)
        (answer,) = ask()
        assert answer.status_code == 200
        assert (host.writes, spare.writes) == (1, 1)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "pyreqwest"])
def test_a_request_that_was_being_answered_is_not_written_again(host, patience, mode):
    """Half a header is an answer that began: the host had the request."""
    with ResettingHost() as spare, asking(mode, chain(host, spare)) as ask:
        with_idle(ask, host, 2)
        host.turn("half")
        ask()
        assert (host.writes, spare.writes) == (1, 1)


@pytest.mark.parametrize("mode", MODES)
def test_a_host_that_was_silent_for_a_while_had_the_request(host, patience, mode):
    """A connection that was closed while it was idle shows it within a round trip; later it is the request that was lost."""
    with ResettingHost() as spare, asking(mode, chain(host, spare)) as ask:
        with_idle(ask, host, 2)
        host.turn("reset")
        patience(-1.0)
        ask()
        assert (host.writes, spare.writes) == (1, 1)


@pytest.mark.parametrize("mode", MODES)
def test_a_polite_end_between_requests_costs_nothing(host, patience, mode):
    """A host that hangs up while nobody asks is seen in time, or costs one repeat: the SDK gets its answer."""
    with asking(mode, chain(host)) as ask:
        with_idle(ask, host, 4)
        host.turn("answer")
        host.hang_up()
        assert [one.status_code for one in ask(4) + ask()] == [200] * 5
        assert host.writes <= 9


@pytest.mark.parametrize("mode", MODES)
def test_many_that_lose_at_once_are_all_answered(host, patience, mode):
    """Each writes its request twice at most, and none of them meets a connection that another one has lost."""
    with asking(mode, chain(host)) as ask:
        with_idle(ask, host, 16)
        host.turn("reset")
        assert [one.status_code for one in ask(16)] == [200] * 16
        assert host.writes <= 32


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "pyreqwest"])
def test_connections_with_tls_are_repeated_alike(patience, mode):
    """What stands between is no difference."""
    trustme = pytest.importorskip("trustme", reason="trustme is not installed")
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with ResettingHost(context) as host, asking(mode, chain(host), verify=trusting) as ask:
        with_idle(ask, host, 4)
        host.turn("reset")
        assert [one.status_code for one in ask()] == [200]
        assert (host.writes, host.connections) == (2, 5)


@pytest.mark.parametrize("mode", ["httpx2", "httpx", *ASYNC])
def test_a_transport_that_was_handed_in_repeats_alike(host, patience, mode):
    """Someone's own `HTTPTransport` is watched as ours is."""
    lib = library(mode)
    own = lib.HTTPTransport() if mode in SYNC else lib.AsyncHTTPTransport()
    with asking(mode, chain(host), upstream=own) as ask:
        with_idle(ask, host, 4)
        host.turn("reset")
        assert [one.status_code for one in ask()] == [200]
        assert host.writes == 2
