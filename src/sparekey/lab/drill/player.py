"""One of the processes that play rows in virtual time: `python -m sparekey.lab.drill.player`.

It reads one order a line from standard input, as JSON, and answers each with one line. The first line says whose settings hold.
"""

from __future__ import annotations

import json
import logging
import sys

from sparekey.config.files import Config
from sparekey.lab.drill.profile import Profile
from sparekey.lab.drill.runner import completed, play
from sparekey.lab.drill.table import EVERY_ROW


def main() -> None:
    """Play until standard input ends."""
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
