"""Open a store by its address."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from sparekey.errors import ConfigError
from sparekey.stores.address import MEMORY, SQLITE, StoreAddress, address_of
from sparekey.stores.keeper import PATIENCE, POLL, Keeper

if TYPE_CHECKING:
    from sparekey.stores.base import Store


def open_store(url: str | StoreAddress, *, poll: float = POLL, patience: float = PATIENCE) -> Keeper:
    """Return the store of an address, for `Chain(..., store=...)`.

    A store that is away is no error: chains start without it, and join it when it comes back.

    Args:
        url: `memory`, `sqlite:///relative/file.db` (`sqlite:////absolute/file.db`),
            `redis://[user:password@]host:port/db`, `redis+sentinel://host:port,host:port/SERVICE`,
            `redis+cluster://host:port,host:port`, or `unix:///path/to/socket`. `rediss` in the
            place of `redis` is TLS; `valkey` and `valkeys` are the same two.
        poll: seconds between two looks at the store.
        patience: the most seconds that a change waits for the store.

    Raises:
        ConfigError: the address is none of these, or cannot be used.
        MissingExtraError: the address needs the extra `redis`.
    """
    return Keeper(_store(url), poll=poll, patience=patience)


def _store(url: str | StoreAddress) -> Store:
    """Return the store that the address names."""
    address = address_of(url)
    if address.kind == MEMORY:
        from sparekey.stores.memory import MemoryValues  # noqa: PLC0415 - each store is loaded when it is asked for

        return MemoryValues()
    if address.kind == SQLITE:
        from sparekey.stores.sqlite import SQLiteStore  # noqa: PLC0415

        return SQLiteStore(sqlite_path(address.reveal()))
    from sparekey.stores.redis import RedisStore  # noqa: PLC0415

    return RedisStore(address)


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
