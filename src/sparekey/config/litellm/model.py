"""The result of a conversion, one deployment, and small functions that read a file tolerantly."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sparekey.config.litellm.tables import ENVIRON, WHY

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Converted:
    """What became of a LiteLLM configuration.

    Attributes:
        config: the configuration.
        left_out: what has no counterpart, and why, a line each.
        to_do: what a person has to do or to know before it works, a line each.
    """

    config: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    to_do: list[str] = field(default_factory=list)

    def leave(self, where: str, why: str = "") -> None:
        """Note what is left out; the last part of its path says why."""
        self._once(self.left_out, f"{where}: {why or WHY.get(where.rpartition('.')[2], 'has no counterpart')}")

    def ask(self, where: str, what: str) -> None:
        """Note what a person has to do or to know."""
        self._once(self.to_do, f"{where}: {what}")

    @staticmethod
    def _once(lines: list[str], line: str) -> None:
        if line not in lines:
            lines.append(line)


@dataclass(slots=True)
class Deployment:
    """One entry of `model_list`.

    Attributes:
        group: its `model_name`, by which clients call it.
        where: its place in the file, for messages.
        embedding: whether it embeds.
        order: its `order`; infinite where it has none.
        credential: the credential that it becomes.
        dialect: the format that its host speaks; empty: none that requests can be passed on in.
        space: what tells its vector space.
        dimension: the length of its vectors, if it is set.
        timeout: seconds for one attempt, if they are set.
        mode: what its model does, in LiteLLM's words.
    """

    group: str
    where: str
    embedding: bool
    order: float
    credential: dict[str, Any]
    dialect: str
    space: str = ""
    dimension: float | None = None
    timeout: float | None = None
    mode: str = "chat"


def table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a part of the file, empty if it is none."""
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def listed(value: Any) -> list[Any]:
    """Return a list as it is, and an empty one for anything else."""
    return value if isinstance(value, list) else []


def without_nothing(value: Any) -> Any:
    """Return a value without what is null in it: TOML has no word for that."""
    if isinstance(value, dict):
        return {str(name): without_nothing(inner) for name, inner in value.items() if inner is not None}
    return [without_nothing(inner) for inner in value if inner is not None] if isinstance(value, list) else value


def number(value: Any) -> float | None:
    """Return a number as it is, and None for anything else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def text(value: Any, where: str, environ: Mapping[str, str], done: Converted) -> str | None:
    """Return a setting that is no key. `os.environ/NAME` becomes the value of the variable; `${NAME}` if it is not set here."""
    if value is None or not str(value).startswith(ENVIRON):
        return None if value is None else str(value)
    name = str(value).removeprefix(ENVIRON)
    if not environ.get(name):
        done.ask(where, f"{name} is not set here; export it where the gateway runs")
        return f"${{{name}}}"
    return environ[name]


def variable_text(value: Any) -> str:
    """Return a text that may hold a key, with a reference in the place of a variable's value."""
    found = str(value)
    return f"${{{found.removeprefix(ENVIRON)}}}" if found.startswith(ENVIRON) else found


def reference(key: Any, where: str, done: Converted, variable: str = "") -> str | None:
    """Return a reference to a key. A key that stands in the file itself stays there: a reference to a variable takes its place."""
    if key is None:
        return None
    if str(key).startswith(ENVIRON):
        return f"env:{str(key).removeprefix(ENVIRON)}"
    name = variable or re.sub(r"\W+", "_", where.replace("litellm_params", "")).strip("_").upper()
    done.ask(where, f"the key stands in the file itself and was not taken over; put it into the variable {name}")
    return f"env:{name}"
