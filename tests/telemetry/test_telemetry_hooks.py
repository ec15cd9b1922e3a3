"""How hooks are had and attached."""

import json
import logging
import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from telemetry_kit import CREDENTIALS, STATE, Told

from sparekey import Chain
from sparekey.telemetry import OpenTelemetryHook, PrometheusHook, StructlogHook


def fresh(code):
    """What `code` prints in a fresh interpreter, read as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_importing_loads_no_library():
    """Neither the package nor its telemetry loads one before a hook is asked for."""
    loaded = fresh("import sparekey, sparekey.telemetry, sys, json; print(json.dumps(sorted(sys.modules)))")
    assert not {"opentelemetry", "prometheus_client", "structlog"} & set(loaded)


def test_a_missing_extra_is_named():
    """What to install stands in the error; it is an ImportError, too."""
    code = (
        "import sys, json\n"
        "sys.modules.update(dict.fromkeys(('opentelemetry', 'prometheus_client', 'structlog')))\n"
        "import sparekey.telemetry as t\n"
        "said = []\n"
        "for name in t.__all__:\n"
        "    try: getattr(t, name)\n"
        "    except ImportError as exc: said.append([type(exc).__name__, str(exc).split(' (')[0]])\n"
        "print(json.dumps(said))"
    )
    assert fresh(code) == [
        ["MissingExtraError", "OpenTelemetryHook needs the extra 'otel': pip install 'sparekey[otel]'"],
        ["MissingExtraError", "PrometheusHook needs the extra 'prometheus': pip install 'sparekey[prometheus]'"],
        ["MissingExtraError", "StructlogHook needs the extra 'structlog': pip install 'sparekey[structlog]'"],
    ]


def test_an_unknown_name_is_an_attribute_error():
    """As with any module."""
    import sparekey.telemetry

    with pytest.raises(AttributeError, match=r"module 'sparekey.telemetry' has no attribute 'nothing'"):
        _ = sparekey.telemetry.nothing
    assert dir(sparekey.telemetry) == ["OpenTelemetryHook", "PrometheusHook", "StructlogHook"]


def test_several_hooks_hear_everything(caplog):
    """One that raises is logged; it keeps nothing from the others."""

    def broken(_event):
        raise RuntimeError("out of order")

    heard, registry = [], CollectorRegistry()
    with caplog.at_level(logging.ERROR, "sparekey"):
        Told(broken, PrometheusHook("chat", registry), heard.append).tell(*STATE)
    assert heard == list(STATE)
    assert b"sparekey_failovers_total" in generate_latest(registry)
    assert "a hook raised" in caplog.text


@pytest.mark.parametrize("make", [OpenTelemetryHook, StructlogHook, lambda name: PrometheusHook(name, CollectorRegistry())])
def test_events_of_the_future_are_no_errors(make):
    """A hook drops what it does not know."""
    make("chat")(object())


def test_a_hook_is_shown_its_chain():
    """When it is added, however it is added, and before any event."""

    class Curious:
        chain = None

        def attach(self, chain):
            self.chain = chain

        def __call__(self, event):
            assert self.chain.credentials == CREDENTIALS

    first, later = Curious(), Curious()
    chain = Chain(CREDENTIALS, hooks=[first])
    chain.add_hook(later)
    assert first.chain is later.chain is chain
