"""C02 and C04: a thousand idle or dribbling connections, and two thousand streams at once."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from sparekey.lab.drill.in_process_gateway import BEARER
from sparekey.lab.drill.load import HoldingProvider, LoadResult, run_load
from sparekey.lab.drill.outcome import whole
from sparekey.lab.drill.row import THROUGH, Row
from sparekey.lab.drill.serving import serving
from sparekey.lab.drill.verdict import Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.lab.drill.context import RowContext
    from sparekey.lab.drill.scenario import Scenario

_CROWD: Final = 1000
_STREAMS: Final = 2000
_KIB_A_STREAM: Final = 40.0
_ONE_MOMENT: Final = 5.0


def _c02(context: RowContext) -> Iterator[Check]:
    yield files(2 * _CROWD + 200)
    scenario = context.chat(seats=2)
    with _crowd(scenario.gateway.port, _CROWD) as there:
        yield Check("1,000 connections are open", len(there) == _CROWD)
        for turn in range(10):
            yield from whole(scenario.stream() if turn % 2 else scenario.ask(), within=_ONE_MOMENT)
    yield Check("no provider hears of the crowd", scenario.tries() == 10)


@contextmanager
def _crowd(port: int, number: int) -> Iterator[list[socket.socket]]:
    """Open connections that send nothing, or a request's headers or body drop by drop."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: " + BEARER.encode() + b"\r\n"
    beginnings = (b"", head + b"X-Slow: ", head + b"Content-Length: 9000\r\n\r\n{")
    there: list[socket.socket] = []
    over = threading.Event()
    dribbling = threading.Thread(target=_dribble, args=(there, over), daemon=True)
    try:
        for number_so_far in range(number):
            there.append(one := socket.create_connection(("127.0.0.1", port), timeout=10))
            one.sendall(beginnings[number_so_far % 3])
        dribbling.start()
        yield there
    finally:
        over.set()
        if dribbling.is_alive():
            dribbling.join()
        for one in there:
            one.close()


def _dribble(crowd: list[socket.socket], over: threading.Event) -> None:
    while not over.wait(0.1):
        for one in (one for i, one in enumerate(crowd) if i % 3):
            with suppress(OSError):  # the gateway may have closed it
                one.send(b" ")


def _c04(context: RowContext) -> Iterator[Check]:
    yield files(2 * _STREAMS + 200)
    scenario = context.chat(seats=2, knobs={"idle_limit": 0, "first_content_limit": 0})  # a slow machine shall take its time
    seen = asyncio.run(_run_load(scenario))
    yield Check(f"{_STREAMS} streams at once (not {seen.at_once})", seen.at_once == _STREAMS)
    yield Check(f"all are whole, word for word (not {seen.whole})", seen.whole == _STREAMS)
    context.notes.append(f"{seen.whole} whole streams, {seen.at_once} at once")
    if seen.before is None or seen.highest is None:
        context.notes.append("the memory of a process cannot be measured here")
        return
    grown = (seen.highest - seen.before) / _STREAMS
    context.notes.append(f"memory {seen.before / 1024:.0f} MiB before, {grown:.1f} KiB more a stream at the highest")
    yield Check(f"memory grows by less than 40 KB a stream (not {grown:.1f})", grown < _KIB_A_STREAM, Verdict.PARTIAL)


async def _run_load(scenario: Scenario) -> LoadResult:
    """Serve the scenario's chain from a process of its own, and run the load through it."""
    served = scenario.gateway.served
    provider = HoldingProvider(served.wire)
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0, backlog=4096)
    async with server:
        root = scenario.seats[0].provider.wire.root
        config = scenario.file_data({"api_base": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{root}"})
        manager = serving(config)
        process = await asyncio.to_thread(manager.__enter__)
        try:
            return await run_load(provider, process.port, served.wire, served.name, _STREAMS, process.memory)
        finally:
            await asyncio.to_thread(manager.__exit__, None, None, None)


C02: Final = Row("C02", "1,000 idle or dribbling connections", "every other one served", "nothing of the crowd", _c02, THROUGH, alone=True)
C04: Final = Row("C04", "2,000 streams at once on one process", "all whole, under 40 KB of memory each", "", _c04, THROUGH, alone=True)


def files(needed: int) -> Check:
    """Raise this process's limit on open files to `needed`, or as close to it as the system allows.

    The check that is returned fails if the limit is still too low, and names the command that
    raises it.
    """
    try:
        import resource  # noqa: PLC0415 - not on Windows, which has no such limit
    except ImportError:
        return Check("enough files may be open", True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return Check(f"{needed} files may be open (the limit is {soft}: raise it with `ulimit -Hn` as root)", soft >= needed)
