"""What the tests of the drill share."""

from __future__ import annotations

from drill_verdicts import NOT_YET, NOT_YET_THROUGH

from sparekey.lab.drill import GATEWAY_ROWS, ROWS, Verdict, run
from sparekey.lab.drill.runner import FAST, Profile

SLOW = Profile(scale=1.0, load=2.0)


def rows(family, *, gateway=False):
    """The rows of some families."""
    return [row for row in (GATEWAY_ROWS if gateway else ROWS) if row.id[0] in family]


def ids(family, *, gateway=False):
    """The ids of the rows of some families."""
    return [row.id for row in rows(family, gateway=gateway)]


def played(family, *, gateway=False, without=()):
    """Play the rows of some families against the built-in chains, or a gateway that serves them; the results by id.

    Rows about silences compare times. One that does not hold on a busy machine is played once more by itself, in slow time: what is wrong
    stays wrong.
    """
    results = {result.row.id: result for result in run(None, [row for row in rows(family, gateway=gateway) if row.id not in without], FAST)}
    for row in [result.row for result in results.values() if result.verdict is not expected(result.row.id, gateway=gateway)]:
        results[row.id] = run(None, [row], SLOW)[0]
    return results


def expected(row_id, *, gateway=False):
    """The verdict that a row has today."""
    return (NOT_YET_THROUGH if gateway else NOT_YET).get(row_id, (Verdict.PASS,))[0]
