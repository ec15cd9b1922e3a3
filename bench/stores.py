"""What a store costs: a healthy request, one served by the spare, and a change, with each store.

The goal is that a healthy request costs the same with every store. Redis and Valkey are measured if
a development dependency brings the server.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from pathlib import Path
from timeit import repeat

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "stores"))

from stores_kit import Server, server_binary

from sparekey import Chain, Credential, Failover, Policy
from sparekey.stores import open_store
from sparekey.types import ErrorClass, Failure, Scope

CALLS, ROUNDS, CHANGES = 5_000, 7, 300
DEAD = Failure(ErrorClass.AUTH, "invalid_key", Scope.CREDENTIAL)


def chain(store, name):
    policy = Policy(failback_request_count=10**9)
    return Chain([Credential(f"c{i}") for i in range(3)], policy, classify=lambda _: DEAD, store=store, name=name if store else "")


def microseconds(call):
    """Return the processor time of a call in microseconds, with that of the keeper's thread."""
    return min(repeat(call, number=CALLS, repeat=ROUNDS, timer=time.process_time)) / CALLS * 1e6


def first_is_dead(credential):
    if credential.id == "c0":
        raise RuntimeError
    return credential.id


def change(of):
    """Return the mean time of one change, as its caller waits for it."""
    moves = [of.switcher.commit_success] * CHANGES
    since = time.perf_counter()
    for i, move in enumerate(moves):
        move(1 + i % 2)
    return (time.perf_counter() - since) / CHANGES * 1e6


def measure(label, url):
    store = open_store(url) if url else None
    healthy = Failover(chain(store, "healthy"))
    spare = Failover(chain(store, "spare"))
    spare.call(first_is_dead)
    row = (
        microseconds(lambda: healthy.call(lambda c: c.id)),
        microseconds(lambda: spare.call(first_is_dead)),
        change(chain(store, "change")),
    )
    print(f"{label:10} healthy {row[0]:6.2f} us   by the spare {row[1]:6.2f} us   a change {row[2]:8.1f} us")
    if store:
        store.close()


def main():
    logging.getLogger("sparekey").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        measure("no store", None)
        measure("memory", "memory")
        measure("sqlite", f"sqlite:///{folder}/state.db")
        for kind in filter(server_binary, ("redis", "valkey")):
            server = Server(kind)
            server.start()
            measure(kind, server.url)
            server.close()


if __name__ == "__main__":
    main()
