"""What the tests of the drill share."""

from __future__ import annotations

from drill_verdicts import NOT_YET

from sparekey.drill import ROWS, Verdict, run
from sparekey.drill.runner import FAST


def ids(family):
    """The rows of a family, by id."""
    return [row.id for row in ROWS if row.id[0] in family]


def played(family):
    """Play the rows of some families against the built-in chains, once; the results by id."""
    return {result.row.id: result for result in run(None, [row for row in ROWS if row.id[0] in family], FAST)}


def expected(row_id):
    """The verdict that a row has today."""
    return NOT_YET.get(row_id, (Verdict.PASS,))[0]
