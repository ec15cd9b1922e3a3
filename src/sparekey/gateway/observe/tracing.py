"""OpenTelemetry in the gateway: a span per request, with its attempts below it.

The caller's trace is passed on to the provider. Only OpenTelemetry's API is needed here; the
operator installs the SDK and an exporter (see `sparekey.telemetry.sdk`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context, metrics, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sparekey.telemetry.otel import SECONDS, OpenTelemetryHook, attempt_span
from sparekey.telemetry.sdk import sdk_of_environment

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.util.types import AttributeValue

    from sparekey.gateway.api.app import Gateway
    from sparekey.gateway.api.request_handler import Finished
    from sparekey.gateway.api.served_chains import Served
    from sparekey.gateway.upstream.messages import Response
    from sparekey.gateway.upstream.pool import UpstreamClient
    from sparekey.telemetry.sdk import OtelProviders
    from sparekey.wire.request import Kind, Put

_HEADER: Final = b"traceparent"
_CARRIED: Final = TraceContextTextMapPropagator()
"""The only format of traces in and out, whatever `OTEL_PROPAGATORS` says: baggage would carry
callers' data to providers."""
_OPERATIONS: Final[dict[Kind, str]] = {"chat": "chat", "embed": "embeddings"}
_ERROR: Final = 500
_ROUTES: Final = ("/v1/", "/v1beta/", "/v1alpha/", "/openai/")


class Traced:
    """An ASGI application that traces a gateway's requests."""

    def __init__(self, gateway: Gateway, sdk: OtelProviders) -> None:
        """Trace a gateway's requests and chains from now on."""
        self._gateway, self._sdk = gateway, sdk
        self._tracer = trace.get_tracer("sparekey.gateway", tracer_provider=sdk.tracing)
        meter = metrics.get_meter("sparekey.gateway", meter_provider=sdk.metering)
        name, text = "http.server.request.duration", "Duration of HTTP server requests."
        self._seconds = meter.create_histogram(name, "s", text, explicit_bucket_boundaries_advisory=SECONDS)
        self._hooks: dict[str, OpenTelemetryHook] = {}
        for served in gateway.chains.values():
            self.follow(served)
        gateway.newcomers.append(self.follow)
        gateway.observers.append(self.observe)

    def follow(self, served: Served) -> None:
        """Trace a chain; a chain of the same name shares its predecessor's hook."""
        hook = self._hooks.get(served.name)
        if hook is None:
            operation = _OPERATIONS.get(served.kind, "chat")
            hook = OpenTelemetryHook(served.name, self._sdk.tracing, self._sdk.metering, operation=operation)
            self._hooks[served.name] = hook
        served.chain.add_hook(hook)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve an ASGI request within a span."""
        if scope["type"] != "http" or not scope["path"].startswith(_ROUTES):
            await self._gateway(scope, receive, send)
            return
        span = self._tracer.start_span(scope["method"], _context(scope["headers"]), trace.SpanKind.SERVER)
        token = context.attach(trace.set_span_in_context(span))
        try:
            await self._gateway(scope, receive, send)
        finally:
            context.detach(token)
            span.end()

    def observe(self, finished: Finished) -> None:
        """Set the attributes of a finished request on its span, and record its duration."""
        route = _route(finished.path) if finished.chain else ""
        said = _said(finished, route)
        self._seconds.record(finished.seconds, {name: said[name] for name in _MEASURED if name in said})
        span = trace.get_current_span()
        if not span.is_recording():
            return
        span.update_name(f"{finished.method} {route}" if route else finished.method)
        span.set_attributes(said)
        if finished.status >= _ERROR:
            span.set_status(trace.StatusCode.ERROR)

    def close(self) -> None:
        """Export what is measured and not sent yet."""
        self._sdk.close()


class Carrying:
    """An `UpstreamClient` that adds the attempt's trace to each request's headers."""

    def __init__(self, client: UpstreamClient) -> None:
        """Wrap `client`, which sends the requests."""
        self._client = client

    async def send(self, method: str, put: Put, silence: float | None) -> Response:
        """See `UpstreamClient.send`."""
        headers = [pair for pair in put.headers if pair[0] != _HEADER]
        if (span := attempt_span()) is not None:
            found: dict[str, str] = {}
            _CARRIED.inject(found, trace.set_span_in_context(span))
            headers += [(name.encode(), value.encode()) for name, value in found.items() if name.encode() == _HEADER]
        return await self._client.send(method, put._replace(headers=headers), silence)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()


_MEASURED: Final = ("http.request.method", "http.route", "http.response.status_code", "error.type")


def _context(headers: list[tuple[bytes, bytes]]) -> Context | None:
    """Return the caller's trace; None if it sent none."""
    found = next((value for name, value in headers if name == _HEADER), None)
    return None if found is None else _CARRIED.extract({_HEADER.decode(): found.decode("latin-1")}, context.Context())


def _said(finished: Finished, route: str) -> dict[str, AttributeValue]:
    said: dict[str, AttributeValue | None] = {
        "http.request.method": finished.method,
        "http.response.status_code": finished.status,
        "http.route": route or None,
        "url.path": finished.path[:200],
        "error.type": str(finished.status) if finished.status >= _ERROR else None,
        "sparekey.request": finished.request_id,
        "sparekey.client": finished.client or None,
        "sparekey.chain": finished.chain or None,
        "sparekey.credential": finished.credential or None,
        "sparekey.attempts": sum(max(1, one.writes) for one in finished.attempts),
        "sparekey.overhead": finished.overhead,
        "sparekey.left": finished.left or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _route(path: str) -> str:
    """Return a path without the model's name, which Gemini's and Azure's paths contain."""
    parts = path.split("/")
    for before in ("models", "deployments"):
        if before in parts[:-1]:
            at = parts.index(before) + 1
            _, colon, verb = parts[at].partition(":")
            parts[at] = "{model}" + colon + verb
    return "/".join(parts)


def traced(gateway: Gateway) -> Traced:
    """Return a traced gateway.

    Raises:
        ConfigError: the SDK, or the exporter that the environment names, is not installed.
    """
    return Traced(gateway, sdk_of_environment("sparekey"))
