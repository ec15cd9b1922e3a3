"""One of the processes that share a chain in the rows M08 to M10: `python -m sparekey.lab.drill.second_process`.

It reads one order a line from standard input, as JSON, and answers each with one line. The first line says what it plays.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from sparekey.config import VLMConfig
from sparekey.lab.drill.clock import Clock
from sparekey.lab.drill.scenario import Scenario
from sparekey.stores import open_store

if TYPE_CHECKING:
    from sparekey.stores import Keeper


_CALLERS: Final = 8
"""Callers side by side in each process, where there is load."""


class _Counter(logging.Handler):
    """Counts the warnings about the store."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += record.getMessage().startswith("the store ")


def main() -> None:
    """Play until standard input ends."""
    part = json.loads(sys.stdin.readline())
    warnings = _Counter()
    logging.getLogger("sparekey").addHandler(warnings)
    with open_store(part["store"]) as store:
        clock = Clock(1.0, virtual=False)
        scenario = Scenario(VLMConfig.model_validate(part["config"]), "chat", (), clock, part["mode"], random.random, store)
        _say(_seen(scenario, store, warnings))
        for line in sys.stdin:
            order = json.loads(line)
            outcome = _heard(scenario) if order == "ask" else _loaded(scenario, order["load"]) if isinstance(order, dict) else {}
            _say(_seen(scenario, store, warnings) | outcome)
        scenario.close()


def _seen(scenario: Scenario, store: Keeper, warnings: _Counter) -> dict[str, Any]:
    """What the chain looks like from this process, and when, on the machine's clock."""
    return {
        "at": time.monotonic(),
        "active": scenario.chain.active_index,
        "parked": scenario.parked,
        "away": store.away is not None,
        "warnings": warnings.count,
    }


def _heard(scenario: Scenario) -> dict[str, Any]:
    """What came of a call; `error` is what the caller saw in place of an answer."""
    outcome = scenario.ask()
    return {
        "text": outcome.text,
        "seconds": outcome.seconds,
        "error": None if outcome.error is None and not outcome.hung else outcome.words,
    }


def _loaded(scenario: Scenario, seconds: float) -> dict[str, Any]:
    """Let callers ask one after the other, side by side; return how many calls were served, and what the others met."""
    end = time.monotonic() + seconds
    served: list[str] = []
    lost: list[str] = []

    def caller() -> None:
        while time.monotonic() < end:
            outcome = scenario.wait(scenario.start())
            (served if outcome.complete else lost).append(outcome.words)

    callers = [threading.Thread(target=caller) for _ in range(_CALLERS)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    return {"served": len(served), "lost": lost[:3], "lost_number": len(lost)}


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
