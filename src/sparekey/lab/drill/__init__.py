"""The fault drill: it plays the fault catalogue against a configuration.

Simulated providers take the places of the real ones. `run()` plays rows and returns one `Result`
for each. `ROWS` holds the rows for a chain in this process, `GATEWAY_ROWS` those for the gateway,
and `EVERY_ROW` both. docs/drill.md describes the catalogue.
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
