"""A process that shares a chain in M08 to M10: `python -m sparekey.lab.drill.second_process`.

Both directions carry one JSON value a line. The first line on standard input holds the
configuration, the mode and the store; each further line is an order: `"ask"`, `"look"` or `{"load":
seconds}`. The process answers each line with one: what its chain looks like, and what came of the
order. `SecondProcess` in `sparekey.lab.drill.sharing` is the other end.
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
"""The number of callers side by side in each process under load."""


class _Counter(logging.Handler):
    """Counts the warnings about the store."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += record.getMessage().startswith("the store ")


def main() -> None:
    """Carry out orders until standard input ends."""
    part = json.loads(sys.stdin.readline())
    warnings = _Counter()
    logging.getLogger("sparekey").addHandler(warnings)
    with open_store(part["store"]) as store:
        clock = Clock(1.0, virtual=False)
        scenario = Scenario(VLMConfig.model_validate(part["config"]), "chat", (), clock, part["mode"], random.random, store)
        _say(_seen(scenario, store, warnings))
        for line in sys.stdin:
            order = json.loads(line)
            outcome = _asked(scenario) if order == "ask" else _under_load(scenario, order["load"]) if isinstance(order, dict) else {}
            _say(_seen(scenario, store, warnings) | outcome)
        scenario.close()


def _seen(scenario: Scenario, store: Keeper, warnings: _Counter) -> dict[str, Any]:
    """Return what the chain looks like from this process, with the time of the machine's clock."""
    return {
        "at": time.monotonic(),
        "active": scenario.chain.active_index,
        "parked": scenario.parked,
        "away": store.away is not None,
        "warnings": warnings.count,
    }


def _asked(scenario: Scenario) -> dict[str, Any]:
    """Make one call; return the text, the seconds, and what the caller saw if it failed."""
    outcome = scenario.ask()
    return {
        "text": outcome.text,
        "seconds": outcome.seconds,
        "error": None if outcome.error is None and not outcome.hung else outcome.words,
    }


def _under_load(scenario: Scenario, seconds: float) -> dict[str, Any]:
    """Let callers ask side by side, each one call after the other, for some seconds.

    Return how many calls were served, how many were lost, and what three of those saw.
    """
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
