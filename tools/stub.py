"""Write src/sparekey/__init__.pyi from the table of public names, so that type checkers see what is loaded lazily."""

from __future__ import annotations

from pathlib import Path

import sparekey

HEAD = "# The public names for type checkers; tools/stub.py writes them from the table in __init__.py.\n\n"


def stub() -> str:
    homes: dict[str, list[str]] = {}
    for name, module in sparekey._HOME_OF.items():  # noqa: SLF001 - the table itself
        homes.setdefault(module, []).append(name)
    lines = [f"from {module} import {name} as {name}" for module in sorted(homes) for name in sorted(homes[module])]
    return HEAD + "\n".join(lines) + "\n\n__version__: str\n"


if __name__ == "__main__":
    Path(sparekey.__file__).with_suffix(".pyi").write_text(stub(), encoding="utf-8")
