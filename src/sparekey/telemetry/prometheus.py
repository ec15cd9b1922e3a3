"""Prometheus: counters and histograms of a chain's events, and gauges of its state."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary, ref

from sparekey.core import events
from sparekey.core.status import Standing, describe
from sparekey.errors import MissingExtraError
from sparekey.telemetry.hook import OUTCOMES, Hook, park_word

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
    from prometheus_client.core import GaugeMetricFamily
except ImportError as exc:
    raise MissingExtraError("PrometheusHook", "prometheus") from exc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client import Metric

    from sparekey.engine.chain_state import ChainState
    from sparekey.telemetry.hook import Ended
    from sparekey.types import Usage

    Family: TypeAlias = type[Counter | Histogram | GaugeMetricFamily]

_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
_WELL: Final = frozenset({Standing.ACTIVE, Standing.READY})


class MetricRow(NamedTuple):
    """One metric; each has the label `chain` as well."""

    name: str
    family: Family
    text: str
    labels: tuple[str, ...]


_ONE: Final = ("credential",)
ROWS: Final = (
    MetricRow("sparekey_attempts", Counter, "Attempts that ended, by outcome.", (*_ONE, "outcome", "error_class", "reason")),
    MetricRow("sparekey_writes", Counter, "Requests written to providers: none, one or two by an attempt.", _ONE),
    MetricRow("sparekey_attempt_duration_seconds", Histogram, "From the beginning of an attempt to its end.", (*_ONE, "outcome")),
    MetricRow("sparekey_first_content_seconds", Histogram, "From the beginning of a stream's attempt to its first content.", _ONE),
    MetricRow("sparekey_tokens", Counter, "Tokens as the providers counted them, by kind: prompt, completion.", (*_ONE, "kind")),
    MetricRow("sparekey_cached_tokens", Counter, "The prompt tokens among them that came from a provider's cache.", _ONE),
    MetricRow("sparekey_reasoning_tokens", Counter, "The completion tokens among them that were spent on reasoning.", _ONE),
    MetricRow("sparekey_failovers", Counter, "Switches of the active credential downwards.", ("old", "new")),
    MetricRow("sparekey_failbacks", Counter, "Switches of the active credential upwards.", ("old", "new")),
    MetricRow("sparekey_parks", Counter, "What was parked, and why.", ("what", "error_class", "reason", "park")),
    MetricRow("sparekey_probes", Counter, "Single requests let through to what a park had run out for.", ("what",)),
    MetricRow("sparekey_recoveries", Counter, "What was parked and is well again.", ("what",)),
    MetricRow("sparekey_exhausted", Counter, "Calls that ended without an answer: every credential failed or is parked.", ()),
    MetricRow(
        "sparekey_credential_up", GaugeMetricFamily, "1 for a credential that gets traffic, 0 for one that is parked or only probed.", _ONE
    ),
    MetricRow("sparekey_active", GaugeMetricFamily, "1 for the active credential, where the next request starts, 0 for the others.", _ONE),
)
"""All metrics. A counter's samples end in `_total`."""


