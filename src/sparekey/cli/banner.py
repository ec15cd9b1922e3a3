"""The banner of `sparekey serve`: addresses, who may use it, where the state is, how to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from sparekey.cli import render

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rich.console import Console

    from sparekey.config.gateway import GatewayConfig
    from sparekey.gateway.api.served_chains import Served

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
