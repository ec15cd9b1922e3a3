"""What one successful whole answer costs, in CPU time of this process, beside the `openai` SDK.

Short rounds alternate between the two, and the lower quartile of each counts, because noise only
adds time.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING, Any

from peers.adapters import openai_sdk

if TYPE_CHECKING:
    from collections.abc import Callable

    from peers.client_interface import Seat

CALLS, ROUNDS, WARM_UP = 20, 40, 60
PROMPT = "Where is the spare key? " * 20


def measured(adapter: Any, seat: Seat, mode: str) -> dict[str, float]:
    """Return the CPU time of a call in microseconds: `plain` SDK, and `through` the system."""
    spare = seat._replace(id="spare")
    if mode == "sync":
        plain, through = openai_sdk.Client([seat], mode), adapter.Client([seat, spare], mode)
        rows = _rounds(lambda n: _calls(plain, n), lambda n: _calls(through, n))
        plain.close(), through.close()
    else:
        with asyncio.Runner() as runner:
            plain, through = runner.run(_made([seat], openai_sdk)), runner.run(_made([seat, spare], adapter))
            rows = _rounds(lambda n: runner.run(_acalls(plain, n)), lambda n: runner.run(_acalls(through, n)))
            runner.run(plain.aclose()), runner.run(through.aclose())
    direct, with_peer = (statistics.quantiles(times, n=4)[0] for times in zip(*rows, strict=True))
    return {"plain": direct, "through": with_peer}


def _rounds(plain: Callable[[int], None], through: Callable[[int], None]) -> list[tuple[float, float]]:
    plain(WARM_UP), through(WARM_UP)
    return [(_cpu(plain), _cpu(through)) for _ in range(ROUNDS)]


def _cpu(call: Callable[[int], None]) -> float:
    begin = time.process_time()
    call(CALLS)
    return (time.process_time() - begin) / CALLS * 1e6


def _calls(client: Any, count: int) -> None:
    for _ in range(count):
        client.ask(PROMPT)


async def _acalls(client: Any, count: int) -> None:
    for _ in range(count):
        await client.aask(PROMPT)


async def _made(seats: list[Seat], adapter: Any) -> Any:
    return adapter.Client(seats, "async")
