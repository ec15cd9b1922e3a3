"""Where `sparekey serve` keeps what survives a restart: the chains' state and their history.

Each is a file. Without a `store` both lie in the service's state folder (systemd's
`StateDirectory=`), else in the user's. Their names come from the configuration's path: two gateways
never share a file by accident, and a restarted one finds its own.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from sparekey.stores.address import MEMORY, SQLITE, StoreAddress, address_of
from sparekey.stores.base import StoreAwayError
from sparekey.stores.database import telling
from sparekey.stores.opening import open_store, sqlite_path

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST: Final = 40


class StateFiles(NamedTuple):
    """Where state and history are kept.

    Attributes:
        store: the address of the store, which hides its password; None: each process keeps its
            state in memory.
        history: the file of the history; None: no history.
        fault: why something that should be kept cannot be; "" if all is well.
    """

    store: StoreAddress | None = None
    history: Path | None = None
    fault: str = ""


def place_of(file: Path, store: str | StoreAddress | None, environ: Mapping[str, str] = os.environ) -> StateFiles:
    """Return where a gateway keeps state and history; create the folder.

    Args:
        file: its configuration.
        store: the address of a store; None: the usual place.
        environ: the environment, whose variables name the state folder.

    Raises:
        ConfigError: the store cannot be used as its address says.
        MissingExtraError: the store needs an extra.
    """
    address = None if store is None else address_of(store)
    if address is not None and address.kind == MEMORY:
        return StateFiles()
    if address is not None and address.kind == SQLITE:
        path = sqlite_path(address.reveal())
        return StateFiles(address, path.with_name(f"{path.stem}-history.db"))
    if address is not None:
        open_store(address).close()  # report a bad address now
    try:
        path = _made(file, environ)
    except (StoreAwayError, RuntimeError) as exc:  # the latter: nobody knows where this user is at home
        return StateFiles(address, None, _remedy(exc, address))
    return StateFiles(address or StoreAddress(f"sqlite:///{quote(str(path))}"), path.with_name(f"{path.stem}-history.db"))


def _remedy(exc: Exception, store: StoreAddress | None) -> str:
    if store is not None:
        return f"the history cannot be kept: {exc}. Set STATE_DIRECTORY to a folder that can be written, to keep it."
    return (
        f"the state cannot be kept: {exc}. What is known of the credentials lives in memory, and is lost when the gateway stops. "
        'Set gateway.store to "sqlite:////path/to/state.db", or STATE_DIRECTORY to a folder that can be written; store = "memory" says '
        "that it is meant so."
    )


def _made(file: Path, environ: Mapping[str, str]) -> Path:
    """Create the file of the state, readable for its owner only, and return its path.

    Raises:
        StoreAwayError: it cannot be written.
        RuntimeError: there is no home.
    """
    folder = folder_of_states(environ)
    with telling():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{name_of(file)}.db"
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    return path


def folder_of_states(environ: Mapping[str, str]) -> Path:
    """Return the state folder of this service or user.

    Raises:
        RuntimeError: there is no home.
    """
    if given := environ.get("STATE_DIRECTORY", "").partition(":")[0]:  # systemd's own: nobody else's files are there
        return Path(given)
    if (given := environ.get("XDG_STATE_HOME", "")) and Path(given).is_absolute():
        return Path(given) / "sparekey"
    if os.name == "nt" and (given := environ.get("LOCALAPPDATA", "")):
        return Path(given) / "sparekey"
    return Path.home() / ".local" / "state" / "sparekey"


def name_of(file: Path) -> str:
    """Return the stem of a configuration's files: its name and a digest of its whole path."""
    whole = file.absolute()
    plain = "".join(c if c.isalnum() or c in "-_" else "-" for c in whole.stem)[:_LONGEST]
    return f"{plain}-{hashlib.sha256(os.fsencode(whole)).hexdigest()[:8]}"
