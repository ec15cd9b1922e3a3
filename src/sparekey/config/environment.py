"""Finds keys in an environment by the variables in the table of providers.

`found` returns names, never values of keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from sparekey.providers import PROVIDERS, KeyVariables, ProviderSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SPARE: Final = re.compile(r"_(\d{1,2}|SPARE|BACKUP|SECOND|SECONDARY)")
"""Suffixes of variables that hold further keys."""
_OLLAMA_PORT: Final = 11434


class KeyPlace(NamedTuple):
    """Where keys of a provider usually are: its row, and one entry of the row's `keys`."""

    row: ProviderSpec
    keys: KeyVariables

    @property
    def model(self) -> str | None:
        """A present chat model to begin with; None: it has none here."""
        return self.row.chat.suggested if self.row.chat else None

    @property
    def embedding(self) -> str | None:
        """A present embedding model to begin with; None: it has none here."""
        return self.row.embeddings.suggested if self.row.embeddings else None

    @property
    def needs_base(self) -> bool:
        """Tell whether nothing can be reached without the variable of the base URL."""
        return not self.keys.names or bool(self.row.chat and "api_base" in self.row.chat.needs)

    def __str__(self) -> str:
        names = " or ".join(self.keys.names or self.keys.base)
        return f"{names} with {self.keys.base[0]}" if self.keys.names and self.needs_base else names


USUAL: Final = tuple(
    one for row in PROVIDERS.values() for keys in row.keys if (one := KeyPlace(row, keys)).model is not None or one.embedding is not None
)
"""In the order in which they come into a chain: the servers of one's own last."""


@dataclass(frozen=True, slots=True)
class Found:
    """A key that is in the environment, by name; or a server that needs none.

    Attributes:
        usual: the row that it was found with.
        key: name of the variable; None: no key is needed.
        base: name of the variable of the base URL, if it is set.
        api_base: the base URL that goes with the key; None: the provider's default.
        model: the chat model to begin with.
        trouble: why it cannot be used; the empty string: it can.
    """

    usual: KeyPlace
    key: str | None
    base: str | None = None
    api_base: str | None = None
    model: str | None = None
    trouble: str = ""

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self.usual.row.name

    @property
    def named(self) -> str:
        """The variables, as a person is told of them."""
        return " + ".join(filter(None, (self.key, self.base)))


def found(environ: Mapping[str, str]) -> list[Found]:
    """Return the keys in an environment, in the table's order.

    A key under two names counts once.
    """
    seen: dict[str, str] = {}
    every: list[Found] = []
    for usual in USUAL:
        for key in _keys(usual.keys, environ):
            one = _one(usual, key, environ)
            twin = seen.setdefault(f"{environ[key]} {one.api_base}", key) if key else None
            every.append(one if twin == key else Found(usual, key, trouble=f"holds the same key as {twin}"))
    return every


def _keys(keys: KeyVariables, environ: Mapping[str, str]) -> Iterator[str | None]:
    if not keys.names and any(environ.get(name, "").strip() for name in keys.base):
        yield None
    for usual in keys.names:
        names = [name for name in environ if name == usual or (name.startswith(usual) and _SPARE.fullmatch(name[len(usual) :]))]
        yield from (name for name in sorted(names, key=lambda name: (len(name), name)) if environ[name].strip())


def _one(usual: KeyPlace, key: str | None, environ: Mapping[str, str]) -> Found:
    keys = usual.keys
    base = _first(keys.base, environ)
    deployment = _first(keys.deployment, environ)
    if base is None:
        trouble = f"needs {keys.base[0]}, which is not set" if usual.needs_base else ""
        return Found(usual, key, api_base=keys.api_base, model=usual.model, trouble=trouble)
    url = _ollama(environ[base]) if base == "OLLAMA_HOST" else environ[base].strip()
    model = environ[deployment].strip() if deployment else usual.model
    return Found(usual, key, base, url, model, "" if _sound(url) else f"{base} is no plain http or https URL")


def _first(names: tuple[str, ...], environ: Mapping[str, str]) -> str | None:
    return next((name for name in names if environ.get(name, "").strip()), None)


def _sound(url: str) -> bool:
    """Tell whether a configuration takes the URL; one with a password in it must not be written into a file."""
    try:
        parts = urlsplit(url)
        plain = url.isprintable() and " " not in url and not parts.username and not parts.password and (parts.port or True)
    except ValueError:
        return False
    return bool(plain and parts.scheme in {"http", "https"} and parts.hostname)


def _ollama(host: str) -> str:
    """Return the URL for what `OLLAMA_HOST` says: it may lack scheme and port, and name the address that a server binds to."""
    url = host.strip().rstrip("/")
    url = (url if "://" in url else f"http://{url}").replace("//0.0.0.0", "//127.0.0.1")
    try:
        has_port = urlsplit(url).port is not None
    except ValueError:
        return ""
    return url if has_port or url.startswith("https:") else f"{url}:{_OLLAMA_PORT}"
