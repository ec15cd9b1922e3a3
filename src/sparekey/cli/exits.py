"""Exit codes. Their meaning never changes; `docs/cli.md` lists them."""

from typing import Final

OK: Final = 0
"""It worked; of `check`: every chain could serve."""
FAILED: Final = 1
"""The request failed: no credential worked, a provider refused it, a chain could not serve."""
USAGE: Final = 2
"""The user has to change something: the command, its input, the configuration, an extra."""
BUG: Final = 70
"""A bug in sparekey (`EX_SOFTWARE` of sysexits.h)."""
INTERRUPTED: Final = 130
"""Ctrl-C, as shells report it."""
