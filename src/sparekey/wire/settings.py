"""A backend's plain configuration, which shows names and no keys when it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, overload

from sparekey.types import Secret

NO_KEY: Final = "none"
"""What an SDK gets where a server of one's own asks for no key: without any it would take one from the environment, or refuse."""
_KEYS: Final = ("api_key", "ak", "sk")
_NESTED: Final = ("extra_headers", "extra_request_body", "extra_body")
"""What operators add to requests: it may hold keys, too."""


class Guarded(dict[str, Any]):
    """A dictionary that shows its names only."""

    def __repr__(self) -> str:
        return f"<values of {', '.join(map(str, self))}>"


def guarded(config: Mapping[str, Any]) -> Guarded:
    """Return a copy of a configuration: its keys are `Secret`s, and neither it nor the headers and fields in it show values."""
    copy = Guarded(config)
    copy.update({name: Secret(copy[name]) for name in _KEYS if isinstance(copy.get(name), str)})
    copy.update({name: Guarded(copy[name]) for name in _NESTED if isinstance(copy.get(name), Mapping)})
    return copy


@overload
def reveal(key: str | Secret) -> str: ...
@overload
def reveal(key: str | Secret | None) -> str | None: ...
def reveal(key: str | Secret | None) -> str | None:
    """Return a key's value, to put a client together."""
    return key.reveal() if isinstance(key, Secret) else key
