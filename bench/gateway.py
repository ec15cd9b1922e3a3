"""What the gateway costs beside nginx and ferrogw, in one run: `make bench` prints every goal and what was found.

    python bench/gateway.py [--nginx PATH] [--ferrogw PATH] [--seconds 5] [--streams 2000] [--outage 5] [--save]

nginx plays the upstream with a fixed chat completion of 2 kB, and is also the plain reverse proxy to compare with. This process makes
the load over raw sockets. The server under test is pinned to one core, everything else to the other, and every server writes an access
log. Figures on a busy machine hold only as ratios of one run; CPU time is steadier than latency. `--save` adds the run to
bench/gateway.json, from which docs/gateway.md has its table.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from kit import streams
from kit.load import ANSWER, SDK, Target, measured, steadily
from kit.servers import MASTER, OTHER_CORE, PROXY_CORE, REVERSE, UPSTREAM, ferrogw, found_ferrogw, gateway, nginx, rss, stop

RESULTS = Path(__file__).with_suffix(".json")
RATE = 4000
"""Requests a second at which latency is compared."""
_TURNS = 4
"""The fewest turns that two gateways take, so that other programs disturb both."""
_BELOW = 0.5
"""On a slower machine: this share of what the gateway can take at all, or a queue is measured."""


class Goal(NamedTuple):
    """A line of the result: what it is, what was found, and what is wanted (`most`: at most)."""

    what: str
    found: float
    goal: float | None
    unit: str = ""
    most: bool = True

    def line(self):
        wanted = "" if self.goal is None else f"(goal: at {'most' if self.most else 'least'} {self.goal:g})"
        sign = " " if self.goal is None else "+" if (self.found <= self.goal) is self.most else "-"
        return f"{sign} {self.what:68} {self.found:10.3g} {self.unit:12} {wanted}"


def is_optimised():
    """Say whether this Python was built with its own optimisations (PGO), as those of distributions are."""
    return "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "") or sys.base_prefix == "/usr"


def whole(given, targets):
    """Compare whole answers, with few headers and with those that SDKs send."""
    for kind, headers in (("plain", ()), ("sdk", SDK)):
        print(f"whole answers, {kind} headers:")
        runs = {one.name: measured(one, given.seconds, headers) for one in targets}
        costs = {name: run.cost for name, run in runs.items()}
        given.rate = min(given.rate, runs["quick"].rate * _BELOW)
        goal = {"plain": (0.40, 0.35), "sdk": (0.35, 0.27)}[kind][not is_optimised()]
        yield Goal(f"requests by CPU, {kind} headers: of nginx", costs["nginx"] / costs["quick"], goal, most=False)
        yield Goal(f"requests by CPU, {kind} headers, without the quick path: of nginx", costs["nginx"] / costs["engine"], None)
        yield Goal(f"CPU a request, {kind} headers", costs["quick"] * 1e6, None, "us")
        if "ferrogw" in costs:
            yield Goal(f"requests by CPU, {kind} headers: of ferrogw", costs["ferrogw"] / costs["quick"], 2.5, most=False)


def latency(given, targets):
    """Compare latency at one rate for all, best of three turns: other programs disturb them in turn."""
    named = {one.name: one for one in targets if one.name != "engine"}
    named.pop("ferrogw", None)  # it cannot take so many
    best = {name: min(steadily(one, given.rate, given.seconds) for _ in range(3)) for name, one in named.items()}
    for name, p99 in best.items():
        print(f"  {name:12} p99 {p99 * 1e3:6.2f} ms at {given.rate:.0f} requests/s")
    yield Goal(f"p99 at {given.rate:.0f} requests/s: times nginx's", best["quick"] / best["nginx"], 1.5)


def _with_ferrogw(given, home, up, processes, targets):
    """Start ferrogw before the same provider, if there is one, and measure it with the others."""
    if given.ferrogw:
        other, port = ferrogw(given.ferrogw, home, up)
        processes.append(other)
        targets.append(Target("ferrogw", other.pid, port, "gpt-4o-mini", MASTER))


def streamed(given, home):
    """Compare streams whose events come one by one."""
    host, port = streams.provider()
    reverse, plain = nginx(given.nginx, home, "streams", REVERSE, PROXY_CORE, up=port, buffering="off")
    ours, our_port = gateway(home, port, log=True, name="streaming")
    processes = [host, reverse, ours]
    targets = [Target("direct", host.pid, port), Target("nginx", reverse.pid, plain), Target("quick", ours.pid, our_port)]
    _with_ferrogw(given, home, port, processes, targets)
    try:
        print("streams, events one by one:")
        found = {one.name: streams.read(one, given.seconds) for one in targets}
    finally:
        stop(*processes)
    for name, (cost, firsts, delays) in found.items():
        told = f"first event p99 {_p99(firsts) * 1e6:7.0f} us  event under way p99 {_p99(delays) * 1e6:7.0f} us"
        print(f"  {name:12} {cost * 1e6:6.1f} us CPU an event  {told}")
    yield Goal("an event by CPU: of nginx", found["nginx"][0] / found["quick"][0], 0.5, most=False)
    yield Goal("CPU an event", found["quick"][0] * 1e6, None, "us")
    if "ferrogw" in found:
        yield Goal("an event by CPU: of ferrogw", found["ferrogw"][0] / found["quick"][0], None, most=False)
    yield Goal("added time to the first event, p99", (_p99(found["quick"][1]) - _p99(found["direct"][1])) * 1e6, 300, "us")
    yield Goal("added time of an event, p99", (_p99(found["quick"][2]) - _p99(found["direct"][2])) * 1e6, 100, "us")


def _p99(times):
    return times[len(times) * 99 // 100]


def outage(given, home, up):
    """Compare a chain whose first key is refused from the beginning with a healthy one, in turns of a few seconds at full load."""
    sick, sick_port = gateway(home, up, log=True, dead=True, name="sick")
    well, well_port = gateway(home, up, log=True, name="well")
    try:
        print(f"401 on the first key for {given.outage:g} s at full load:")
        turns, spent = max(_TURNS, round(given.outage / 30)), {"sick": [], "well": []}
        for _ in range(turns):
            for name, process, port in (("well", well, well_port), ("sick", sick, sick_port)):
                spent[name].append(measured(Target(name, process.pid, port), given.outage / turns).cost)
    finally:
        stop(sick, well)
    yield Goal("CPU a request while the first key is refused: times a healthy chain's", sum(spent["sick"]) / sum(spent["well"]), 1.15)


def memory(given, home, idle):
    """Look at memory with many streams that wait."""
    yield Goal("idle gateway, resident", idle / 1024, 90, "MB")
    if given.streams:
        a_stream, ended = asyncio.run(waiting(home, given.streams))
        yield Goal("a stream that waits", a_stream, 12, "kB")
        yield Goal(f"of {given.streams + 20} such streams came to their end", ended, given.streams + 20, most=False)


async def slow_stream(reader, writer, stop):
    """Serve streams slowly, until told to end them."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(streams.HEAD)
    event = streams.EVENT % 0
    while not stop.is_set():
        writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        await asyncio.sleep(1)
    writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(streams.LAST), streams.LAST))
    await writer.drain()
    writer.close()


