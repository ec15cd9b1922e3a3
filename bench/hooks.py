"""What telemetry costs: one successful call through a chain without hooks, and with each of them, in one run.

Sync, this process's CPU time, the best of several rounds. Spans and lines go nowhere: what is measured is the hook and its library, not
an exporter. The events are told as a driver tells them, so the figures hold for a call of one attempt.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from timeit import repeat
from typing import TYPE_CHECKING

import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from prometheus_client import CollectorRegistry

from sparekey import Attempt, Chain, Credential, Outcome, Usage
from sparekey.core.events import AttemptStarted, AttemptSucceeded
from sparekey.telemetry import OpenTelemetryHook, PrometheusHook, StructlogHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.core.events import Event

    Hook = Callable[[Event], None]

CALLS, ROUNDS = 5_000, 7
CREDENTIAL = Credential("first", "openai", "gpt-5", endpoint="https://api.openai.com/v1")
LEDGER = Attempt("first", Outcome.SUCCEEDED, duration=0.8, usage=Usage(900, 120))


class Nowhere:
    """Takes every line."""

    def msg(self, line: str) -> None:
        """Forget a line."""

    debug = info = warning = error = msg


def microseconds(hooks: list[Hook]) -> float:
    """Return what the events of one call cost."""
    chain = Chain([CREDENTIAL], hooks=hooks)

    def call() -> None:
        if chain.hooks:
            chain.tell(AttemptStarted("first", 1, 1))
            chain.tell(AttemptSucceeded("first", 1, 1, LEDGER))

    return min(repeat(call, number=CALLS, repeat=ROUNDS, timer=time.process_time)) / CALLS * 1e6


def hooks() -> dict[str, list[Hook]]:
    """Return the hooks to measure, by what they are."""
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
        "Prometheus": [PrometheusHook("chat", CollectorRegistry())],
        "structlog, from warning on": [StructlogHook("chat", logger=quiet)],
        "structlog, every line": [StructlogHook("chat", logger=loud)],
    }
    everything = [*rows["OpenTelemetry"], PrometheusHook("chat", CollectorRegistry()), *rows["structlog, every line"]]
    return {**rows, "the three together": everything}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    rows = {what: microseconds(made) for what, made in hooks().items()}
    if parser.parse_args().json:
        print(json.dumps([{"hooks": what, "us": cost} for what, cost in rows.items()], indent=2))
    else:
        print(f"{'hooks, one successful call':<32}{'cost':>10}")
        for what, cost in rows.items():
            print(f"{what:<32}{cost:>7.2f} us")
    return 0


if __name__ == "__main__":
    sys.exit(main())
