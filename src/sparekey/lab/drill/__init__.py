"""The fault catalogue, played against a configuration: simulated providers stand in the places of the real ones.

`run()` plays the rows and returns a `Result` each; `ROWS` is the table of them, `GATEWAY_ROWS` that for the gateway, `EVERY_ROW` that for
both. See docs/drill.md.
"""

from sparekey.lab.drill.fixtures import BUILT_IN
from sparekey.lab.drill.row import Result, Row, Run
from sparekey.lab.drill.runner import Profile, run
from sparekey.lab.drill.table import EVERY_ROW, GATEWAY_ROWS, NOT_RUN, NOT_THROUGH, ROWS
from sparekey.lab.drill.verdict import Check, Verdict

__all__ = [
    "BUILT_IN",
    "EVERY_ROW",
    "GATEWAY_ROWS",
    "NOT_RUN",
    "NOT_THROUGH",
    "ROWS",
    "Check",
    "Profile",
    "Result",
    "Row",
    "Run",
    "Verdict",
    "run",
]
