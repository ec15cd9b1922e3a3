"""Write for type checkers what is only made at run time.

- `src/sparekey/__init__.pyi`: the public names, which are loaded lazily, from the table in
  `__init__.py`;
- the fields of `config.knobs.Knobs` and `engine.limits.Limits`, from those of `core.policy.Policy`.
"""

from __future__ import annotations

import ast
from pathlib import Path

import sparekey
from sparekey.core.policy import KNOBS

PACKAGE = Path(sparekey.__file__).parent

HEAD = "# The public names for type checkers; tools/stub.py writes them from the table in __init__.py.\n\n"


def stub() -> str:
    homes: dict[str, list[str]] = {}
    for name, module in sparekey._HOME_OF.items():  # noqa: SLF001 - the table itself
        homes.setdefault(module, []).append(name)
    lines = [f"from {module} import {name} as {name}" for module in sorted(homes) for name in sorted(homes[module])]
    return HEAD + "\n".join(lines) + "\n\n__version__: str\n"


def fields_of(source: str, name: str) -> list[ast.AnnAssign]:
    """Return the fields of the class `name` of a module."""
    found = next(node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef) and node.name == name)
    return [one for one in found.body if isinstance(one, ast.AnnAssign)]


def with_fields(source: str, name: str, fields: list[str]) -> str:
    """Return the module's source with these fields in the class `name`, in place of its own."""
    lines, own = source.splitlines(), fields_of(source, name)
    first, last = own[0].lineno - 1, own[-1].end_lineno or 0
    return "\n".join([*lines[:first], *(" " * own[0].col_offset + field for field in fields), *lines[last:]]) + "\n"


def write_fields() -> None:
    """Write the fields of `Policy` into the two classes that stand for it.

    A configuration file says 0 where the policy says None.
    """
    kinds = {one.target.id: ast.unparse(one.annotation) for one in fields_of((PACKAGE / "core/policy.py").read_text("utf-8"), "Policy")}
    written = {name: "float" if KNOBS[name].off is not None else kind for name, kind in kinds.items()}
    for module, name, fields in (
        ("config/knobs.py", "Knobs", [f"{field}: {kind} = _DEFAULT" for field, kind in written.items()]),
        ("engine/limits.py", "Limits", [f"{field}: {kind}" for field, kind in kinds.items()]),
    ):
        path = PACKAGE / module
        path.write_text(with_fields(path.read_text("utf-8"), name, fields), encoding="utf-8")


if __name__ == "__main__":
    write_fields()
    (PACKAGE / "__init__.pyi").write_text(stub(), encoding="utf-8")
