"""What the tests of the drill share."""

from __future__ import annotations

from drill_verdicts import NOT_YET

from sparekey.drill import ROWS, Verdict, run
from sparekey.drill.runner import FAST, Profile

SLOW = Profile(scale=1.0, load=2.0)


def ids(family):
    """The rows of a family, by id."""
    return [row.id for row in ROWS if row.id[0] in family]


def played(family):
    """Play the rows of some families against the built-in chains; the results by id.

    Rows about silences compare times. One that does not hold on a busy machine is played once more by itself, in slow time: what is wrong
    stays wrong.
    """
    results = {result.row.id: result for result in run(None, [row for row in ROWS if row.id[0] in family], FAST)}
    for row in [result.row for result in results.values() if result.verdict is not expected(result.row.id)]:
        results[row.id] = run(None, [row], SLOW)[0]
    return results


def expected(row_id):
    """The verdict that a row has today."""
    return NOT_YET.get(row_id, (Verdict.PASS,))[0]
