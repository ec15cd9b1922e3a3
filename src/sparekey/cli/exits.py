"""Exit codes. Their meaning never changes; `docs/cli.md` lists them."""

from typing import Final

OK: Final = 0
"""It worked; of `check`: every chain could serve."""
FAILED: Final = 1
"""The request failed: all credentials failed, the provider refused it, or a chain could not serve."""
USAGE: Final = 2
"""The caller has to change something: the command, its input, the configuration, a missing extra."""
BUG: Final = 70
"""A bug in sparekey (`EX_SOFTWARE` of sysexits.h)."""
INTERRUPTED: Final = 130
"""Ctrl-C, as shells report it."""
