"""OpenTelemetry in the gateway, with the real SDK: a span a request, the attempts below it, one trace from the caller to the provider."""

import concurrent.futures
import http.client
import json
import os
import subprocess
import sys
import time

import pytest
from gateway_play import KEYS, SETTINGS, both, chain, question

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sparekey.errors import ConfigError
from sparekey.gateway.observe import tracing
from sparekey.lab.simulator import faults
from sparekey.telemetry.sdk import OtelProviders, sdk_of_environment

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = f"00-{TRACE}-{PARENT}-01"


class Told:
    """What the SDK was told."""

    def __init__(self):
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracing, self.metering = TracerProvider(), MeterProvider([self.reader])
        self.tracing.add_span_processor(SimpleSpanProcessor(self.exporter))

    def spans(self, kind, count):
        """Return the spans of a kind once there are so many: the answer may be here before its span ends."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            found = [span for span in self.exporter.get_finished_spans() if span.kind.name == kind]
            if len(found) >= count:
                return found
            time.sleep(0.005)
        raise AssertionError(found)

    def metrics(self):
        data = self.reader.get_metrics_data()
        return {m.name: m.data.data_points for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}


@pytest.fixture
def told(monkeypatch):
    """An SDK with exporters in memory, in the place of the environment's."""
    one = Told()
    monkeypatch.setattr(tracing, "sdk_of_environment", lambda _: OtelProviders(one.tracing, one.metering))
    yield one
    one.tracing.shutdown()
    one.metering.shutdown()


@pytest.fixture
def traced(serve, pair, told, upstream):
    return serve(chain("vlm", pair) + SETTINGS + f'opentelemetry = true\nupstream = "{upstream}"\n')


def sent(provider, number=0):
    """Return the trace and span that a provider was told of."""
    _, trace, span, flags = provider.requests[number].headers["traceparent"].split("-")
    return int(trace, 16), int(span, 16), flags


@both
@pytest.mark.parametrize("stream", [False, True])
def test_one_trace_from_the_caller_to_the_provider(traced, pair, told, stream):
    """The request's span is a child of the caller's, each attempt's of the request's, and the provider is told of the attempt's."""
    pair[0].fail(faults.auth())
    assert traced.ask(body=question(stream=stream), traceparent=CALLER, tracestate="v=1", baggage="user=7")[0] == 200
    (request,), attempts = told.spans("SERVER", 1), told.spans("CLIENT", 2)
    assert (request.context.trace_id, request.parent.span_id) == (int(TRACE, 16), int(PARENT, 16))
    assert [a.attributes["sparekey.credential"] for a in attempts] == ["first", "second"]
    assert {a.parent.span_id for a in attempts} == {request.context.span_id}
    for provider, attempt in zip(pair, attempts, strict=True):
        assert sent(provider) == (int(TRACE, 16), attempt.context.span_id, "01")
        assert not {"baggage", "tracestate"} & provider.requests[0].headers.keys()


def test_what_a_span_says(traced, pair, told):
    """Route, status, chain, credential and the number of attempts; of an attempt provider, model, tokens and why it failed."""
    pair[0].fail(faults.auth())
    _, headers, _ = traced.ask(body=question())
    (request,), (failed, served) = told.spans("SERVER", 1), told.spans("CLIENT", 2)
    assert request.name == "POST /v1/chat/completions"
    wanted = {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "sparekey.request": headers["x-sparekey-request-id"],
        "sparekey.chain": "chat",
        "sparekey.credential": "second",
        "sparekey.attempts": 2,
    }
    assert wanted.items() <= dict(request.attributes).items()
    assert request.status.is_ok or request.status.is_unset
    assert {"gen_ai.request.model": "gpt-4o-mini", "error.type": "invalid_key"}.items() <= dict(failed.attributes).items()
    assert served.attributes["gen_ai.usage.output_tokens"] > 0


def test_what_fails_is_an_error(traced, pair, told):
    """An exhausted chain is an error of the server; a refused request and a path that is not there are the client's."""
    for one in pair:
        one.fail(faults.auth())
    for asked in ({"body": question()}, {"body": b"no json"}, {"body": question(), "path": "/v1/nothing/" + "x" * 300}):
        traced.ask(**asked)
    exhausted, refused, nowhere = told.spans("SERVER", 3)
    assert (exhausted.attributes["error.type"], exhausted.status.status_code.name) == ("502", "ERROR")
    assert (refused.name, refused.status.status_code.name) == ("POST", "UNSET")
    assert len(nowhere.attributes["url.path"]) == 200


