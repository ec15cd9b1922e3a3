"""Former names of modules, which work until 1 June 2027.

Importing a former name gives the module itself, and a warning with its new name. The finder below
stands first in `sys.meta_path`; otherwise Python would load a second copy of modules in a package
that moved.
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
    "sparekey.gateway.server": "sparekey.gateway.process.server",
    "sparekey.gateway.draining": "sparekey.gateway.process.draining",
}
"""The former names of packages and modules, and their names now. Submodules moved along."""


class FormerHomes:
    """Finds and loads modules by former names.

    It does without `importlib.abc`, which would take longer to import than `sparekey` itself.
    """

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of a module that has moved; None for any other name."""
        del path, target
        now = new_name(fullname) if fullname.startswith("sparekey.") else None
        return None if now is None else ModuleSpec(fullname, self, loader_state=now)  # type: ignore[arg-type]  # it is a loader

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module with the new name: there is only one, whatever it is called."""
        now: str = spec.loader_state
        warnings.warn(f"{spec.name} is {now} now; the old name goes after {_UNTIL}", DeprecationWarning, stacklevel=2)
        module = import_module(now)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Restore the module's own spec, which the import by a former name has replaced."""
        if module.__spec__ is not None:
            module.__spec__ = module.__spec__.loader_state


def new_name(former: str) -> str | None:
    """Return the new name of a module; None if it has not moved."""
    for old, new in _HOMES.items():
        if former == old or former.startswith(f"{old}."):
            return new + former[len(old) :]
    return None


def install() -> None:
    """Install the finder; a second call changes nothing."""
    if not any(isinstance(finder, FormerHomes) for finder in sys.meta_path):
        sys.meta_path.insert(0, FormerHomes())
