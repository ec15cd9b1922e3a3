"""OpenTelemetry: one span per attempt, and the metrics of the GenAI semantic conventions.

The conventions (github.com/open-telemetry/semantic-conventions-genai) are still in development.
Names that this hook adds begin with `sparekey.`.
"""

from __future__ import annotations

from contextvars import ContextVar
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

from sparekey.core import events
from sparekey.errors import MissingExtraError
from sparekey.providers import find
from sparekey.telemetry.hook import OTHER, OUTCOMES, Hook, park_word
from sparekey.types import Credential

SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)

_PORTS: Final = {"http": 80, "https": 443}


def about(credential: Credential, operation: str) -> dict[str, str | int]:
    """Return the attributes of every request with a credential; unknown ones are left out."""
    row = find(credential.provider)
    attributes = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": (row.genai or row.name) if row else credential.provider,
        "gen_ai.request.model": credential.model,
    }
    return {name: value for name, value in attributes.items() if value} | server(credential.endpoint)


def server(endpoint: str | None) -> dict[str, str | int]:
    """Return host and port of a base URL, and nothing else: its other parts may hold a key."""
    try:
        parts = urlsplit(endpoint if endpoint and "://" in endpoint else f"//{endpoint or ''}")
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme, 443)
    except ValueError:
        return {}
    return {"server.address": host, "server.port": port} if host else {}


try:
    from opentelemetry import metrics, trace
except ImportError as exc:
    raise MissingExtraError("OpenTelemetryHook", "otel") from exc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Span, TracerProvider
    from opentelemetry.util.types import AttributeValue

    from sparekey.engine.chain_state import ChainState
    from sparekey.telemetry.hook import Ended
    from sparekey.types import Failure, Usage

    Attributes: TypeAlias = dict[str, AttributeValue]

_NO_TYPE: Final = "_OTHER"
"""The conventions' `error.type` of an error without a name."""
_HAPPENINGS: Final = ("failover", "failback", "park", "probe", "recovery", "exhausted")
"""Events of the chain itself: each is a counter and a span event named `sparekey.<name>`."""
_ATTEMPT: Final[ContextVar[Span | None]] = ContextVar("sparekey_attempt_span", default=None)


def attempt_span() -> Span | None:
    """Return the current attempt's span, to pass its trace on.

    None outside an attempt or a hook.
    """
    return _ATTEMPT.get()


