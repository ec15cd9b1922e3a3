"""Open a store by its address; no other module knows how addresses are written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from sparekey.errors import ConfigError
from sparekey.masking import mask
from sparekey.stores.keeper import PATIENCE, POLL, Keeper

if TYPE_CHECKING:
    from sparekey.stores.base import Store

_REDIS: Final = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss", "unix": "unix"}
_FORMS: Final = "memory, sqlite:///path/to/file.db, redis://host:6379/0 (rediss:// with TLS, unix:///path/to/socket, valkey:// the same)"


def open_store(url: str, *, poll: float = POLL, patience: float = PATIENCE) -> Keeper:
    """Return the store of an address, for `Chain(..., store=...)`.

    A store that is away is no error: chains start without it, and join it when it comes back.

    Args:
        url: `memory`, `sqlite:///relative/file.db` (`sqlite:////absolute/file.db`),
            `redis://[user:password@]host:port/db`, `rediss://...`, `unix:///path/to/socket`, or
            `valkey://`, `valkeys://`.
        poll: seconds between two looks at the store.
        patience: the most seconds that a change waits for the store.

    Raises:
        ConfigError: the address is none of these, or cannot be used.
        MissingExtraError: the address needs the extra `redis`.
    """
    return Keeper(_store(url.strip()), poll=poll, patience=patience)


def refuse_unknown(url: str) -> None:
    """Refuse an address that names no kind of store; nothing is opened.

    Raises:
        ConfigError: it is none.
    """
    scheme, colon, rest = url.strip().partition(":")
    if not (scheme == "memory" and rest in {"", "//"}) and not (colon and scheme in {"sqlite", *_REDIS}):
        raise ConfigError(f"{mask(url.partition('?')[0])!r} is no store; write one of {_FORMS}")


def _store(url: str) -> Store:
    """Return the store that the address names."""
    refuse_unknown(url)
    scheme, _, rest = url.partition(":")
    if scheme == "memory":
        from sparekey.stores.memory import MemoryValues  # noqa: PLC0415 - each store is loaded when it is asked for

        return MemoryValues()
    if scheme == "sqlite":
        from sparekey.stores.sqlite import SQLiteStore  # noqa: PLC0415

        return SQLiteStore(sqlite_path(url))
    from sparekey.stores.redis import RedisStore  # noqa: PLC0415

    return RedisStore(f"{_REDIS[scheme]}:{rest}")


def sqlite_path(url: str) -> Path:
    """Return the file of a `sqlite:///` address.

    Raises:
        ConfigError: it names no file, or its folder does not exist.
    """
    parts = urlsplit(url)
    path = Path(unquote(parts.path).removeprefix("/")).expanduser()
    if parts.netloc or not parts.path.removeprefix("/") or parts.query:
        raise ConfigError(f"{url!r}: write sqlite:///relative/file.db or sqlite:////absolute/file.db")
    if path.name == ":memory:":
        raise ConfigError(f"{url!r} would be another store for each process; write memory")
    if path.is_dir() or not path.parent.is_dir():
        raise ConfigError(f"{url!r}: {path if path.is_dir() else path.parent} is no {'file' if path.is_dir() else 'folder'}")
    return path
