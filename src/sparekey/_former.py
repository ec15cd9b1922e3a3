"""Modules under the names that they had until November 2026: importing one gives the module itself, and a warning with its new name.

Python asks the finder below first: else it would load a second copy of what lies in a package that moved. It goes, with its table, after
1 June 2027.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_UNTIL: Final = "1 June 2027"
_HOMES: Final = {
    "sparekey.failover": "sparekey.engine",
    "sparekey.simulator": "sparekey.lab.simulator",
    "sparekey.drill": "sparekey.lab.drill",
    "sparekey.stores.history": "sparekey.stats.history",
    "sparekey.retry": "sparekey.engine.retry",
    "sparekey.usage": "sparekey.stats.tokens",
    "sparekey.switching": "sparekey.compat.switching",
    "sparekey.vlm.pair": "sparekey.compat.failover_vlm",
}
"""The former name of a package or module, and its name now; what lies below a package moved with it."""


class FormerHomes:
    """Finds and loads modules by their former names; `importlib.abc` would cost more than `import sparekey`."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return how a module is had that moved; None for any other name."""
        del path, target
        now = new_name(fullname) if fullname.startswith("sparekey.") else None
        return None if now is None else ModuleSpec(fullname, self, loader_state=now)  # type: ignore[arg-type]  # it is a loader

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module under its new name: there is one of it, whatever it is called."""
        now: str = spec.loader_state
        warnings.warn(f"{spec.name} is {now} now; the old name goes after {_UNTIL}", DeprecationWarning, stacklevel=2)
        module = import_module(now)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own description back, which the import of the former name has replaced."""
        if module.__spec__ is not None:
            module.__spec__ = module.__spec__.loader_state


def new_name(former: str) -> str | None:
    """Return what a module is called now; None if it never moved."""
    for old, new in _HOMES.items():
        if former == old or former.startswith(f"{old}."):
            return new + former[len(old) :]
    return None


def install() -> None:
    """Let Python ask here first."""
    if not any(isinstance(finder, FormerHomes) for finder in sys.meta_path):
        sys.meta_path.insert(0, FormerHomes())
