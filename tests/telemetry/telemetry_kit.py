"""A chain whose events a test tells itself, and real exporters to read back what a hook made of them."""

from functools import cached_property

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sparekey import AllCredentialsFailedError, Attempt, Chain, Credential, Failure, Outcome, Secret, Usage
from sparekey.core.events import (
    AttemptAbandoned,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    ContentStarted,
    Exhausted,
    Parked,
    Probed,
    Recovered,
    Switched,
)
from sparekey.telemetry import OpenTelemetryHook
from sparekey.types import ErrorClass, Scope

KEY = "unusual.key.of.one"
CREDENTIALS = (
    Credential("one", "azure", "big", "team", "https://one.example/openai?key=hidden", Secret(KEY)),
    Credential("two", "mistral", "small", None, "http://user:hidden@127.0.0.1:8081/v1", Secret("two")),
)
USAGE = Usage(prompt_tokens=100, completion_tokens=20, cached_tokens=64, reasoning_tokens=5)
RATE = Failure(ErrorClass.TRANSIENT, "rate_limited", Scope.CREDENTIAL, 3.0, 429, f"slow down, {KEY}, sk-aaaaaaaaaaaaaaaa")
STATE = (
    Parked("account:team", 600.0, ErrorClass.QUOTA_EXCEEDED, "insufficient_balance"),
    Switched("one", "two", failback=False),
    Probed("account:team"),
    Recovered("account:team"),
    Switched("two", "one", failback=True),
)
ENDINGS = {Outcome.SUCCEEDED: AttemptSucceeded, Outcome.ABANDONED: AttemptAbandoned}


class Told:
    """A chain with hooks that tells of attempts as a driver does."""

    def __init__(self, *hooks, credentials=CREDENTIALS):
        self.chain = Chain(credentials, hooks=hooks)

    def tell(self, *events):
        for event in events:
            self.chain.tell(event)
        return self

    def start(self, who="one", number=1, call=1, probe=False):
        return self.tell(AttemptStarted(who, call, number, probe))

    def content(self, who="one", number=1, call=1, after=0.3):
        return self.tell(ContentStarted(who, call, number, after))

    def end(self, who="one", number=1, call=1, outcome=Outcome.SUCCEEDED, failure=None, **more):
        """End an attempt; a failure makes it a failed one."""
        if failure is not None:
            attempt = Attempt(who, Outcome.FAILED, failure, **{"duration": 1.5, **more})
            return self.tell(AttemptFailed(who, failure, call, number, attempt))
        return self.tell(ENDINGS[outcome](who, call, number, Attempt(who, outcome, **{"duration": 1.5, **more})))

    def whole(self):
        """Everything that can happen, each once."""
        self.start().end(failure=RATE)
        self.start("two", 2).content("two", 2).end("two", 2, usage=USAGE, first_content=0.3)
        self.start("one", 1, 2, probe=True).end("one", 1, 2, Outcome.ABANDONED, usage=Usage(7, 0), probe=True)
        self.tell(*STATE)
        error = AllCredentialsFailedError([("one", ErrorClass.AUTH, ValueError(KEY), 0)], 12.0)
        return self.tell(Exhausted(error, 3))


class Observed:
    """The hook of OpenTelemetry under the real SDK, and what its exporters got."""

    def __init__(self, **options):
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracing = TracerProvider()
        self.tracing.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.measuring = MeterProvider([self.reader])
        self.hook = OpenTelemetryHook("chat", self.tracing, self.measuring, **options)

    @cached_property
    def told(self):
        """A chain of two credentials that has the hook."""
        return Told(self.hook)

    @property
    def spans(self):
        return self.exporter.get_finished_spans()

    def points(self):
        """The data points by the name of their metric."""
        data = self.reader.get_metrics_data()
        found = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics] if data else []
        return {metric.name: list(metric.data.data_points) for metric in found}

    def caller(self):
        return self.tracing.get_tracer("caller").start_as_current_span("request")

    def close(self):
        self.tracing.shutdown()
        self.measuring.shutdown()