class PrometheusHook(Hook):
    """Counts a chain's events: `Chain(..., hooks=[PrometheusHook("chat")])`.

    Several hooks share a registry's metrics. The gauges read the chain's state when Prometheus
    scrapes, and disappear with the chain. With `PROMETHEUS_MULTIPROC_DIR` the counters and
    histograms of all processes add up as usual; the gauges are left out.
    """

    def __init__(self, chain_name: str, registry: CollectorRegistry | None = None) -> None:
        """Create the hook, and the registry's metrics if they do not exist yet.

        Args:
            chain_name: the label `chain`; if two chains share a name, the gauges show the later
                one.
            registry: the metrics' registry; None: the default one of `prometheus_client`.

        Raises:
            ValueError: the registry has other metrics of these names.
        """
        super().__init__(chain_name)
        self._metrics = _metrics_of(REGISTRY if registry is None else registry)
        # cached, because looking a series up by its labels costs more than counting
        self._counters: dict[tuple[str, ...], Counter] = {}
        self._histograms: dict[tuple[str, ...], Histogram] = {}
        self._succeeded_with: dict[str, tuple[Counter, Counter, Histogram]] = {}
        self._spent_with: dict[str, tuple[Counter, Counter]] = {}

    def attach(self, chain_state: ChainState) -> None:
        """Let the gauges read this chain's state."""
        super().attach(chain_state)
        self._metrics.chain_states[self.chain_name] = ref(chain_state)

    def _count(self, *series: str, by: float = 1) -> None:
        """Add to a counter; `series` holds its name and labels."""
        if (counter := self._counters.get(series)) is None:
            counter = self._counters[series] = self._counter(*series)
        counter.inc(by)

    def _observe(self, *series: str, seconds: float) -> None:
        """Add to a histogram; `series` holds its name and labels."""
        if (histogram := self._histograms.get(series)) is None:
            histogram = self._histograms[series] = self._histogram(*series)
        histogram.observe(seconds)

    def _counter(self, name: str, *labels: str) -> Counter:
        return self._metrics.counters[name].labels(self.chain_name, *labels)

    def _histogram(self, name: str, *labels: str) -> Histogram:
        return self._metrics.histograms[name].labels(self.chain_name, *labels)

    def _content(self, event: events.ContentStarted) -> None:
        self._observe("sparekey_first_content_seconds", event.credential_id, seconds=event.after)

    def _succeeded(self, event: events.AttemptSucceeded) -> None:
        """As `_ended`, for what most attempts come to: its series are looked up once."""
        who, attempt = event.credential_id, event.attempt
        if attempt is None:
            self._ended(event)
            return
        if (series := self._succeeded_with.get(who)) is None:
            outcome = OUTCOMES[type(event)]
            counters = self._counter("sparekey_attempts", who, outcome, "", ""), self._counter("sparekey_writes", who)
            series = self._succeeded_with[who] = (*counters, self._histogram("sparekey_attempt_duration_seconds", who, outcome))
        attempts, writes, seconds = series
        attempts.inc()
        writes.inc(attempt.writes)
        seconds.observe(attempt.duration)
        if attempt.usage is not None:
            self._tokens(who, attempt.usage)

    def _ended(self, event: Ended) -> None:
        outcome, why = OUTCOMES[type(event)], ("", "")
        if isinstance(event, events.AttemptFailed):
            why = (event.failure.error_class, self.reasons(event.failure.reason))
        self._count("sparekey_attempts", event.credential_id, outcome, *why)
        self._count("sparekey_writes", event.credential_id, by=1 if event.attempt is None else event.attempt.writes)
        if event.attempt is not None:
            self._observe("sparekey_attempt_duration_seconds", event.credential_id, outcome, seconds=event.attempt.duration)
            if event.attempt.usage is not None:
                self._tokens(event.credential_id, event.attempt.usage)

    def _tokens(self, credential_id: str, usage: Usage) -> None:
        if (series := self._spent_with.get(credential_id)) is None:
            prompt, completion = (self._counter("sparekey_tokens", credential_id, kind) for kind in ("prompt", "completion"))
            series = self._spent_with[credential_id] = (prompt, completion)
        series[0].inc(usage.prompt_tokens)
        series[1].inc(usage.completion_tokens)
        if usage.cached_tokens:
            self._count("sparekey_cached_tokens", credential_id, by=usage.cached_tokens)
        if usage.reasoning_tokens:
            self._count("sparekey_reasoning_tokens", credential_id, by=usage.reasoning_tokens)

    def _switched(self, event: events.Switched) -> None:
        self._count("sparekey_failbacks" if event.failback else "sparekey_failovers", event.old, event.new)

    def _parked(self, event: events.Parked) -> None:
        self._count("sparekey_parks", self.shown(event.what), event.cause or "", self.reasons(event.reason), park_word(event))

    def _probed(self, event: events.Probed) -> None:
        self._count("sparekey_probes", self.shown(event.what))

    def _recovered(self, event: events.Recovered) -> None:
        self._count("sparekey_recoveries", self.shown(event.what))

    def _exhausted(self, _event: events.Exhausted) -> None:
        self._count("sparekey_exhausted")

    handlers: ClassVar[Mapping[type, Callable[[Any, Any], None]]] = {
        events.ContentStarted: _content,
        **dict.fromkeys(OUTCOMES, _ended),
        events.AttemptSucceeded: _succeeded,
        events.Switched: _switched,
        events.Parked: _parked,
        events.Probed: _probed,
        events.Recovered: _recovered,
        events.Exhausted: _exhausted,
    }


class _Metrics:
    """The collector of one registry, shared by its chains."""

    def __init__(self) -> None:
        self.counters = {row.name: Counter(row.name, row.text, ("chain", *row.labels), registry=None) for row in _rows(Counter)}
        self.histograms = {
            row.name: Histogram(row.name, row.text, ("chain", *row.labels), registry=None, buckets=_SECONDS) for row in _rows(Histogram)
        }
        self.chain_states: dict[str, ref[ChainState]] = {}

    def describe(self) -> Iterator[Metric]:
        """Yield each metric without samples."""
        for metric in (*self.counters.values(), *self.histograms.values()):
            yield from metric.describe()
        yield from _gauges({})

    def collect(self) -> Iterator[Metric]:
        """Yield each metric with its samples."""
        for metric in (*self.counters.values(), *self.histograms.values()):
            yield from metric.collect()
        yield from _gauges({name: chain_state for name, found in self.chain_states.copy().items() if (chain_state := found()) is not None})


def _rows(family: Family) -> Iterator[MetricRow]:
    return (row for row in ROWS if row.family is family)


def _gauges(chain_states: Mapping[str, ChainState]) -> Iterator[Metric]:
    up, active = (GaugeMetricFamily(row.name, row.text, labels=("chain", *row.labels)) for row in _rows(GaugeMetricFamily))
    for name, chain_state in chain_states.items():
        for row in describe(chain_state.pool, chain_state.state, chain_state.clock()).credentials:
            up.add_metric((name, row.id), row.standing in _WELL)
            active.add_metric((name, row.id), row.active)
    yield from (up, active)


_SHARED: Final[WeakKeyDictionary[CollectorRegistry, _Metrics]] = WeakKeyDictionary()
_LOCK: Final = Lock()


def _metrics_of(registry: CollectorRegistry) -> _Metrics:
    """Return the metrics of a registry; create and register them on first use."""
    with _LOCK:
        found = _SHARED.get(registry)
        if found is None:
            found = _Metrics()
            registry.register(found)
            _SHARED[registry] = found
        return found