def test_no_trace_holds_a_key(traced, pair, told):
    """K15: neither the provider's key nor the client's, nor what they said to each other."""
    pair[0].fail(faults.echo_key())
    traced.ask("POST", "/v1/chat/completions?key=client-secret", question(), authorization="Bearer client-secret")
    everything = "".join(span.to_json() for span in told.spans("CLIENT", 2) + told.spans("SERVER", 1))
    assert not any(word in everything for word in (*KEYS, "client-secret", "spare key?"))


def test_measurements(traced, told):
    """How long requests took, by route and status, beside what the chain's hook measures."""
    traced.ask(body=question())
    told.spans("SERVER", 1)
    found = told.metrics()
    (point,) = found["http.server.request.duration"]
    assert dict(point.attributes) == {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
    }
    assert found["gen_ai.client.operation.duration"][0].count == 1


def test_a_reload_goes_on_in_the_same_trace_of_things(traced, pair, told):
    """Chains that are read anew are told of once, not twice."""
    text = traced.file.read_text()
    for _ in range(2):
        traced.write(text.replace("gpt-4o-mini", "gpt-5"))
    traced.ask(body=question())
    (attempt,) = told.spans("CLIENT", 1)
    assert attempt.attributes["gen_ai.request.model"] == "gpt-5"


def test_requests_that_run_at_once_do_not_mix(traced, pair, told):
    """Each attempt is below its own request, and each provider hears of its own attempt."""
    pair[0].fail(faults.slow(before=0.1))
    with concurrent.futures.ThreadPoolExecutor(8) as crowd:
        asked = [crowd.submit(traced.ask, body=question(stream=i % 2 == 1)) for i in range(8)]
        assert {one.result()[0] for one in asked} == {200}
    requests, attempts = told.spans("SERVER", 8), told.spans("CLIENT", 8)
    assert sorted(a.parent.span_id for a in attempts) == sorted(r.context.span_id for r in requests)
    assert sorted(sent(pair[0], i)[1] for i in range(8)) == sorted(a.context.span_id for a in attempts)


def test_without_it_the_callers_trace_passes_as_it_is(running, pair):
    """Off: `traceparent` is a header like others; what may carry data of the caller stays here."""
    running.ask(body=question(), traceparent=CALLER, tracestate="v=1", baggage="user=7")
    seen = pair[0].requests[0].headers
    assert seen["traceparent"] == CALLER
    assert not {"baggage", "tracestate"} & seen.keys()


# ── the SDK as the variables say ──


def asked(port):
    """Ask a gateway that is about to listen."""
    for _ in range(1000):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(question()), {"content-type": "application/json"})
            assert connection.getresponse().read()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
        finally:
            connection.close()


def test_the_environment_decides_where_to(pair, tmp_path):
    """`sparekey serve` with the SDK and its variables: spans and metrics come out at the exporter that is named."""
    file = tmp_path / "sparekey.toml"
    file.write_text(chain("vlm", pair) + SETTINGS + "opentelemetry = true\n")
    place = {**os.environ, "OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "console", "OTEL_SERVICE_NAME": "keys"}
    line = [sys.executable, "-m", "sparekey", "serve", "--config", str(file)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=place, text=True) as process:
        said = process.stderr.readline()
        port = int(said.partition("http://127.0.0.1:")[2].partition(" ")[0])
        asked(port)
        process.terminate()
        out, _ = process.communicate(timeout=20)
    assert '"name": "POST /v1/chat/completions"' in out
    assert '"name": "chat gpt-4o-mini"' in out
    assert "http.server.request.duration" in out
    assert '"service.name": "keys"' in out


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "OTEL_TRACES_EXPORTER: the exporter 'otlp' for traces is not installed"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "nowhere"}, "the exporter 'nowhere' for metrics"),
    ],
)
def test_an_exporter_that_is_not_there_is_named(monkeypatch, variables, words):
    """Nothing is traced into nowhere: the start says what to install."""
    for name in ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    from sparekey.telemetry import sdk

    monkeypatch.setattr(sdk, "entry_points", lambda **_: [])
    with pytest.raises(ConfigError, match=words):
        sdk_of_environment("sparekey")


def test_it_can_be_switched_off_from_outside(monkeypatch):
    """`OTEL_SDK_DISABLED` stands above the configuration."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert sdk_of_environment("sparekey") == OtelProviders(None, None)


def test_providers_that_are_there_already_are_used(monkeypatch, told):
    """`opentelemetry-instrument`, or the program around the gateway, has the first word: no second SDK is set up beside it."""
    from opentelemetry import trace

    monkeypatch.delenv("OTEL_SDK_DISABLED", raising=False)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: told.tracing)
    assert sdk_of_environment("sparekey") == OtelProviders(None, None)
