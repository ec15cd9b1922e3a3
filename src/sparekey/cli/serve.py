"""`sparekey serve`: the gateway."""

from __future__ import annotations

import hashlib
import logging
import secrets
from typing import TYPE_CHECKING

from sparekey.cli import render
from sparekey.cli.settings import opened
from sparekey.errors import MissingExtraError
from sparekey.masking import mask

if TYPE_CHECKING:
    from pathlib import Path

    from sparekey.gateway.server import Settings


def run_serve(path: Path | None, *, host: str | None, port: int | None, workers: int | None, store: str | None) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        path: the configuration; None: the one that is found.
        host: the address to listen on, instead of the configured one.
        port: the port, instead of the configured one.
        workers: how many processes, instead of the configured number.
        store: where the state is kept, instead of the configured place.

    Raises:
        ConfigError: the configuration is wrong, or the address is taken.
        MissingExtraError: the gateway's packages are not installed.
    """
    file, _ = opened(path)
    try:
        from sparekey.gateway import server  # noqa: PLC0415 - its packages are an extra
    except ImportError as exc:
        if (exc.name or "").partition(".")[0] == "sparekey":
            raise
        raise MissingExtraError("the gateway", "gateway") from None
    settings = server.Settings(file, host=host, port=port, workers=workers, store=store, keep=True)
    _introduced(settings)


def _introduced(settings: Settings) -> None:
    """Say where it listens and what it serves, then do."""
    from sparekey.config.files import chains  # noqa: PLC0415 - as above
    from sparekey.gateway import server  # noqa: PLC0415 - as above

    config, found = settings.read()
    bound = server.bind(found)
    address = server.address(found, bound)
    server.log_to_stderr()
    names = ", ".join(".".join(map(str, section)) for section, _ in chains(config))
    render.note(f"serving {names} at {address} (OpenAI clients: base_url={address}/v1); Ctrl-C stops")
    _kept(settings)
    if not found.clients:
        render.note("no client keys are configured: only programs on this machine are served")
    server.run(settings, bound)


def _kept(settings: Settings) -> None:
    """Say where the state is kept, and the history."""
    place = settings.place()
    if place.fault:
        logging.getLogger("sparekey").warning(place.fault)
    if place.store is not None:
        history = f", history in {place.history}" if place.history else ""
        render.note(f"state in {_bare(place.store)}{history}")
    elif not place.fault:
        render.note("state in memory: what is known of the credentials is lost when the gateway stops")


def _bare(address: str) -> str:
    """Return the address of a store without user, password and settings."""
    scheme, _, rest = address.partition("?")[0].partition("://")
    return mask(f"{scheme}://{rest.rpartition('@')[2]}")


def new_key() -> None:
    """Print a key for a client, and what to write into the configuration for it."""
    key = f"spk-{secrets.token_urlsafe(32)}"
    print(f"key         {key}")
    print(f"key_sha256  {hashlib.sha256(key.encode()).hexdigest()}")
    render.note("give the key to the client, write key_sha256 into [[gateway.clients]]; the key is not kept anywhere")
