"""A running gateway for every test of it."""

import pytest
from gateway_play import SETTINGS, Running, chain

from sparekey.lab.simulator import Simulator


@pytest.fixture
def sim():
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def serve(tmp_path):
    """Start a gateway on a configuration in TOML."""
    made = []

    def start(text):
        file = tmp_path / f"sparekey-{len(made)}.toml"
        file.write_text(text)
        made.append(Running(file))
        return made[-1]

    yield start
    for one in made:
        one.stop()


@pytest.fixture
def pair(sim):
    """Two OpenAI providers."""
    return sim.provider("first"), sim.provider("second")


@pytest.fixture
def upstream():
    """What connects to providers; tests marked with `gateway_play.both` run with each."""
    return "httptools"


@pytest.fixture
def running(serve, pair, upstream):
    """A gateway over two OpenAI providers."""
    return serve(chain("vlm", pair) + SETTINGS + f'upstream = "{upstream}"\n')


@pytest.fixture(scope="module")
def browser():
    """A real Chromium."""
    from console_kit import BROWSER, FLAGS

    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    if BROWSER is None:
        pytest.skip("Chromium is not installed (Debian's package chromium)")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield opened
        opened.close()