class OpenTelemetryHook(Hook):
    """Reports a chain to OpenTelemetry: `Chain(..., hooks=[OpenTelemetryHook("chat")])`.

    Each attempt is a span of kind CLIENT below the span that is current when it starts. It does not
    become the current span itself, so spans of an instrumented HTTP client stand beside it. Events
    of the chain (failover, park, ...) become events of the current span.
    """

    def __init__(
        self,
        chain_name: str,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        *,
        operation: str = "chat",
        max_open: int = 4096,
    ) -> None:
        """Create the hook and its instruments.

        Args:
            chain_name: the chain's name, in `sparekey.chain`.
            tracer_provider: where spans go; the global one if None.
            meter_provider: where measurements go; the global one if None.
            operation: `gen_ai.operation.name` of the chain's calls: `chat`, `embeddings`,
                `generate_content`, `text_completion`.
            max_open: the most attempts at once. Beyond it the oldest attempt's span ends as `lost`:
                its end was never reported.
        """
        super().__init__(chain_name)
        self._operation = operation
        self._tracer = trace.get_tracer("sparekey", tracer_provider=tracer_provider)
        self._instruments = _Instruments(metrics.get_meter("sparekey", meter_provider=meter_provider))
        self._open = _OpenSpans(max_open)
        self._about: dict[str, Attributes] = {}

    def attach(self, chain_state: ChainState) -> None:
        """Store the chain's credentials and their constant attributes."""
        super().attach(chain_state)
        self._about = {c.id: self._attributes_of(c) for c in chain_state.pool.credentials}

    def _attributes_of(self, credential: Credential) -> Attributes:
        return {**about(credential, self._operation), "sparekey.chain": self.chain_name, "sparekey.credential": credential.id}

    def _of(self, credential_id: str) -> Attributes:
        return self._about.get(credential_id) or self._attributes_of(Credential(credential_id))

    def _started(self, event: events.AttemptStarted) -> None:
        known = self._of(event.credential_id)
        model = known.get("gen_ai.request.model")
        span = self._tracer.start_span(
            f"{self._operation} {model}" if model else self._operation,
            kind=trace.SpanKind.CLIENT,
            attributes={**known, "sparekey.call": event.call, "sparekey.attempt": event.number, "sparekey.probe": event.probe},
        )
        _ATTEMPT.set(span)
        if span.is_recording():
            self._open.put((event.call, event.number), span)

    def _content(self, event: events.ContentStarted) -> None:
        if (span := self._open.get((event.call, event.number))) is not None:
            span.set_attributes({"gen_ai.request.stream": True, "gen_ai.response.time_to_first_chunk": event.after})
        self._instruments.first_chunk.record(event.after, self._of(event.credential_id))

    def _ended(self, event: Ended) -> None:
        failure = event.failure if isinstance(event, events.AttemptFailed) else None
        outcome, reason = OUTCOMES[type(event)], self._error_type(failure) if failure else ""
        if (span := self._open.take((event.call, event.number))) is not None:
            self._close(span, outcome, failure, reason, event.attempt.usage if event.attempt else None)
        if event.attempt is not None:
            self._measure(event, outcome, reason)

    def _error_type(self, failure: Failure) -> str:
        reason = self.reasons(failure.reason)
        return _NO_TYPE if reason in {"", OTHER} else reason

    def _close(self, span: Span, outcome: str, failure: Failure | None, reason: str, usage: Usage | None) -> None:
        attributes: Attributes = {"sparekey.outcome": outcome}
        if usage is not None:
            attributes |= _counted(usage)
        if failure is not None:
            attributes |= {"error.type": reason, "sparekey.error_class": str(failure.error_class)}
            if failure.status is not None:
                attributes["http.response.status_code"] = failure.status
            span.set_status(trace.StatusCode.ERROR, self.shown(failure.message))
        span.set_attributes(attributes)
        span.end()

    def _measure(self, event: Ended, outcome: str, reason: str) -> None:
        assert event.attempt is not None
        known, usage = self._of(event.credential_id), event.attempt.usage
        ended: Attributes = {**known, "sparekey.outcome": outcome}
        if reason:
            ended["error.type"] = reason
        self._instruments.duration.record(event.attempt.duration, ended)
        if usage is not None:
            self._instruments.tokens.record(usage.prompt_tokens, {**known, "gen_ai.token.type": "input"})
            self._instruments.tokens.record(usage.completion_tokens, {**known, "gen_ai.token.type": "output"})

    def _happened(self, name: str, *, on_span: Mapping[str, AttributeValue] | None = None, **facts: str) -> None:
        attributes: Attributes = {"sparekey.chain": self.chain_name, **{f"sparekey.{key}": value for key, value in facts.items()}}
        self._instruments.happenings[name].add(1, attributes)
        trace.get_current_span().add_event(f"sparekey.{name}", {**attributes, **(on_span or {})})

    def _switched(self, event: events.Switched) -> None:
        self._happened("failback" if event.failback else "failover", old=event.old, new=event.new)

    def _parked(self, event: events.Parked) -> None:
        why = {"error_class": str(event.cause or ""), "reason": self.reasons(event.reason), "park": park_word(event)}
        for_seconds = {} if event.seconds is None else {"sparekey.seconds": event.seconds}
        self._happened("park", on_span=for_seconds, what=self.shown(event.what), **why)

    def _probed(self, event: events.Probed) -> None:
        self._happened("probe", what=self.shown(event.what))

    def _recovered(self, event: events.Recovered) -> None:
        self._happened("recovery", what=self.shown(event.what))

    def _exhausted(self, event: events.Exhausted) -> None:
        wait = event.error.retry_after
        self._happened("exhausted", on_span={} if wait is None else {"sparekey.retry_after": wait})

    handlers: ClassVar[Mapping[type, Callable[[Any, Any], None]]] = {
        events.AttemptStarted: _started,
        events.ContentStarted: _content,
        **dict.fromkeys(OUTCOMES, _ended),
        events.Switched: _switched,
        events.Parked: _parked,
        events.Probed: _probed,
        events.Recovered: _recovered,
        events.Exhausted: _exhausted,
    }


def _counted(usage: Usage) -> Attributes:
    parts = {"cache_read.input_tokens": usage.cached_tokens, "reasoning.output_tokens": usage.reasoning_tokens}
    whole = {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}
    return {f"gen_ai.usage.{name}": count for name, count in (whole | {k: n for k, n in parts.items() if n}).items()}


class _Instruments:
    """The metrics: three of the conventions, and a counter for each event of the chain."""

    def __init__(self, meter: Meter) -> None:
        def histogram(name: str, unit: str, text: str, bounds: tuple[float, ...]) -> metrics.Histogram:
            return meter.create_histogram(f"gen_ai.client.{name}", unit, text, explicit_bucket_boundaries_advisory=bounds)

        self.duration = histogram("operation.duration", "s", "GenAI operation duration.", SECONDS)
        self.first_chunk = histogram("operation.time_to_first_chunk", "s", "Time to receive the first chunk of a stream.", SECONDS)
        self.tokens = histogram("token.usage", "{token}", "Number of input and output tokens used.", TOKENS)
        self.happenings = {name: meter.create_counter(f"sparekey.{name}", f"{{{name}}}") for name in _HAPPENINGS}


class _OpenSpans:
    """The spans of running attempts; bounded, because an attempt whose task is lost never ends."""

    def __init__(self, limit: int) -> None:
        self._limit, self._lock = limit, Lock()
        self._spans: dict[tuple[int, int], Span] = {}

    def put(self, key: tuple[int, int], span: Span) -> None:
        """Keep a span; end one of the same key, or the oldest if there are too many, as lost."""
        with self._lock:
            lost = [self._spans.pop(key)] if key in self._spans else []
            self._spans[key] = span
            if len(self._spans) > self._limit:
                lost.append(self._spans.pop(next(iter(self._spans))))
        for left in lost:
            left.set_attribute("sparekey.outcome", "lost")
            left.end()

    def get(self, key: tuple[int, int]) -> Span | None:
        """Return a span and keep it."""
        return self._spans.get(key)

    def take(self, key: tuple[int, int]) -> Span | None:
        """Return a span and remove it."""
        with self._lock:
            return self._spans.pop(key, None)
