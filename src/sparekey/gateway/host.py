"""The gateway as the console sees it: its chains with their books, its metrics, and one tiny request for a trial."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any, Final

from sparekey.gateway.admin import Admin
from sparekey.gateway.book import Book
from sparekey.gateway.console.access import Door
from sparekey.gateway.console.host import Tried, Watched
from sparekey.wire.table import understand

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from sparekey.gateway.app import Gateway
    from sparekey.gateway.metrics import Metrics
    from sparekey.gateway.served import Served
    from sparekey.simulator import Provider
    from sparekey.wire.model import Call, Kind

_SAY: Final = [{"role": "user", "content": "Say yes."}]
_GEMINI: Final = {"parts": [{"text": "Say yes."}]}
TRIALS: Final[Mapping[tuple[str, Kind], tuple[str, tuple[bytes, bytes], dict[str, Any]]]] = {
    ("openai", "chat"): ("/v1/chat/completions", (b"accept", b"*/*"), {"model": "any", "messages": _SAY}),
    ("openai", "embed"): ("/v1/embeddings", (b"accept", b"*/*"), {"model": "any", "input": ["yes"]}),
    ("anthropic", "chat"): ("/v1/messages", (b"anthropic-version", b"2023-06-01"), {"model": "any", "max_tokens": 16, "messages": _SAY}),
    ("gemini", "chat"): ("/v1beta/models/any:generateContent", (b"x-goog-api-client", b"sparekey"), {"contents": [_GEMINI]}),
    ("gemini", "embed"): ("/v1beta/models/any:embedContent", (b"x-goog-api-client", b"sparekey"), {"content": _GEMINI}),
}
"""The request of a trial, by wire and kind: path, the header that tells the wire, body."""


class GatewayHost:
    """Keeps a book of every chain that is served, under its name: reloading the configuration goes on in the same book."""

    def __init__(self, gateway: Gateway, file: Path | None = None, *, simulated: Iterable[Provider] = ()) -> None:
        """Watch a gateway's chains, those of later configurations too.

        Args:
            gateway: the gateway; its requests are counted from now on.
            file: the configuration's, for show.
            simulated: providers of a simulator; those that a credential points to can be given faults.
        """
        self._gateway, self._file = gateway, file
        self._simulated = {provider.base_url.rstrip("/"): provider for provider in simulated}
        self._books: dict[str, Book] = {}
        self._metrics = _metrics(gateway)
        for served in gateway.chains.values():
            self.watch(served)
        gateway.newcomers.append(self.watch)

    def watch(self, served: Served) -> None:
        """Keep the book of a chain."""
        served.chain.add_hook(self._books.setdefault(served.name, Book()))
        if self._metrics is not None:
            self._metrics.follow(served.name, served.chain)

    def admin(self) -> Admin:
        """Return what serves the console, the admin API and the metrics."""
        digest = self._admin_digest()
        seal = hmac.digest(digest.encode(), b"sparekey console", hashlib.sha256) if digest else None  # the same in every worker
        door = Door(self._admin_digest, seal=seal)
        return Admin(self, door, metrics=None if self._metrics is None else self._metrics.text)

    def _admin_digest(self) -> str:
        return self._gateway.state.access.admin_digest()

    # ── what the console asks for ──

    @property
    def chains(self) -> Mapping[str, Watched]:
        """The chains by name."""
        served = self._gateway.chains.items()
        return {name: Watched(one.chain, self._books[name], one.wire, self._simulators(one)) for name, one in served}

    def _simulators(self, served: Served) -> Mapping[str, Provider]:
        known, bases = self._simulated, {i: target.base_url.rstrip("/") for i, target in served.targets.items()}
        return {i: known[base] for i, base in bases.items() if base in known} if known else {}

    @property
    def stopping(self) -> bool:
        """Whether the gateway drains: pages that only listen are sent away, so that nothing waits for them."""
        return self._gateway.draining

    def config(self) -> Mapping[str, Any]:
        """Return which configuration is in use, since when, and why a newer one is not."""
        state = self._gateway.state
        return {"path": str(self._file or ""), "loaded_at": state.loaded_at, "error": state.fault or None}

    def store(self) -> Mapping[str, Any]:
        """Return where the state lives, and why that is away if it is."""
        store = self._gateway.store
        return {"kind": "memory", "away": None} if store is None else {"kind": store.label, "away": store.away}

    async def trial(self, chain: str, credential: str) -> Tried:
        """Make one tiny request with one credential; the chain does not hear of it."""
        served = self._gateway.chains[chain]
        named = next(c for c in served.chain.credentials if c.id == credential)
        begin = time.perf_counter()
        try:
            await served.relay.once(_trial(served), named)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the person asked for it
            return Tried(time.perf_counter() - begin, served.chain.classify(exc))
        return Tried(time.perf_counter() - begin)


def _trial(served: Served) -> Call:
    path, header, body = TRIALS[served.wire, served.kind]
    return understand("POST", path.encode(), [header, (b"content-type", b"application/json")], json.dumps(body).encode())


def _metrics(gateway: Gateway) -> Metrics | None:
    """Return the metrics of a gateway, which count its requests from now on; None where the library is not installed."""
    try:
        from sparekey.gateway.metrics import Metrics  # noqa: PLC0415 - its library is an extra
    except ImportError:
        return None
    made = Metrics(gateway)
    gateway.observers.append(made.observe)
    return made
