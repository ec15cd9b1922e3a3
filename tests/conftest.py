"""Shared by every test: a clock that only moves when it is told to, and an environment that is nobody's."""

import gc
import os
import runpy
import signal
import warnings
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test, settings

from fake_clock import FakeClock
from searches import drawn

ONE_ROOT = Path(__file__).parent / "one_root.pem"
"""An authority that has signed nothing. Reading a system's bundle takes a client some 20 ms, and no host here has a name of the world's."""
LONG = (
    *("test_drill_gateway", "test_drill_credentials", "test_drill_others", "test_drill_streams", "test_drill_command"),
    *("test_console_page", "test_gateway_workers", "test_gateway_restart", "test_client_broken", "test_answers_agree"),
    *("test_stores_processes", "test_stores_shared", "test_cli_app", "test_cli_demo"),
    *("test_documented_commands", "test_documented_examples"),
    *("test_transport_engine", "test_transport_failover", "test_core_blame", "test_console_connection", "test_gateway_process"),
    *("test_gateway_openapi", "test_client_node", "test_transport_stale", "test_vlm_keepalive", "test_drill_docs"),
    *("test_writes_agree", "test_drill_cases", "test_embedding_backends", "test_vlm_backends"),
    *("test_gateway_quick", "test_cli_explain", "test_core_machine", "test_core_rescue"),
)
"""Modules that take seconds. They begin first, so that the quick ones fill the gaps at the end; `make test-fast` leaves them out."""
WITHOUT_QUICK = Path(__file__).parent / "without_quick"
settings.register_profile("sparekey", drawn(20))
settings.load_profile("sparekey")


def pytest_addoption(parser):
    """Let the gateway's tests be played by its engine alone; `make test-slow` does."""
    parser.addoption("--without-quick", action="store_true", help="switch the gateway's quick path off, in processes of the tests too")


def pytest_configure(config):
    """Import without looking for garbage."""
    gc.disable()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job; what the tests start would ignore Ctrl-C, too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.getoption("without_quick"):
        runpy.run_path(str(WITHOUT_QUICK / "sitecustomize.py"))
        os.environ["PYTHONPATH"] = os.pathsep.join([str(WITHOUT_QUICK), *filter(None, [os.environ.get("PYTHONPATH")])])


def pytest_collection_finish():
    """Leave out what is there for good: each look for garbage would go through every SDK. Look rarely: tests that need it ask for it."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 100)


def pytest_collection_modifyitems(config, items):
    """Put the long modules first, and mark them; mark what draws examples."""
    if config.getoption("without_quick"):
        items[:] = [item for item in items if item.get_closest_marker("quick") is None]
    places = {name: place for place, name in enumerate(LONG)}
    for item in items:
        if item.path.stem in places:
            item.add_marker(pytest.mark.long)
        if is_hypothesis_test(item.obj):
            item.add_marker(pytest.mark.search)
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture
def clock():
    """A fresh clock that stands still."""
    return FakeClock()


@pytest.fixture(autouse=True, scope="module")
def garbage():
    """Collect at its end what a module has left: tests of others that look for garbage find their own, and quickly.

    Without a word: a loop that has ended leaves sockets of connections that were about to close. Who must leave none has a test.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def environment(tmp_path_factory):
    """Keep what commands remember out of the home of whoever runs the tests; libraries read and fetch nothing large at their start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STATE_DIRECTORY", raising=False)
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.setenv("SSL_CERT_FILE", str(ONE_ROOT))
        patch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # or LiteLLM fetches a table from elsewhere
        yield
