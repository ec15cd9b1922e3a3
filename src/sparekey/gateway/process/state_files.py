"""Where `sparekey serve` keeps what must survive it: a file for the state of the chains, one beside it for their history.

Without a `store` both lie in the folder of states: that of the service (systemd's `StateDirectory=`), else the person's own. They are named
after the configuration's file, so that two gateways do not meet by chance, and one that is started anew finds what it left.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from sparekey.stores.base import StoreAwayError
from sparekey.stores.database import telling
from sparekey.stores.opening import open_store, sqlite_path

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMORY: Final = "memory"
_LONGEST: Final = 40


class StateFiles(NamedTuple):
    """Where things are kept.

    Attributes:
        store: the address of the state; None: the memory of each process.
        history: the file of the history; None: it is not kept.
        fault: why something is not kept although it should be; "" if all is well.
    """

    store: str | None = None
    history: Path | None = None
    fault: str = ""


def place_of(file: Path, store: str | None, environ: Mapping[str, str] = os.environ) -> StateFiles:
    """Return where a gateway is to keep things, having made the folder.

    Args:
        file: its configuration.
        store: the store that is asked for; None: the usual place.
        environ: the variables that name the folder of states.

    Raises:
        ConfigError: the address of the store is none.
        MissingExtraError: the store needs an extra.
    """
    if store is not None and store.strip().partition(":")[0] == MEMORY:
        return StateFiles()
    if store is not None and store.strip().startswith("sqlite:"):
        path = sqlite_path(store.strip())
        return StateFiles(store, path.with_name(f"{path.stem}-history.db"))
    if store is not None:
        open_store(store).close()  # an address that is none is told now
    try:
        path = _made(file, environ)
    except (StoreAwayError, RuntimeError) as exc:  # the latter: nobody knows where this user is at home
        return StateFiles(store, None, _remedy(exc, store))
    return StateFiles(store or f"sqlite:///{quote(str(path))}", path.with_name(f"{path.stem}-history.db"))


def _remedy(exc: Exception, store: str | None) -> str:
    if store is not None:
        return f"the history cannot be kept: {exc}. Set STATE_DIRECTORY to a folder that can be written, to keep it."
    return (
        f"the state cannot be kept: {exc}. What is known of the credentials lives in memory, and is lost when the gateway stops. "
        'Set gateway.store to "sqlite:////path/to/state.db", or STATE_DIRECTORY to a folder that can be written; store = "memory" says '
        "that it is meant so."
    )


def _made(file: Path, environ: Mapping[str, str]) -> Path:
    """Return the file of the state, for its owner only. It is opened once to see that it can be.

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
    """Return the folder in which programs of this user, or of this service, keep their states.

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
    """Return what the files of a configuration are called: after it, and told apart from others of its name."""
    whole = file.absolute()
    plain = "".join(c if c.isalnum() or c in "-_" else "-" for c in whole.stem)[:_LONGEST]
    return f"{plain}-{hashlib.sha256(os.fsencode(whole)).hexdigest()[:8]}"
