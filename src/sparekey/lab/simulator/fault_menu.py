"""Faults by their plain names, for the console of `sparekey demo`: those that a person wants to watch a chain survive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.lab.simulator import faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sparekey.lab.simulator.faults import Fault

_WAIT: Final = 20
"""Seconds that the stated waits ask for: long enough to see, short enough to wait for."""
_FAULTS: Final[Mapping[str, Callable[[], Fault]]] = {
    "quota used up, back in 20 s": lambda: faults.quota(retry_after=_WAIT),
    "rate limit, 20 s": lambda: faults.rate_limit(retry_after=_WAIT),
    "key refused": faults.auth,
    "bill overdue": faults.overdue,
    "overloaded": faults.overloaded,
    "server error": faults.server_error,
    "model missing": faults.model_not_found,
    "connection reset": faults.reset,
    "silence": lambda: faults.hang(60),
    "slow start, 15 s": lambda: faults.slow_start(15),
    "stream cut after 20 tokens": lambda: faults.cut(after=20),
    "error that repeats the key": faults.echo_key,
}
HEALTHY: Final = "healthy"
NAMES: Final = (*_FAULTS, HEALTHY)
"""What can be chosen; the last one ends the others."""


def fault(name: str) -> Fault | None:
    """Return what a name of the menu stands for; None: the provider is well.

    Raises:
        KeyError: there is no such name.
    """
    return None if name == HEALTHY else _FAULTS[name]()
