"""What the tests of the drill share."""

from __future__ import annotations

from dataclasses import replace

import pytest
from drill_verdicts import NOT_YET, NOT_YET_THROUGH

from sparekey.lab.drill import GATEWAY_ROWS, ROWS, Verdict, run
from sparekey.lab.drill.runner import FAST, Profile

SLOW = Profile(scale=1.0, load=2.0)
PROCESSES = {"M08", "M09", "M10"}
"""Rows that load processes for seconds: for `make test-slow`. tests/stores/test_stores_processes.py holds the same."""
THROUGH_SLOWLY = {"K16", "C02", "C04", "X02", "X03", "X04"}
"""As above, through the gateway: hundreds of poisoned requests, a thousand connections, two thousand streams, hundreds of megabytes.
tests/gateway/test_gateway_strangers.py and test_gateway_long_bodies.py hold the same with less."""
ELSEWHERE = {"M08", "M09", "M10"}
"""Rows that start processes with a gateway in each: tests/gateway/test_gateway_stores.py and test_gateway_restart.py hold the same."""


def rows(family, *, gateway=False):
    """Rows of some families as one test plays them: (row, whether it is slow).

    In this process, a row is quick in one of its ways, by turns; the other ways are for `make test-slow`.
    """
    found = []
    for row in GATEWAY_ROWS if gateway else ROWS:
        if row.id[0] not in family or (gateway and row.id in ELSEWHERE):
            continue
        if gateway:
            found.append((row, row.id in THROUGH_SLOWLY))
        else:
            turn = int(row.id[1:]) % len(row.modes)
            found += [(replace(row, modes=(mode,)), at != turn or row.id in PROCESSES) for at, mode in enumerate(row.modes)]
    return found


def named(row):
    """How the tests call a row: its id, and the way in which it is played."""
    return row.id if row.modes == ("gateway",) else f"{row.id}-{row.modes[0]}"


def params(family, *, gateway=False):
    """The rows of some families, for a test of each; some of them are slow."""
    return [pytest.param(named(row), marks=[pytest.mark.slow] if slow else []) for row, slow in rows(family, gateway=gateway)]


class Played(dict):
    """The results of rows of some families, by name. Those that are not slow are played at once, the others when they are asked for.

    Rows about silences compare times. One that does not hold on a busy machine is played once more by itself, in slow time: what is wrong
    stays wrong.
    """

    def __init__(self, family, *, gateway=False, config=None):
        self._config = config
        self._expected = NOT_YET_THROUGH if gateway else NOT_YET
        found = rows(family, gateway=gateway)
        self._slow = {named(row): row for row, slow in found if slow}
        soon = [row for row, slow in found if not slow]
        super().__init__((named(row), self._settled(result)) for row, result in zip(soon, run(config, soon, FAST), strict=True))

    def __missing__(self, name):
        self[name] = self._settled(run(self._config, [self._slow[name]], FAST)[0])
        return self[name]

    def _settled(self, result):
        wanted = self._expected.get(result.row.id, (Verdict.PASS,))[0]
        return result if result.verdict is wanted else run(self._config, [result.row], SLOW)[0]


def expected(name, *, gateway=False):
    """The verdict that a row has today."""
    return (NOT_YET_THROUGH if gateway else NOT_YET).get(name.partition("-")[0], (Verdict.PASS,))[0]
