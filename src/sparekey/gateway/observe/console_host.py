"""The gateway as the console sees it: chains with their statistics, metrics, and trial requests."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any, Final

from sparekey.gateway.api.admin import Admin
from sparekey.gateway.console.access import Door
from sparekey.gateway.console.host import ProbeResult, SimulatedProvider, Watched
from sparekey.stats.chain_stats import ChainReport, ChainStats
from sparekey.stats.restart import count_into, stored_reports
from sparekey.stats.worker_reports import WorkerReport
from sparekey.wire.request import understand

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from sparekey.gateway.api.app import Gateway
    from sparekey.gateway.api.served_chains import Served
    from sparekey.gateway.observe.metrics import Metrics
    from sparekey.stats.history import History
    from sparekey.stats.record import Masker, Record
    from sparekey.stats.worker_reports import WorkerReports
    from sparekey.wire.request import Kind, WireRequest

_SAY: Final = [{"role": "user", "content": "Say yes."}]
_GEMINI: Final = {"parts": [{"text": "Say yes."}]}
TRIALS: Final[Mapping[tuple[str, Kind], tuple[str, tuple[bytes, bytes], dict[str, Any]]]] = {
    ("openai", "chat"): ("/v1/chat/completions", (b"accept", b"*/*"), {"model": "any", "messages": _SAY}),
    ("openai", "embed"): ("/v1/embeddings", (b"accept", b"*/*"), {"model": "any", "input": ["yes"]}),
    ("anthropic", "chat"): ("/v1/messages", (b"anthropic-version", b"2023-06-01"), {"model": "any", "max_tokens": 16, "messages": _SAY}),
    ("gemini", "chat"): ("/v1beta/models/any:generateContent", (b"x-goog-api-client", b"sparekey"), {"contents": [_GEMINI]}),
    ("gemini", "embed"): ("/v1beta/models/any:embedContent", (b"x-goog-api-client", b"sparekey"), {"content": _GEMINI}),
}
"""The tiny request of a trial, by wire and kind: path, the header that shows the wire, body."""


class GatewayHost:
    """Keeps the statistics of each served chain by its name; they outlive a reload."""

    def __init__(
        self,
        gateway: Gateway,
        file: Path | None = None,
        *,
        simulated: Iterable[SimulatedProvider] = (),
        history: History | None = None,
        reports: WorkerReports | None = None,
    ) -> None:
        """Watch a gateway's chains, including those of later configurations.

        Args:
            gateway: the gateway; its requests count from now on.
            file: the configuration's path, to be shown.
            simulated: providers of a simulator; the console can inject faults into those that a
                credential points to.
            history: keeps records and numbers; today's numbers are read from it.
            reports: exchanges numbers between the gateway's workers; None: there is only this one.
        """
        self._gateway, self._file, self._history, self._reports = gateway, file, history, reports
        self._simulated = {provider.base_url.rstrip("/"): provider for provider in simulated}
        self._stats: dict[str, ChainStats] = {}
        self._added_up: tuple[Sequence[WorkerReport], Mapping[str, ChainStats]] = ((), {})
        self._metrics = _metrics(gateway)
        self._known = self._known_before()
        for served in gateway.chains.values():
            self.watch(served)
        gateway.newcomers.append(self.watch)
        gateway.ends = lambda name: self._shown()[name].ends()
        if history is not None:
            history.sources.append(lambda: count_into(history, dict(self._stats)))
        if reports is not None:
            reports.begin(self._report)

    def _known_before(self) -> Mapping[str, ChainReport]:
        """Return the numbers from before this process: the replaced worker's, or the history's."""
        if self._reports is not None:
            if self._metrics is not None:
                self._metrics.before = self._reports.before.metrics
            return self._reports.before.chains
        return {} if self._history is None else stored_reports(self._history, time.time())

    def watch(self, served: Served) -> None:
        """Keep statistics and metrics of a chain from now on."""
        served.chain.add_hook(self._stats_of(served.name))
        if self._metrics is not None:
            self._metrics.follow(served.name, served.chain)

    def _stats_of(self, name: str) -> ChainStats:
        stats = self._stats.get(name)
        if stats is None:
            stats = self._stats[name] = ChainStats(chain=name)
            stats.load(self._known.get(name, ChainReport()))
            if self._history is not None:
                stats.listeners.append(self._write_down)
        return stats

    def _write_down(self, record: Record) -> None:
        """Write a record into the history, without the provider's words, which may be a prompt."""
        assert self._history is not None
        self._history.note(record, words=False)

    def close(self) -> None:
        """Write what is not written yet; it may take seconds, so keep it off an event loop."""
        if self._reports is not None:
            self._reports.close()
        if self._history is not None:
            self._history.close()

    # ── several workers ──

    def _report(self) -> WorkerReport:
        """Return this worker's numbers for the others."""
        chains = {name: stats.report() for name, stats in list(self._stats.items())}
        return WorkerReport(running=self._gateway.running, chains=chains, metrics=self._metrics.families() if self._metrics else [])

    def _shown(self) -> Mapping[str, ChainStats]:
        """Return the statistics to show: those of all workers added up."""
        if self._reports is None:
            return self._stats
        reports, (seen, added) = self._reports.all(), self._added_up
        if reports is not seen or added.keys() != self._stats.keys():
            added = {name: _AllWorkers(own, reports) for name, own in self._stats.items()}
            self._added_up = reports, added
        return added

    def _measured(self) -> bytes:
        """Return the metrics of all workers in Prometheus' text format."""
        assert self._metrics is not None
        if self._reports is None:
            return self._metrics.text()
        self._reports.write()
        families = [family for report in self._reports.all() for family in report.metrics]
        return self._metrics.text_of(families, sum(report.running for report in self._reports.living()))

    def admin(self) -> Admin:
        """Return the application that serves the console, the admin API and the metrics."""
        digest = self._admin_digest()
        seal = hmac.digest(digest.encode(), b"sparekey console", hashlib.sha256) if digest else None  # the same in every worker
        door = Door(self._admin_digest, seal=seal)
        return Admin(self, door, metrics=None if self._metrics is None else self._measured)

    def _admin_digest(self) -> str:
        return self._gateway.state.access.admin_digest()

    # ── what the console asks for ──

    @property
    def chains(self) -> Mapping[str, Watched]:
        """The chains by name."""
        stats, served = self._shown(), self._gateway.chains.items()
        return {name: Watched(one.chain, stats[name], one.wire, self._simulators(one)) for name, one in served}

    def _simulators(self, served: Served) -> Mapping[str, SimulatedProvider]:
        known, bases = self._simulated, {i: target.base_url.rstrip("/") for i, target in served.targets.items()}
        return {i: known[base] for i, base in bases.items() if base in known} if known else {}

    @property
    def stopping(self) -> bool:
        """Whether the gateway drains: live connections of pages end then, so it need not wait."""
        return self._gateway.draining

    def config(self) -> Mapping[str, Any]:
        """Return the configuration's path and age, why a newer one was refused, the workers, and whether people may only look."""
        state = self._gateway.state
        workers = 1 if self._reports is None else len(self._reports.living())
        read = {"path": str(self._file or ""), "loaded_at": state.loaded_at, "error": state.fault or None}
        return {**read, "workers": workers, "read_only": not self._admin_digest()}

    def store(self) -> Mapping[str, Any]:
        """Return where state and history are kept, and why they are unreachable, if they are."""
        store, history = self._gateway.store, self._history
        kept = {"kind": "memory", "away": None} if store is None else {"kind": store.label, "away": store.away}
        return {**kept, "history": history and str(history.path), "history_away": history and history.away}

    async def trial(self, chain: str, credential: str) -> ProbeResult:
        """Make one tiny request with one credential; it does not change the chain's state."""
        served = self._gateway.chains[chain]
        named = next(c for c in served.chain.credentials if c.id == credential)
        begin = time.perf_counter()
        try:
            await served.forwarder.once(_trial(served), named)
        except Exception as exc:  # noqa: BLE001 - the person who asked is shown any failure
            return ProbeResult(time.perf_counter() - begin, served.chain.failure(exc))
        return ProbeResult(time.perf_counter() - begin)


class _AllWorkers(ChainStats):
    """The statistics of all workers added up; new records go to this worker's own."""

    def __init__(self, own: ChainStats, reports: Iterable[WorkerReport]) -> None:
        super().__init__(chain=own.chain)
        self._own = own
        for report in reports:
            self.load(report.chains.get(own.chain, ChainReport()))

    @property
    def mask(self) -> Masker:
        return self._own.mask

    def add(self, record: Record) -> None:
        self._own.add(record)


def _trial(served: Served) -> WireRequest:
    path, header, body = TRIALS[served.wire, served.kind]
    return understand("POST", path.encode(), [header, (b"content-type", b"application/json")], json.dumps(body).encode())


def _metrics(gateway: Gateway) -> Metrics | None:
    """Return metrics that count a gateway's requests from now on; None without the library."""
    try:
        from sparekey.gateway.observe.metrics import Metrics  # noqa: PLC0415 - its library is an extra
    except ImportError:
        return None
    made = Metrics(gateway)
    gateway.observers.append(made.observe)
    return made
