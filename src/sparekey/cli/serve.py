"""`sparekey serve`: the gateway."""

from __future__ import annotations

import hashlib
import logging
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sparekey.cli import render
from sparekey.cli.banner import greet
from sparekey.cli.problems import CannotListenError
from sparekey.cli.settings import named
from sparekey.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sparekey.config import Config
    from sparekey.config.gateway import GatewayConfig
    from sparekey.gateway.api.served_chains import Served
    from sparekey.gateway.process.server import ServeSettings

_NOBODY: Any = None
"""Stands in for the connections while the command checks the configuration."""


def run_serve(path: Path | None, *, host: str | None, port: int | None, workers: int | None, store: str | None) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        path: the configuration; None: the one that is found.
        host: the address to listen on, instead of the configured one.
        port: the port, instead of the configured one.
        workers: how many processes, instead of the configured number.
        store: where the state is kept, instead of the configured place.

    Raises:
        NoConfigError: there is no configuration.
        ConfigError: it is wrong, or could not be served.
        CannotListenError: the address is taken, or is none of this machine's.
        MissingExtraError: the gateway's packages are not installed.
    """
    file = named(path)
    try:
        from sparekey.gateway.process import server  # noqa: PLC0415 - its packages are an extra
    except ImportError as exc:
        if (exc.name or "").partition(".")[0] == "sparekey":
            raise
        raise MissingExtraError("the gateway", "gateway") from None
    _introduced(server.ServeSettings(file, host=host, port=port, workers=workers, store=store, keep=True))


def _introduced(settings: ServeSettings) -> None:
    """Check the configuration, print the banner, then serve."""
    from sparekey.gateway.process import listening, server  # noqa: PLC0415 - as above

    listening.log_to_stderr()
    config, found = settings.read()
    try:
        chains, kept = _looked_over(config, found), _kept(settings)
    except ConfigError as exc:
        raise ConfigError(str(exc) if str(exc).startswith(str(settings.file)) else f"{settings.file}: {exc}") from None
    try:
        bound = listening.bind(found)
    except ConfigError as exc:
        raise CannotListenError(str(exc)) from None
    with suppress(KeyboardInterrupt):  # the usual end; running requests are answered by now
        greet(render.err(), chains, found, listening.address(found, bound), kept)
        server.run(settings, bound)


def _looked_over(config: Config, found: GatewayConfig) -> Mapping[str, Served]:
    """Return the chains. A fault that would kill a worker is reported here, before the banner.

    Raises:
        ConfigError: a key is missing, or a chain cannot be served.
    """
    from sparekey.gateway.api.access import Access  # noqa: PLC0415 - as above
    from sparekey.gateway.api.served_chains import serve  # noqa: PLC0415 - as above

    Access(found)
    return serve(config, _NOBODY)


def _kept(settings: ServeSettings) -> list[tuple[str, str]]:
    """Return where the state is kept, and where the history, for a person."""
    place = settings.place()
    if place.fault:
        logging.getLogger("sparekey").warning(place.fault)
    if place.store is None:
        return [("state", "in memory: lost when the gateway stops")]
    return [("state", place.store.label), ("history", str(place.history or ""))]


def new_key() -> None:
    """Print a new client key and its lines for the configuration."""
    key = f"spk-{secrets.token_urlsafe(32)}"
    print(f"key         {key}")
    print(f"key_sha256  {hashlib.sha256(key.encode()).hexdigest()}")
    render.note("give the key to the client, write key_sha256 into [[gateway.clients]]; the key is not kept anywhere")
