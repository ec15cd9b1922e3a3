"""Play one trace to one system: `python -m quality.play SYSTEM TRACE SEED` prints its numbers as one line of JSON."""

from __future__ import annotations

from quality import clockwork

clockwork.wind()  # before anything that looks at a clock is imported

import asyncio  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import os  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
import warnings  # noqa: E402
from typing import Any  # noqa: E402

from quality.score import PATIENCE, scored  # noqa: E402
from quality.systems import SYSTEMS  # noqa: E402
from quality.world import Hosts, Request, World, trace  # noqa: E402


async def lived(system: Any, world: World, request: Request) -> tuple[int, float, str | None, str | None]:
    """One request as its caller lives through it: its number, seconds, who answered, and what was raised."""
    await asyncio.sleep(max(0.0, request.at - clockwork.now()))
    begun, text, fault = clockwork.now(), "", None
    try:
        async with asyncio.timeout(PATIENCE):
            text = await system.ask(f"This is request no. {request.number}. What is a spare key for?", stream=request.stream)
    except Exception as exc:  # noqa: BLE001 - whatever it is, a caller sees it
        fault = f"{type(exc).__name__} {getattr(exc, 'status_code', '')}".strip()
    answers = {world.text(request, seat): seat for seat in reversed(world.seats)} | {str(request.number): "first"}
    return request.number, clockwork.now() - begun, answers.get(text), fault


async def play(name: str, title: str, seed: int) -> dict[str, Any]:
    """Play a trace to a system."""
    world = World(trace(title), seed)
    hosts = Hosts(world)
    await hosts.open()
    seats = [
        {**s, "api_key": f"sk-simulated-{s['id']}-00000000", "api_base": f"http://127.0.0.1:{hosts.ports[s['id']]}/v1"}
        for s in world.trace["seats"]
    ]
    systems = [SYSTEMS[name](seats, world.trace.get("kind", "chat")) for _ in range(world.trace.get("chains", 1))]
    for system in systems:
        if hasattr(system, "start"):
            await system.start()
    requests = await asyncio.gather(*(lived(systems[request.number % len(systems)], world, request) for request in world.requests.values()))
    return {"system": name, "trace": title, "seed": seed, "requests": requests, "calls": hosts.calls}


def main() -> None:
    """Play as the command line says."""
    name, title, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    random.seed(seed)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    found = clockwork.run(play(name, title, seed))
    sys.stdout.write(json.dumps(scored(found)) + "\n")
    sys.stdout.flush()
    os._exit(0)  # a world that is over needs no tidying


if __name__ == "__main__":
    main()
