"""What sparekey's transport adds to one `openai` chat call, over the SDK's own client, in one run.

Both send to one simulated provider in another process. It measures CPU time of this process. Short
rounds alternate between the two, and the lower quartile of each counts, because noise only adds
time. The goal is a ratio of at most 1.05.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import openai

from sparekey import Credential, Secret, sdk_options
from sparekey.lab.simulator import Simulator

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

CALLS, ROUNDS, WARM_UP, GOAL = 25, 120, 100, 1.05
MESSAGES = [{"role": "user", "content": "Where is the spare key? " * 20}]


def serve(pipe: Connection) -> None:
    with Simulator() as simulator:
        pipe.send(simulator.provider("only").base_url)
        pipe.recv()


def milliseconds(client: Any, calls: int = CALLS) -> float:
    begin = time.process_time()
    for _ in range(calls):
        client.chat.completions.create(model="sim-chat", messages=MESSAGES)
    return (time.process_time() - begin) / calls * 1e3


def measured(base_url: str, engine: str = "httpx") -> tuple[float, float, float]:
    """Return (SDK alone, through sparekey, ratio); times in milliseconds a call."""
    credentials = [Credential(f"c{i}", "openai", "sim-chat", endpoint=base_url, api_key=Secret("k")) for i in range(3)]
    with (
        openai.OpenAI(base_url=base_url, api_key="k", max_retries=0) as stock,
        openai.OpenAI(**sdk_options(credentials, upstream=engine)) as ours,
    ):
        milliseconds(stock, WARM_UP), milliseconds(ours, WARM_UP)
        rows = [(milliseconds(stock), milliseconds(ours)) for _ in range(ROUNDS)]
    direct, through = (statistics.quantiles(times, n=4)[0] for times in zip(*rows, strict=True))
    return direct, through, through / direct


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--engine", choices=["httpx", "pyreqwest"], default="httpx", help="what makes the connections under sparekey")
    options = parser.parse_args()
    as_json, engine = options.json, options.engine
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(there,))
    process.start()
    try:
        stock, through, ratio = measured(here.recv(), engine)
    finally:
        here.send(None)
        process.join()
    if as_json:
        print(
            json.dumps(
                {"stock_ms": stock, "sparekey_ms": through, "ratio": ratio, "goal": GOAL, "engine": engine, "openai": openai.__version__}
            )
        )
    else:
        print(f"one chat call, openai {openai.__version__}: stock {stock:.3f} ms, through sparekey ({engine}) {through:.3f} ms of CPU time")
        print(f"ratio {ratio:.3f}   goal <= {GOAL}   {'met' if ratio <= GOAL else 'missed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
