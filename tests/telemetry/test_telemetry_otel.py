"""What OpenTelemetry is told, read back from its real SDK."""

import threading

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode
from telemetry_kit import KEY, RATE, STATE, USAGE, Told

from sparekey import Failure, Outcome
from sparekey.core.events import AttemptStarted, AttemptSucceeded
from sparekey.telemetry import OpenTelemetryHook
from sparekey.telemetry.otel import SECONDS, TOKENS, server
from sparekey.types import ErrorClass


def test_an_attempt_is_a_span_of_the_conventions(observe):
    """Who was asked for what, where, and what it cost."""
    seen = observe()
    seen.told.start(call=7).end(call=7, usage=USAGE)
    (span,) = seen.spans
    assert (span.name, span.kind, span.status.status_code) == ("chat big", SpanKind.CLIENT, StatusCode.UNSET)
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "big",
        "server.address": "one.example",
        "server.port": 443,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "sparekey.chain": "chat",
        "sparekey.credential": "one",
        "sparekey.call": 7,
        "sparekey.attempt": 1,
        "sparekey.probe": False,
        "sparekey.outcome": "succeeded",
    }


def test_attempts_are_children_of_the_callers_span(observe):
    """A failover is two siblings under the request that made it."""
    seen = observe()
    with seen.caller() as request:
        seen.told.start().end(failure=RATE).start("two", 2).end("two", 2)
    first, second, _ = seen.spans
    assert {first.parent.span_id, second.parent.span_id} == {request.get_span_context().span_id}
    assert [first.attributes["sparekey.attempt"], second.attributes["sparekey.attempt"]] == [1, 2]


def test_a_failed_attempt_says_why(observe):
    """The class, the reason and the provider's words; neither a key of a known shape nor the chain's own of an unknown one."""
    seen = observe()
    seen.told.start().end(failure=RATE)
    (span,) = seen.spans
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "slow down, ***, ***"
    said = {name: span.attributes[name] for name in ("error.type", "sparekey.error_class", "http.response.status_code", "sparekey.outcome")}
    assert said == {
        "error.type": "rate_limited",
        "sparekey.error_class": "transient",
        "http.response.status_code": 429,
        "sparekey.outcome": "failed",
    }


def test_an_abandoned_attempt_is_no_error(observe):
    """It was broken off for no fault of its own; what it cost is told all the same."""
    seen = observe()
    seen.told.start().end(outcome=Outcome.ABANDONED, usage=USAGE)
    (span,) = seen.spans
    assert (span.status.status_code, span.attributes["sparekey.outcome"]) == (StatusCode.UNSET, "abandoned")
    assert span.attributes["gen_ai.usage.input_tokens"] == 100


def test_a_stream_tells_its_first_content(observe):
    """As soon as it is there, on the span and as a measurement."""
    seen = observe()
    seen.told.start().content(after=0.25)
    (point,) = seen.points()["gen_ai.client.operation.time_to_first_chunk"]
    assert (point.sum, point.explicit_bounds) == (0.25, SECONDS)
    seen.told.end()
    (span,) = seen.spans
    assert span.attributes["gen_ai.response.time_to_first_chunk"] == 0.25
    assert span.attributes["gen_ai.request.stream"] is True


def test_attempts_are_measured(observe):
    """Duration by outcome, tokens by type, with the bounds of the conventions."""
    seen = observe()
    seen.told.start().end(failure=RATE, duration=0.5).start("two", 2).end("two", 2, duration=2.0, usage=USAGE)
    points = seen.points()
    durations = {p.attributes["sparekey.credential"]: p for p in points["gen_ai.client.operation.duration"]}
    assert {name: (p.sum, p.explicit_bounds) for name, p in durations.items()} == {"one": (0.5, SECONDS), "two": (2.0, SECONDS)}
    assert durations["one"].attributes["error.type"] == "rate_limited"
    assert "error.type" not in durations["two"].attributes
    assert durations["two"].attributes["gen_ai.provider.name"] == "mistral_ai"
    tokens = {p.attributes["gen_ai.token.type"]: p for p in points["gen_ai.client.token.usage"]}
    assert {kind: (p.sum, p.explicit_bounds) for kind, p in tokens.items()} == {"input": (100, TOKENS), "output": (20, TOKENS)}


def test_tokens_that_nobody_counted_are_not_reported(observe):
    """A zero would be a lie."""
    seen = observe()
    seen.told.start().end()
    assert "gen_ai.client.token.usage" not in seen.points()


def test_what_happens_to_the_chain_is_an_event_of_the_callers_span(observe):
    """Parks, probes and switches are the request's story."""
    seen = observe()
    with seen.caller():
        seen.told.tell(*STATE)
    (request,) = seen.spans
    assert [e.name.removeprefix("sparekey.") for e in request.events] == ["park", "failover", "probe", "recovery", "failback"]
    assert dict(request.events[0].attributes) == {
        "sparekey.chain": "chat",
        "sparekey.what": "account:team",
        "sparekey.error_class": "quota_exceeded",
        "sparekey.reason": "insufficient_balance",
        "sparekey.park": "firm",
        "sparekey.seconds": 600.0,
    }
    assert dict(request.events[1].attributes) == {"sparekey.chain": "chat", "sparekey.old": "one", "sparekey.new": "two"}


