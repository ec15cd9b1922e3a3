"""The tables of docs/telemetry.md are what is told."""

import io
import json
import re
from pathlib import Path

import pytest
import structlog
from telemetry_kit import RATE, USAGE, Told

from sparekey import ErrorClass, Outcome
from sparekey.core.events import Parked
from sparekey.telemetry import PrometheusHook, StructlogHook

PAGE = Path(__file__).parents[2] / "docs" / "telemetry.md"
COMMON = {
    *("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "server.address", "server.port"),
    *("sparekey.chain", "sparekey.credential"),
}


def table(head):
    """The rows of the table whose first head is `head`: the words in code style of each cell."""
    lines = iter(PAGE.read_text("utf-8").splitlines())
    next(line for line in lines if line.startswith(f"| {head} |"))
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            return rows
        rows.append([re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split("|")])
    return rows


@pytest.fixture
def told(observe):
    """Everything that can happen, as OpenTelemetry got it: names of attributes by span, by event, by metric."""
    seen = observe()
    with seen.caller():
        seen.told.whole()
    *spans, request = seen.spans
    return {
        "span": set().union(*(span.attributes for span in spans)),
        "events": {event.name: set(event.attributes) - {"sparekey.chain"} for event in request.events},
        "metrics": {name: set().union(*(point.attributes for point in points)) for name, points in seen.points().items()},
    }


def test_the_attributes_of_spans_are_on_the_page(told):
    """All of them, and no others."""
    assert {name for names, _ in table("attribute of a span") for name in names} == told["span"]


def test_the_metrics_of_opentelemetry_are_on_the_page(told):
    """Each with its own attributes; the common ones are named once."""
    assert {names[0]: {*own, *COMMON} for names, own in table("metric of the conventions")} == {
        name: attributes for name, attributes in told["metrics"].items() if name.startswith("gen_ai")
    }


def test_what_happens_to_a_chain_is_on_the_page(told):
    """As a counter and as an event."""
    rows = table("counter and span event")
    assert {names[0]: {*own, *more} for names, own, more in rows} == told["events"]
    assert {names[0]: {*own, "sparekey.chain"} for names, own, _ in rows} == {
        name: attributes for name, attributes in told["metrics"].items() if name.startswith("sparekey")
    }


def test_the_metrics_of_prometheus_are_on_the_page(registry):
    """Each with its labels, under the name that is scraped."""
    kept, found = Told(PrometheusHook("chat", registry)).whole(), {}
    for family in registry.collect():
        scraped = f"{family.name}_total" if family.type == "counter" else family.name
        found[scraped] = set().union(*(s.labels for s in family.samples)) - {"chain", "le"}
    assert kept.chain
    assert {names[0]: set(labels) for names, labels in table("metric")} == found


def test_the_lines_of_structlog_are_on_the_page():
    """Each with its level and fields."""
    file, found = io.StringIO(), {}
    processors = [structlog.processors.add_log_level, structlog.processors.JSONRenderer()]
    told = Told(StructlogHook("chat", logger=structlog.wrap_logger(structlog.PrintLogger(file), processors=processors))).whole()
    everything = {"usage": USAGE, "first_content": 0.1, "probe": True}
    told.tell(Parked("credential:one", 5.0, ErrorClass.AUTH, "permission_denied", soft=True))
    told.end(**everything).end(failure=RATE, **everything).end(outcome=Outcome.ABANDONED, **everything)
    for line in map(json.loads, file.getvalue().splitlines()):
        found.setdefault((line.pop("event"), line.pop("level")), set()).update(line.keys() - {"chain"})
    assert {(*names, *level): set(fields) for names, level, fields in table("line")} == found
