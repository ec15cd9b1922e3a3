"""Variables in the texts of a configuration: `${NAME}` stands for what the environment holds.

Keys are not read here: `${NAME}` in the place of a key is a reference (see `secrets`), looked up when the key is needed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sparekey.config.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.config.faults import Path

KEYS: Final = frozenset({"api_key", "ak", "sk", "key", "admin_key", "proxy"})
"""Names under which a key stands."""
_SECTIONS: Final = ("vlm", "embedding", "gateway")
_BODIES: Final = frozenset({"extra_request_body", "extra_body", "rules"})
"""Names under which a dollar may be just that."""
_NAMED: Final = re.compile(r"\$\{(\w+)\}", re.ASCII)


def expanded(data: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[dict[str, Any], list[Fault]]:
    """Return a configuration with its variables replaced, and a fault for each that is not set.

    Args:
        data: the content of a file.
        environ: the environment.
    """
    faults: list[Fault] = []
    found = {name: _walked(value, (name,), environ, faults) if name in _SECTIONS else value for name, value in data.items()}
    return found, faults


def _walked(value: Any, path: Path, environ: Mapping[str, str], faults: list[Fault]) -> Any:
    if isinstance(value, dict):
        return {name: inner if name in _BODIES else _walked(inner, (*path, str(name)), environ, faults) for name, inner in value.items()}
    if isinstance(value, list):
        return [_walked(inner, (*path, index), environ, faults) for index, inner in enumerate(value)]
    if not isinstance(value, str) or "${" not in value or path[-1] in KEYS:
        return value
    return _NAMED.sub(lambda found: looked_up(found, found[1], path, environ, faults), value)


def looked_up(found: re.Match[str], name: str, path: Path, environ: Mapping[str, str], faults: list[Fault]) -> str:
    """Return what a variable holds; where it is not set, note the fault and leave the text as it is."""
    if name in environ:
        return environ[name]
    faults.append(Fault(path, f"the environment variable {name} is not set; export it, or write its value"))
    return found[0]