async def waiting(home, number):
    """Open `number` streams through the gateway.

    Return kB for each stream, and how many ended whole.
    """
    over = asyncio.Event()
    server = await asyncio.start_server(lambda r, w: slow_stream(r, w, over), "127.0.0.1", 0, backlog=4096)
    process, port = gateway(home, server.sockets[0].getsockname()[1], name="waiting")
    try:
        warm = [await opened(port) for _ in range(20)]
        await asyncio.sleep(2)
        before, opened_ones = rss(process.pid), []
        for start in range(0, number, 100):
            opened_ones += await asyncio.gather(*[opened(port) for _ in range(min(100, number - start))])
        await asyncio.sleep(3)
        grown = rss(process.pid) - before
        over.set()
        ends = await asyncio.gather(*[finished(reader, writer) for reader, writer in warm + opened_ones])
        return grown / number, sum(ends)
    finally:
        stop(process)
        server.close()


async def opened(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = b'{"model": "chat", "stream": true, "messages": []}'
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    await reader.readuntil(b"data: ")
    return reader, writer


async def finished(reader, writer):
    rest = await asyncio.wait_for(reader.readuntil(b"\r\n0\r\n\r\n"), 60)
    writer.close()
    return b"[DONE]" in rest


def everything(given, home):
    """Yield what was found of each goal."""
    upstream, up = nginx(given.nginx, home, "upstream", UPSTREAM, OTHER_CORE, answer=ANSWER)
    reverse, plain = nginx(given.nginx, home, "reverse", REVERSE, PROXY_CORE, up=up)
    quick, quick_port = gateway(home, up, log=True, name="quick")
    engine, engine_port = gateway(home, up, quick=False, log=True, name="engine")
    processes = [upstream, reverse, quick, engine]
    targets = [Target("nginx", reverse.pid, plain), Target("quick", quick.pid, quick_port), Target("engine", engine.pid, engine_port)]
    _with_ferrogw(given, home, up, processes, targets)
    try:
        time.sleep(1)
        idle = rss(quick.pid)
        yield from whole(given, targets)
        yield from latency(given, targets)
        stop(*processes[1:])
        del processes[1:]
        yield from outage(given, home, up)
    finally:
        stop(*processes)
    yield from streamed(given, home)
    yield from memory(given, home, idle)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nginx", default=shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin"))
    parser.add_argument("--ferrogw", default=found_ferrogw(), help="ferrogw's program; `make bench` installs it")
    parser.add_argument("--seconds", type=float, default=5, help="of each load")
    parser.add_argument("--streams", type=int, default=2000, help="how many wait at once; 0: none")
    parser.add_argument("--outage", type=float, default=5, help="seconds with a dead first key; 600 for the whole ten minutes")
    parser.add_argument("--save", action="store_true", help=f"add the run to {RESULTS.name}")
    given = parser.parse_args()
    given.rate = RATE
    if not given.nginx:
        print("not measured: no nginx here (apt-get install nginx, or --nginx PATH)")
        return
    if not given.ferrogw:
        print("no ferrogw here (`make bench` installs it, or --ferrogw PATH): it is left out")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.sched_setaffinity(0, {OTHER_CORE})
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as home:
        found = list(everything(given, home))
    python = f"Python {sys.version.split()[0]}, {'optimised' if is_optimised() else 'not optimised'}"
    print(f"\n{python}; load of the machine before: {before:.1f}; `+` holds, `-` does not:")
    for one in found:
        print(one.line())
    if given.save:
        runs = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
        figures = {one.what: {"found": round(one.found, 3), "goal": one.goal, "unit": one.unit} for one in found}
        runs.append(
            {"at": time.strftime("%Y-%m-%d"), "python": python, "load": round(before, 1), "seconds": given.seconds, "found": figures}
        )
        RESULTS.write_text(json.dumps(runs, indent=1) + "\n")


if __name__ == "__main__":
    main()
