"""OpenTelemetry's SDK, set up from `OTEL_*` variables unless the program already has one."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import trace

from sparekey.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

_PROTOCOLS: Final = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
_CLOSE_MILLIS: Final = 5000


class OtelProviders(NamedTuple):
    """The providers of spans and measurements; None: the program's global ones."""

    tracing: TracerProvider | None = None
    metering: MeterProvider | None = None

    def close(self) -> None:
        """Export what is not sent yet, in a few seconds at most."""
        for provider in self:
            if provider is not None:
                provider.force_flush(_CLOSE_MILLIS)  # type: ignore[union-attr]  # ours are the SDK's
                provider.shutdown()  # type: ignore[union-attr]


def sdk_of_environment(service: str) -> OtelProviders:
    """Return the program's own providers (`opentelemetry-instrument`'s, say), or create them.

    Args:
        service: the service's name, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` sets
            it.

    Raises:
        ConfigError: the SDK or an exporter that the variables name is not installed.
    """
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return OtelProviders()
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return OtelProviders()
    try:
        from opentelemetry.sdk.metrics import MeterProvider as Metering  # noqa: PLC0415 - the user's to install
        from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider as Tracing  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        raise ConfigError("OpenTelemetry is on, and its SDK is not installed: pip install opentelemetry-sdk and an exporter") from None
    resource = Resource.create({} if _named() else {"service.name": service})
    tracing = Tracing(resource=resource)
    for made in _exporters("traces"):
        tracing.add_span_processor(BatchSpanProcessor(made))
    readers = [made if isinstance(made, MetricReader) else PeriodicExportingMetricReader(made) for made in _exporters("metrics")]
    return OtelProviders(tracing, Metering(readers, resource))


def _named() -> bool:
    return bool(os.environ.get("OTEL_SERVICE_NAME")) or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")


def _exporters(signal: str) -> list[Any]:
    """Create the exporters of a signal (`traces`, `metrics`); each reads its own variables."""
    value = os.environ.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip() or "otlp"
    names = [name.strip() for name in value.split(",")]
    return [_exporter(signal, name) for name in names if name not in {"", "none"}]


def _exporter(signal: str, name: str) -> Any:
    wanted = _otlp(signal) if name == "otlp" else [name]
    known = {entry.name: entry for entry in entry_points(group=f"opentelemetry_{signal}_exporter")}
    for one in wanted:
        if one in known:
            return known[one].load()()
    hint = " (pip install opentelemetry-exporter-otlp-proto-http)" if name == "otlp" else ""
    raise ConfigError(f"OTEL_{signal.upper()}_EXPORTER: the exporter {name!r} for {signal} is not installed{hint}; `none` is none")


def _otlp(signal: str) -> list[str]:
    """Return the possible names of the OTLP exporter: that of the set protocol, else all."""
    for variable in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if value := os.environ.get(variable, "").strip():
            return [_PROTOCOLS.get(value, value)]
    return list(_PROTOCOLS.values())