def test_what_happens_to_the_chain_is_counted(observe):
    """Without any span as well."""
    seen = observe()
    seen.told.tell(*STATE, *STATE)
    points = seen.points()
    assert {name: [p.value for p in points[name]] for name in points} == {
        f"sparekey.{name}": [2] for name in ("park", "failover", "probe", "recovery", "failback")
    }


def test_attempts_that_never_end_do_not_pile_up(observe):
    """Whoever was to tell of their end is gone: the oldest is ended as lost."""
    seen = observe(max_open=2)
    for call in range(5):
        seen.told.start(call=call)
    assert [(s.attributes["sparekey.call"], s.attributes["sparekey.outcome"]) for s in seen.spans] == [(c, "lost") for c in (0, 1, 2)]
    seen.told.end(call=4)
    assert seen.spans[-1].attributes["sparekey.outcome"] == "succeeded"


def test_an_attempt_told_twice_leaves_one_span_open(observe):
    """The first one is lost, the second one ends."""
    seen = observe()
    seen.told.start().start().end()
    assert [s.attributes["sparekey.outcome"] for s in seen.spans] == ["lost", "succeeded"]


def test_attempts_side_by_side_are_kept_apart(observe):
    """A call may have two out at once, and other threads have theirs."""
    seen = observe()
    seen.told.start().start("two", 2)
    threads = [threading.Thread(target=lambda c=call: seen.told.start(call=c).end(call=c)) for call in range(2, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen.told.end("two", 2).end(outcome=Outcome.ABANDONED)
    ended = {(s.attributes["sparekey.call"], s.attributes["sparekey.credential"]): s.attributes["sparekey.outcome"] for s in seen.spans}
    assert ended == {(1, "one"): "abandoned", (1, "two"): "succeeded", **{(call, "one"): "succeeded" for call in range(2, 10)}}


def test_an_end_without_a_beginning_is_measured(observe):
    """A hook may be added while calls are out."""
    seen = observe()
    seen.told.end()
    assert (len(seen.spans), len(seen.points()["gen_ai.client.operation.duration"])) == (0, 1)


def test_a_hook_without_a_chain_tells_what_it_knows(observe):
    """A loop of one's own may call it with events."""
    seen = observe()
    lone = OpenTelemetryHook("own", seen.tracing, seen.measuring, operation="embeddings")
    lone(AttemptStarted("x", 1, 1))
    lone(AttemptSucceeded("x", 1, 1))
    (span,) = seen.spans
    assert (span.name, span.attributes["sparekey.credential"]) == ("embeddings", "x")


def test_spans_that_nobody_records_are_not_kept():
    """They take no place from one that is recorded and open."""

    class FirstCall(Sampler):
        def should_sample(self, _parent, _trace, _name, _kind=None, attributes=None, *_more):
            return SamplingResult(Decision.RECORD_AND_SAMPLE if attributes["sparekey.call"] == 1 else Decision.DROP)

        def get_description(self):
            return "the first call"

    spans = InMemorySpanExporter()
    tracing = TracerProvider(sampler=FirstCall())
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    told = Told(OpenTelemetryHook("chat", tracing, max_open=1)).start(call=1)
    for call in range(2, 6):
        told.start(call=call)
    told.end(call=1)
    assert [one.attributes["sparekey.outcome"] for one in spans.get_finished_spans()] == ["succeeded"]
    tracing.shutdown()


def test_a_reason_that_is_no_word_is_no_dimension(observe):
    """A classifier of one's own may hand through a provider's text: it does not become a time series."""
    seen = observe()
    for number in range(300):
        seen.told.end(number=number, failure=Failure(ErrorClass.UNKNOWN, f"request {number} went wrong"))
    (point,) = seen.points()["gen_ai.client.operation.duration"]
    assert (point.count, point.attributes["error.type"]) == (300, "_OTHER")


def test_no_key_is_told(observe):
    """Not in any span, event or metric."""
    seen = observe()
    with seen.caller():
        seen.told.whole()
    everything = "".join(span.to_json() for span in seen.spans) + seen.reader.get_metrics_data().to_json()
    assert KEY not in everything
    assert "hidden" not in everything


@pytest.mark.parametrize(
    ("endpoint", "address", "port"),
    [
        ("https://api.example/v1", "api.example", 443),
        ("http://127.0.0.1:8081", "127.0.0.1", 8081),
        ("http://[::1]/v1", "::1", 80),
        ("host.example/v1", "host.example", 443),
        ("https://user:pass@api.example/?key=x", "api.example", 443),
    ],
)
def test_where_requests_go(endpoint, address, port):
    """Host and port, nothing else of the base URL."""
    assert server(endpoint) == {"server.address": address, "server.port": port}


@pytest.mark.parametrize("endpoint", [None, "", "http://[broken", "http://host:port"])
def test_a_base_url_that_names_no_host_tells_nothing(endpoint):
    """And breaks nothing."""
    assert server(endpoint) == {}
