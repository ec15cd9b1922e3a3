"""The console's host is the gateway: its chains with their books, its configuration, its store, its connections."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from sparekey.gateway.admin import Admin
from sparekey.gateway.book import Book
from sparekey.gateway.console.access import Door
from sparekey.gateway.console.host import Tried, Watched
from sparekey.gateway.metrics import Metrics
from sparekey.wire.table import understand

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from sparekey.failover import Chain
    from sparekey.gateway.app import Gateway
    from sparekey.gateway.served import Served
    from sparekey.simulator import Provider
    from sparekey.wire.model import Call

_QUESTION: Final = "Answer with the one word: yes"
_TURN: Final = [{"role": "user", "content": _QUESTION}]
_PARTS: Final = {"parts": [{"text": _QUESTION}]}
_JSON: Final = (b"content-type", b"application/json")
_TRIALS: Final[Mapping[tuple[str, str], tuple[bytes, tuple[bytes, bytes], Mapping[str, Any]]]] = {
    ("openai", "chat"): (b"/v1/chat/completions", _JSON, {"model": "any", "messages": _TURN}),
    ("openai", "embed"): (b"/v1/embeddings", _JSON, {"model": "any", "input": _QUESTION}),
    ("anthropic", "chat"): (b"/v1/messages", (b"anthropic-version", b"2023-06-01"), {"model": "any", "max_tokens": 16, "messages": _TURN}),
    ("gemini", "chat"): (b"/v1beta/models/any:generateContent", (b"x-goog-api-client", b"sparekey"), {"contents": [_PARTS]}),
    ("gemini", "embed"): (b"/v1beta/models/any:embedContent", (b"x-goog-api-client", b"sparekey"), {"content": _PARTS}),
}
"""The tiny request for a wire and a kind: path, the header that tells its format, body."""


def mounted(gateway: Gateway, file: Path | None = None, *, simulated: Iterable[Provider] = (), seal: bytes | None = None) -> Admin:
    """Return the console, the admin API and the metrics of a gateway, for `Gateway.admin`.

    Args:
        gateway: the gateway; its requests are counted from now on.
        file: where its configuration came from; shown.
        simulated: providers of a simulator; those that a credential points to can be given faults.
        seal: signs the sessions of browsers; workers that share a port need the same. Made anew if None.
    """
    metrics = Metrics(gateway)
    gateway.observers.append(metrics.observe)
    host = GatewayHost(gateway, metrics, file, simulated)
    return Admin(host, Door(lambda: gateway.state.access.admin_digest, seal=seal), metrics=metrics.text)


class GatewayHost:
    """The gateway as the console sees it."""

    def __init__(self, gateway: Gateway, metrics: Metrics, file: Path | None, simulated: Iterable[Provider]) -> None:
        """Follow the chains of a gateway."""
        self._gateway, self._metrics, self._file = gateway, metrics, file
        self._simulated = {provider.base_url.rstrip("/"): provider for provider in simulated}
        self._books: dict[str, Book] = {}
        self._followed: Mapping[str, Served] | None = None
        self._watched: dict[str, Watched] = {}
        self._follow()

    @property
    def chains(self) -> Mapping[str, Watched]:
        """The chains by name; those of a new configuration are followed from the first look on."""
        self._follow()
        return self._watched

    @property
    def stopping(self) -> bool:
        """Whether the gateway drains."""
        return self._gateway.draining

    def config(self) -> Mapping[str, Any]:
        """Return where the configuration came from, and whether a later one was refused."""
        state = self._gateway.state
        return {"path": str(self._file) if self._file else None, "loaded_at": state.loaded_at, "error": state.fault or None}

    def store(self) -> Mapping[str, Any]:
        """Return where the state is kept."""
        store = self._gateway.store
        if store is None:
            return {"kind": "memory", "away": None}
        return {"kind": getattr(store, "label", "a store"), "away": getattr(store, "away", None)}

    async def trial(self, chain: str, credential: str) -> Tried:
        """Make one tiny request with one credential, beside its chain."""
        served = self._gateway.chains[chain]
        found = next(c for c in served.chain.credentials if c.id == credential)
        begun = time.perf_counter()
        try:
            response = await served.relay._once(_call(served), found)  # noqa: SLF001 - one attempt, which the chain need not know of
        except Exception as exc:  # noqa: BLE001 - every failure is classified
            return Tried(time.perf_counter() - begun, served.relay.exchange.chain.classify(exc))
        await response.stream.aclose()
        return Tried(time.perf_counter() - begun)

    def _follow(self) -> None:
        served = self._gateway.chains
        if served is not self._followed:
            self._followed = served
            self._watched = {name: self._watch(name, one) for name, one in served.items()}

    def _watch(self, name: str, served: Served) -> Watched:
        book, chain = self._books.setdefault(name, Book()), served.chain
        book.keep_only(frozenset(c.id for c in chain.credentials))
        chain.add_hook(book)
        self._metrics.follow(name, chain)
        return Watched(chain, book, served.wire, self._simulators(chain))

    def _simulators(self, chain: Chain) -> dict[str, Provider]:
        known = self._simulated
        return {c.id: known[c.endpoint.rstrip("/")] for c in chain.credentials if c.endpoint and c.endpoint.rstrip("/") in known}


def _call(served: Served) -> Call:
    path, header, body = _TRIALS[served.wire, served.kind]
    return understand("POST", path, [header, _JSON], json.dumps(body).encode())
