"""A process with a chain in a store. It reads one order a line, as JSON, and answers each with one line."""

from __future__ import annotations

import json
import sys
import threading
import time

from stores_kit import AUTH, BRIEF, BUSY, ask, chain, parked

from sparekey.engine import Failover
from sparekey.stores import open_store

FAILURES = {"auth": AUTH, "busy": BUSY, "brief": BRIEF}


def told(of, **more):
    """What the chain looks like from here."""
    return {"active": of.active_id, "parked": parked(of), "served_since": of.state.served, "at": time.monotonic(), **more}


def hammer(of, calls, threads):
    """Make many calls at once, with changing failures; return how many were served."""
    served = []

    def work(seed):
        for i in range(calls):
            ill = {f"k{(seed + i) % 2}": BUSY} if i % 3 == 0 else {}
            served.append(ask(of, **ill))

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return len(served)


def probe(of):
    """Make a call whose attempts wait for a line; say with whom each one begins."""

    def attempt(credential):
        print(json.dumps({"trying": credential.id}), flush=True)
        sys.stdin.readline()
        return credential.id

    return Failover(of).call(attempt)


def main():
    url, options = sys.argv[1], json.loads(sys.argv[2])
    settings = options.pop("store", {})
    with open_store(url, **settings) as store:
        of = chain(store, **options)
        print(json.dumps(told(of)), flush=True)
        for line in sys.stdin:
            what, arguments = json.loads(line)
            if what == "ask":
                answer = told(of, served=ask(of, **{key: FAILURES[value] for key, value in arguments.items()}))
            elif what == "hammer":
                answer = told(of, served=hammer(of, **arguments))
            elif what == "probe":
                answer = told(of, served=probe(of))
            else:
                answer = told(of, away=store.away)
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
