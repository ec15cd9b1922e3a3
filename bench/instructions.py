"""Instructions of the gateway a request, counted by valgrind: they do not depend on how busy the machine is.

    python bench/instructions.py [--requests 300] [--headers sdk] [--engine] [--json]

The gateway runs as its own process under callgrind, with access log, statistics and history as users have them; this process plays the
provider and 16 clients. Counted are user instructions of all its threads between two marks, so start-up and warm-up are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gateway import ANSWER, BODY, SDK, free_port, wait_for

CLIENTS = 16
WARM = 20
"""Requests of each client before the count begins."""
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


async def client(port, lines, count):
    """Ask `count` times on one connection, one request after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = "".join(f"{line}\r\n" for line in ("POST /v1/chat/completions HTTP/1.1", f"Host: 127.0.0.1:{port}", *lines))
    request = f"{head}Content-Type: application/json\r\nAuthorization: Bearer x\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    for _ in count:
        writer.write(request)
        answered = await reader.readuntil(b"\r\n\r\n")
        assert answered.startswith(b"HTTP/1.1 200"), answered[:300]
        await reader.readexactly(int(re.search(rb"content-length: (\d+)", answered)[1]))
    writer.close()


def gateway(home, port, upstream, *, quick):
    """Start the gateway under callgrind, which counts nothing yet."""
    rows = "".join(
        f'[[vlm.credentials]]\nid = "c{i}"\napi_key = "sk-bench-{i}-0000000000"\napi_base = "http://127.0.0.1:{upstream}/v1"\n'
        for i in range(2)
    )
    file = Path(home) / "sparekey.toml"
    file.write_text(
        f'[vlm]\nprovider = "openai"\nmodel = "gpt-4o-mini"\n{rows}\n[gateway]\nport = {port}\nquick = {str(quick).lower()}\n'
        f'store = "sqlite:///{home}/state.db"\n'
    )
    line = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={home}/out", "--log-file=/dev/null"]
    line += [sys.executable, "-m", "sparekey", "serve", "--config", str(file)]
    return subprocess.Popen(line, stderr=subprocess.DEVNULL)


def control(process, *options):
    subprocess.run(["callgrind_control", *options, str(process.pid)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def counted(home, requests, headers, *, quick):
    """Return the instructions of one request."""
    server = await asyncio.start_server(provider, "127.0.0.1", 0, backlog=256)
    port = free_port()
    process = gateway(home, port, server.sockets[0].getsockname()[1], quick=quick)
    try:
        await asyncio.to_thread(wait_for, port, 180)
        each = -(-requests // CLIENTS)

        async def asked(count):
            await asyncio.gather(*(client(port, HEADERS[headers], range(count)) for _ in range(CLIENTS)))

        await asked(WARM)
        await asyncio.to_thread(control, process, "-i", "on")
        idle, idled = await total(home, process, 1, asyncio.sleep(IDLE))
        busy, took = await total(home, process, 2, asked(each))
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 120)
        server.close()
    return (busy - idle / idled * took) / (each * CLIENTS)


async def total(home, process, number, work):
    """Return the instructions until some work is done, and its seconds: under callgrind these are many, and so is what goes on meanwhile."""
    began = time.perf_counter()
    await work
    await asyncio.sleep(0.1)  # what is told of the last requests
    took = time.perf_counter() - began
    await asyncio.to_thread(control, process, "-d")
    return int(_TOTAL.search(Path(f"{home}/out.{number}").read_text())[1]), took


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
    os.environ.setdefault("PYTHONHASHSEED", "0")
    main()
