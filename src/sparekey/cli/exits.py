"""Exit codes: what they mean never changes. `docs/cli.md` lists them."""

from typing import Final

OK: Final = 0
"""It worked; of `check`: every chain could serve."""
FAILED: Final = 1
"""It could not be served: all credentials failed, the provider refused the request, a chain could not serve."""
USAGE: Final = 2
"""Something has to be changed here first: the command, its input, the configuration, a missing extra."""
BUG: Final = 70
"""An error of sparekey itself (`EX_SOFTWARE` of sysexits.h)."""
INTERRUPTED: Final = 130
"""Ctrl-C, as shells report it."""
