"""Instructions of the gateway a request, counted by valgrind: they do not depend on how busy the machine is.

    python bench/instructions.py [--requests 300] [--headers sdk] [--engine] [--json]

The gateway runs as its own process under callgrind, with access log, statistics and history as users have them; this process plays the
provider and 16 clients. Counted are user instructions of all its threads, without start-up and warm-up, and without what it does each
second anyway, which is counted first: under callgrind seconds are short of requests. What waits for some milliseconds of requests waits
for as many requests here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kit.load import ANSWER, SDK, Target, request
from kit.servers import gateway, stop

CLIENTS = 16
WARM = 20
"""Requests of each client before the count begins."""
SLOWED = """
from sparekey.engine import chain_state
from sparekey.gateway.observe import log_thread
from sparekey.gateway.quick import batch
batch.EVERY *= 50
log_thread.GATHER_SECONDS *= 50
chain_state.LEARN_EVERY *= 50
from sparekey.cli import main
main()
"""
"""A request takes fifty times as long under callgrind: so does what is done once for all requests of some milliseconds."""
IDLE = 3.0
"""Seconds for which the gateway's own work is counted: what it does each second whether or not there are requests."""
GOAL = 160_000
HEADERS = {"plain": (), "sdk": SDK}
_TOTAL = re.compile(r"^totals: (\d+)", re.MULTILINE)


def missing():
    """Say what is missing here for the count; "" if nothing is."""
    if not sys.platform.startswith("linux"):
        return "valgrind counts on Linux only"
    lacking = [name for name in ("valgrind", "callgrind_control") if shutil.which(name) is None]
    return f"{' and '.join(lacking)} is not installed (apt-get install valgrind)" if lacking else ""


async def provider(reader, writer):
    """Answer every request on a connection with the same chat completion."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER.encode())
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))
            writer.write(answer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def client(target, headers, count):
    """Ask `count` times on one connection, one request after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    asked = request(target, HEADERS[headers])
    for _ in range(count):
        writer.write(asked)
        answered = await reader.readuntil(b"\r\n\r\n")
        assert answered.startswith(b"HTTP/1.1 200"), answered[:300]
        await reader.readexactly(int(re.search(rb"content-length: (\d+)", answered)[1]))
    writer.close()


def under_callgrind(home):
    """Return the beginning of a command that runs under callgrind, which counts nothing yet."""
    counts = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={home}/out", "--log-file=/dev/null"]
    return [*counts, sys.executable, "-c", SLOWED]


def control(process, *options):
    subprocess.run(["callgrind_control", *options, str(process.pid)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def counted(home, requests, headers, *, quick):
    """Return the instructions of one request."""
    server = await asyncio.start_server(provider, "127.0.0.1", 0, backlog=256)
    upstream = server.sockets[0].getsockname()[1]
    process, port = await asyncio.to_thread(gateway, home, upstream, quick=quick, log=True, program=under_callgrind(home))
    target, each = Target("gateway", process.pid, port), -(-requests // CLIENTS)
    try:

        async def asked(count):
            await asyncio.gather(*(client(target, headers, count) for _ in range(CLIENTS)))

        await asked(WARM)
        await asyncio.to_thread(control, process, "-i", "on")
        idle, idled = await total(home, process, 1, asyncio.sleep(IDLE))
        busy, took = await total(home, process, 2, asked(each))
    finally:
        await asyncio.to_thread(stop, process)
        server.close()
    return (busy - idle / idled * took) / (each * CLIENTS)


async def total(home, process, number, work):
    """Return the instructions until some work is done, and its seconds."""
    began = time.perf_counter()
    await work
    await asyncio.sleep(0.7)  # what is told of the last requests
    took = time.perf_counter() - began
    await asyncio.to_thread(control, process, "-d")
    return int(_TOTAL.search(await asyncio.to_thread(Path(f"{home}/out.{number}").read_text))[1]), took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=320)
    parser.add_argument("--headers", choices=HEADERS, default="plain")
    parser.add_argument("--engine", action="store_true", help="without the quick path")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", type=Path, help="a file for callgrind's own output, for callgrind_annotate")
    given = parser.parse_args()
    if lacking := missing():
        print(f"instructions not counted: {lacking}")
        return
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        found = asyncio.run(counted(home, given.requests, given.headers, quick=not given.engine))
        if given.keep:
            shutil.copy(f"{home}/out.2", given.keep)
    if given.json:
        print(
            json.dumps(
                {"instructions": round(found), "headers": given.headers, "quick": not given.engine, "python": sys.version.split()[0]}
            )
        )
    else:
        told = "engine" if given.engine else "quick path"
        took = time.perf_counter() - began
        print(f"{told}, {given.headers} headers: {found:,.0f} instructions a request   (goal: at most {GOAL:,}; counted in {took:.0f} s)")


if __name__ == "__main__":
    main()
