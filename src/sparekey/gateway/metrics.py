"""What Prometheus is told of the gateway itself; what happens in its chains is told by `sparekey.telemetry`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sparekey.telemetry.prometheus import PrometheusHook

if TYPE_CHECKING:
    from sparekey.failover import Chain
    from sparekey.gateway.app import Finished, Gateway

_OVERHEAD: Final = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25)
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 300.0)


class Metrics:
    """The metrics of one gateway, in a registry of their own."""

    def __init__(self, gateway: Gateway) -> None:
        """Count the requests of a gateway; `follow` adds its chains."""
        self.registry = registry = CollectorRegistry()
        self._hooks: dict[str, PrometheusHook] = {}
        self._requests = Counter("sparekey_gateway_requests", "Requests by chain and status.", ("chain", "status"), registry=registry)
        self._seconds = Histogram(
            "sparekey_gateway_request_duration_seconds",
            "From a request to the end of its answer.",
            ("chain",),
            registry=registry,
            buckets=_SECONDS,
        )
        self._overhead = Histogram(
            "sparekey_gateway_overhead_seconds",
            "The part of it that no provider is to blame for.",
            ("chain",),
            registry=registry,
            buckets=_OVERHEAD,
        )
        dropped = Counter("sparekey_gateway_log_lines_dropped", "Lines of the log that nobody took in time.", registry=registry)
        if gateway.log is not None:
            gateway.log.on_drop = dropped.inc
        Gauge("sparekey_gateway_running", "Requests under way.", registry=registry).set_function(lambda: gateway.running)

    def follow(self, name: str, chain: Chain) -> None:
        """Count what happens in a chain; one that takes another's place goes on with its numbers."""
        hook = self._hooks.setdefault(name, PrometheusHook(name, self.registry))
        chain.add_hook(hook)

    def observe(self, finished: Finished) -> None:
        """Count a request."""
        self._requests.labels(finished.chain, str(finished.status)).inc()
        if finished.chain:
            self._seconds.labels(finished.chain).observe(finished.seconds)
            self._overhead.labels(finished.chain).observe(finished.overhead)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)
