"""What telemetry costs: one successful call without hooks, and with each of them, in one run.

It measures blocking calls in CPU time of this process, and takes the best of several rounds. Spans
and lines are dropped, so that the figure is that of the hook and its library, and not of an
exporter.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from timeit import timeit
from typing import TYPE_CHECKING

import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from prometheus_client import CollectorRegistry

from sparekey import Chain, Credential, Failover, Usage
from sparekey.stats.chain_stats import ChainStats
from sparekey.telemetry import OpenTelemetryHook, PrometheusHook, StructlogHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.core.events import Event

    Hook = Callable[[Event], None]

CALLS, ROUNDS = 3_000, 12
CREDENTIAL = Credential("first", "openai", "gpt-5", endpoint="https://api.openai.com/v1")
USAGE = Usage(900, 120)


class Nowhere:
    """A logger that drops every line."""

    def msg(self, line: str) -> None:
        """Drop the line."""

    debug = info = warning = error = msg


def measured() -> dict[str, float]:
    """Return the cost of one call with each set of hooks, in microseconds; the sets take turns."""
    calls = {what: caller(made) for what, made in hooks().items()}
    rounds = [{what: timeit(call, number=CALLS, timer=time.process_time) for what, call in calls.items()} for _ in range(ROUNDS)]
    return {what: min(row[what] for row in rounds) / CALLS * 1e6 for what in calls}


def caller(hooks: list[Hook]) -> Callable[[], object]:
    """Return one successful call through a chain with these hooks."""
    failover = Failover(Chain([CREDENTIAL], hooks=hooks))
    return lambda: failover.run(str, usage=lambda _: USAGE)


def hooks() -> dict[str, list[Hook]]:
    """Return the sets of hooks to measure, by name."""
    tracing, unsampled = TracerProvider(), TracerProvider(sampler=ALWAYS_OFF)
    for provider in (tracing, unsampled):
        provider.add_span_processor(SpanProcessor())
    measuring = MeterProvider([InMemoryMetricReader()])
    lines = [structlog.processors.add_log_level, structlog.processors.TimeStamper(), structlog.processors.JSONRenderer()]
    loud = structlog.wrap_logger(Nowhere(), processors=lines)
    quiet = structlog.wrap_logger(Nowhere(), processors=lines, wrapper_class=structlog.make_filtering_bound_logger("WARNING"))
    rows: dict[str, list[Hook]] = {
        "none": [],
        "a function that does nothing": [lambda _: None],
        "OpenTelemetry, no SDK": [OpenTelemetryHook("chat")],
        "OpenTelemetry, not sampled": [OpenTelemetryHook("chat", unsampled, measuring)],
        "OpenTelemetry": [OpenTelemetryHook("chat", tracing, measuring)],
        "the console's statistics": [ChainStats()],
        "Prometheus": [PrometheusHook("chat", CollectorRegistry())],
        "structlog, from warning on": [StructlogHook("chat", logger=quiet)],
        "structlog, every line": [StructlogHook("chat", logger=loud)],
    }
    everything = [*rows["OpenTelemetry"], PrometheusHook("chat", CollectorRegistry()), *rows["structlog, every line"]]
    return {**rows, "the three together": everything}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    rows = measured()
    bare = rows["none"]
    if parser.parse_args().json:
        print(json.dumps([{"hooks": what, "call_us": whole, "cost_us": whole - bare} for what, whole in rows.items()], indent=2))
    else:
        print(f"{'one successful call, sync':<32}{'call':>10}{'hooks':>13}")
        for what, whole in rows.items():
            print(f"{what:<32}{whole:>7.2f} us{whole - bare:>10.2f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
