"""What a chain adds to a healthy stream, over the same stream without it; limits on and off.

It measures CPU time of this process, and takes the best of several rounds. There is no goal,
because a stream lasts seconds; the figure is only watched.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING

from sparekey import AsyncFailover, Chain, Credential, Failover, Policy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

ITEMS, STREAMS, ROUNDS = 60, 100, 5
WORDS = ["word "] * ITEMS
POLICIES = {"limits on": Policy(), "limits off": Policy(first_content_limit=None, idle_limit=None)}


def words(_: Credential) -> Iterator[str]:
    yield from WORDS


async def awords(_: Credential) -> AsyncIterator[str]:
    for word in WORDS:
        yield word


def microseconds(play: Callable[[], object]) -> float:
    """Return the cost of one stream in the best round, in microseconds."""
    times = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        play()
        times.append(time.process_time() - begin)
    return min(times) / STREAMS * 1e6


def sync_cost(open_: Callable[[], Iterator[str]]) -> float:
    return microseconds(lambda: [list(open_()) for _ in range(STREAMS)])


def async_cost(open_: Callable[[], AsyncIterator[str]]) -> float:
    async def play() -> None:
        for _ in range(STREAMS):
            async for _ in open_():
                pass

    return microseconds(lambda: asyncio.run(play()))


def measured() -> list[tuple[str, float, float]]:
    """Return rows of (what, microseconds a stream, microseconds an item), beyond the direct stream."""
    only = Credential("only")
    direct = {"sync": sync_cost(lambda: words(only)), "async": async_cost(lambda: awords(only))}
    rows = []
    for name, policy in POLICIES.items():
        chain = Chain([Credential("first"), Credential("second")], policy)
        blocking, asynchronous = Failover(chain), AsyncFailover(chain)
        costs = {"sync": sync_cost(lambda f=blocking: f.stream(words)), "async": async_cost(lambda f=asynchronous: f.stream(awords))}
        rows += [(f"{mode}, {name}", cost - direct[mode], (cost - direct[mode]) / ITEMS) for mode, cost in costs.items()]
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    rows = measured()
    if parser.parse_args().json:
        print(json.dumps([{"what": w, "stream_us": s, "item_us": i} for w, s, i in rows], indent=2))
    else:
        print(f"{f'a stream of {ITEMS} items':<28}{'cost':>11}{'an item':>11}")
        for what, stream, item in rows:
            print(f"{what:<28}{stream:>8.0f} us{item:>8.1f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
