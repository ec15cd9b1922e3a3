"""A process that plays rows in virtual time: `python -m sparekey.lab.drill.player`.

Both directions carry one JSON value a line. The first line on standard input holds the
configuration and the profile; each further line is an order (row, mode, part of the cases). The
process answers each order with one line: the run. `sparekey.lab.drill.players` is the other end.
"""

from __future__ import annotations

import json
import logging
import sys

from sparekey.config.files import Config
from sparekey.lab.drill.row import Profile
from sparekey.lab.drill.runner import completed, play
from sparekey.lab.drill.table import EVERY_ROW


def main() -> None:
    """Play orders until standard input ends."""
    logging.getLogger("sparekey").addHandler(logging.NullHandler())
    begin = json.loads(sys.stdin.readline())
    config, profile = completed(Config.model_validate(begin["config"])), Profile(**begin["profile"])
    rows = {row.id: row for row in EVERY_ROW}
    for line in sys.stdin:
        order = json.loads(line)
        run = play(config, rows[order["row"]], order["mode"], profile, tuple(order["part"]))
        sys.stdout.write(json.dumps(run.as_dict()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
