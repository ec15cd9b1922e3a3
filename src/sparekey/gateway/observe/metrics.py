"""Prometheus metrics of the gateway itself; `sparekey.telemetry` has those of its chains."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from sparekey.stats.worker_reports import MetricFamily, summed
from sparekey.telemetry.prometheus import PrometheusHook

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sparekey.engine import Chain
    from sparekey.gateway.api.app import Gateway
    from sparekey.gateway.api.request_handler import Finished

_OVERHEAD: Final = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25)
_RUNNING: Final = "sparekey_gateway_running"
_TIMES: Final = (
    ("sparekey_gateway_request_duration_seconds", "From a request to the end of its answer."),
    ("sparekey_gateway_overhead_seconds", "The part of it that no provider is to blame for."),
)
_SUMMED: Final = frozenset({"counter", "histogram"})
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 300.0)


class Metrics:
    """The metrics of one gateway, in their own registry.

    Attributes:
        observe: counts a finished request.
    """

    def __init__(self, gateway: Gateway) -> None:
        """Count the requests of a gateway; `follow` adds its chains."""
        self.registry = registry = CollectorRegistry()
        self._hooks: dict[str, PrometheusHook] = {}
        requests = _Requests()
        registry.register(requests)
        self.observe = requests.count
        dropped = Counter("sparekey_gateway_log_lines_dropped", "Lines of the log that nobody took in time.", registry=registry)
        if gateway.log is not None:
            gateway.log.on_drop = dropped.inc
        self._running = Gauge(_RUNNING, "Requests under way.", registry=registry)
        self._running.set_function(lambda: gateway.running)
        away = Gauge("sparekey_gateway_store_away", "1 while the store cannot be used, and this process goes on alone.", registry=registry)
        away.set_function(lambda: float(gateway.store is not None and gateway.store.away is not None))
        self.before: list[MetricFamily] = []
        """The numbers of the worker that this one replaced."""

    def follow(self, name: str, chain: Chain) -> None:
        """Count the events of a chain; one of the same name continues its predecessor's numbers."""
        hook = self._hooks.setdefault(name, PrometheusHook(name, self.registry))
        chain.add_hook(hook)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def families(self) -> list[MetricFamily]:
        """Return the numbers of this worker and the one it replaced, for others to add up."""
        return summed([*self.before, *map(_family, self._collected(summed=True))])

    def text_of(self, families: Sequence[MetricFamily], running: int) -> bytes:
        """Return the text for several workers: their summed counts, and the state seen here.

        Args:
            families: the counts of each worker.
            running: number of running requests in all workers.
        """
        return generate_latest(_Shown([*map(_metric, summed(families)), *self._collected(summed=False), _gauge(running)]))

    def _collected(self, *, summed: bool) -> Iterator[Metric]:
        return (one for one in self.registry.collect() if (one.type in _SUMMED) is summed and one.name != _RUNNING)


class _Requests(Collector):
    """Requests by chain and status, and their times.

    Only the event loop counts here, so no lock is needed: it would cost more than the counting.
    """

    def __init__(self) -> None:
        self._requests: dict[tuple[str, int], int] = {}
        self._times: dict[str, tuple[_Times, _Times]] = {}

    def count(self, finished: Finished) -> None:
        """Count a finished request."""
        chain, series = finished.chain, (finished.chain, finished.status)
        self._requests[series] = self._requests.get(series, 0) + 1
        if chain:
            if (times := self._times.get(chain)) is None:
                times = self._times[chain] = (_Times(_SECONDS), _Times(_OVERHEAD))
            times[0].add(finished.seconds)
            times[1].add(finished.overhead)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        requests = CounterMetricFamily("sparekey_gateway_requests", "Requests by chain and status.", labels=("chain", "status"))
        for (chain, status), number in self._requests.items():
            requests.add_metric((chain, str(status)), number)
        yield requests
        for place, (name, words) in enumerate(_TIMES):
            times = HistogramMetricFamily(name, words, labels=("chain",))
            for chain, both in self._times.items():
                times.add_metric((chain,), both[place].buckets(), both[place].sum)
            yield times


class _Times:
    """A histogram of seconds.

    Attributes:
        sum: of all of them.
    """

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds, self._counts, self.sum = bounds, [0] * (len(bounds) + 1), 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self.sum += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return how many are at most as long as each bound."""
        return list(zip(map(floatToGoString, (*self._bounds, inf)), accumulate(self._counts), strict=True))


class _Shown:
    """A registry of given metrics: the part that the text format needs."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def _family(metric: Metric) -> MetricFamily:
    """Return a metric as a value, without the time at which a series began: a sum has none."""
    told = [(s.name, tuple(s.labels.items()), s.value) for s in metric.samples if not s.name.endswith("_created")]
    return MetricFamily(metric.name, metric.type, metric.documentation, told)


def _metric(family: MetricFamily) -> Metric:
    metric = Metric(family.name, family.text, family.kind)
    for name, labels, value in family.samples:
        metric.add_sample(name, dict(labels), value)
    return metric


def _gauge(running: int) -> Metric:
    return _metric(MetricFamily(_RUNNING, "gauge", "Requests under way.", [(_RUNNING, (), running)]))
