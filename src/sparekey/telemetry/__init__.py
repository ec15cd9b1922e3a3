"""Hooks that report a chain's events to OpenTelemetry, Prometheus and structlog.

See docs/telemetry.md. Each hook needs its extra (`otel`, `prometheus`, `structlog`) and is loaded
on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparekey.telemetry.log import StructlogHook
    from sparekey.telemetry.otel import OpenTelemetryHook
    from sparekey.telemetry.prometheus import PrometheusHook

__all__ = ["OpenTelemetryHook", "PrometheusHook", "StructlogHook"]

_HOMES = {"OpenTelemetryHook": "otel", "PrometheusHook": "prometheus", "StructlogHook": "log"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sparekey.telemetry' has no attribute {name!r}")
    return getattr(import_module(f"sparekey.telemetry.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
