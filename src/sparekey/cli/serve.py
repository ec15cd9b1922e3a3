"""`sparekey serve`: the gateway."""

from __future__ import annotations

import hashlib
import logging
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from sparekey.cli import render
from sparekey.cli.inputs import named
from sparekey.cli.problems import CannotListenError
from sparekey.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from rich.console import Console

    from sparekey.config import Config
    from sparekey.config.gateway import GatewayConfig
    from sparekey.gateway.api.served_chains import Served
    from sparekey.gateway.process.serve_settings import ServeSettings

_CLIENTS: Final = {
    "openai": 'OpenAI(base_url="{url}/v1", api_key="{key}")',
    "anthropic": 'Anthropic(base_url="{url}", api_key="{key}")',
    "gemini": 'genai.Client(http_options={{"base_url": "{url}"}}, api_key="{key}")',
}
"""How to create a client of each wire in Python."""
_EVERYWHERE: Final = ("//0.0.0.0:", "//[::]:")


def greet(console: Console, chains: Mapping[str, Served], found: GatewayConfig, address: str, kept: Iterable[tuple[str, str]]) -> None:
    """Print the banner.

    Args:
        console: where to print.
        chains: the chains by name.
        found: the settings of the gateway.
        address: the URL at which it listens.
        kept: rows of what is kept (state, history) and where.
    """
    count = "one chain" if len(chains) == 1 else f"{len(chains)} chains"
    console.print(Text.assemble(("sparekey serves ", ""), (f"{count} at {address}", "bold")), soft_wrap=True)
    width, mixed = max(map(len, chains)), len({chain.wire for chain in chains.values()}) > 1
    for chain in chains.values():
        ids = ", ".join(c.id for c in chain.chain.credentials)
        also = f"  (also called {', '.join(chain.names[1:])})" if chain.names[1:] else ""
        wire = f"  for {chain.wire} clients" if mixed else ""
        console.print(Text(render.clean(f"  {chain.name:<{width}}  {ids}{also}{wire}")), soft_wrap=True)
    render.facts(console, _rows(chains.values(), found, address, kept))


def _rows(chains: Iterable[Served], found: GatewayConfig, address: str, kept: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    url, key = _reached(address), "the client's key" if found.clients else "-"
    for wire in dict.fromkeys(chain.wire for chain in chains):
        yield "client", _CLIENTS[wire].format(url=url, key=key)
    yield "model", "the name of a chain"
    yield "console", f"{url}/console{_guard(found)}"
    yield "keys", _keys(found)
    yield from kept
    yield "workers", "" if found.workers == 1 else str(found.workers)
    yield "stop", f"Ctrl-C; running requests have {render.duration(found.stop_timeout)}"


def _reached(address: str) -> str:
    """Return an address that a browser on this machine can open: `0.0.0.0` becomes `localhost`."""
    for every in _EVERYWHERE:
        address = address.replace(every, "//localhost:")
    return address


def _guard(found: GatewayConfig) -> str:
    if found.admin_key or found.admin_key_sha256:
        return " (asks for the admin key)"
    return " (from this machine only, and read-only: set admin_key)" if found.clients else " (read-only without admin_key)"


def _keys(found: GatewayConfig) -> str:
    if not found.clients:
        return "none: only programs on this machine are served; `sparekey serve --new-key` makes one"
    return f"of {', '.join(client.name for client in found.clients)}"


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
        from sparekey.gateway.process import serve_settings, server  # noqa: F401, PLC0415 - its packages are an extra
    except ImportError as exc:
        if (exc.name or "").partition(".")[0] == "sparekey":
            raise
        raise MissingExtraError("the gateway", "gateway") from None
    _introduced(serve_settings.ServeSettings(file, host=host, port=port, workers=workers, store=store, keep=True))


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
