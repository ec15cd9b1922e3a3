"""One gateway for the clients of a module, with a chain for each wire; whenever a test begins, the first credential of each is dead."""

import asyncio

import pytest
from client_play import House
from gateway_play import SETTINGS, Running, chain

from sparekey.lab.simulator import Simulator

FAST = "max_retries = 0\npatience = 0"  # what a chain waits for is tested elsewhere
CHAINS = {
    "chat": ("vlm", "openai", "gpt-4o-mini"),
    "embedding": ("embedding.dense", "openai", "text-embedding-3-small"),
    "claude": ("gateway.chat.claude", "anthropic", "claude-sonnet-4-5"),
    "gemini": ("gateway.chat.gemini", "gemini", "gemini-2.5-flash"),
    "vectors": ("gateway.embedding.vectors", "gemini", "gemini-embedding-001"),
}


@pytest.fixture(scope="module")
def one_address(tmp_path_factory):
    """A gateway in front of simulated providers of three wires."""
    file = tmp_path_factory.mktemp("clients") / "sparekey.toml"
    with Simulator() as sim:
        pairs = {name: tuple(sim.provider(f"{name}-{n}", wire=row[1]) for n in ("first", "second")) for name, row in CHAINS.items()}
        tables = [chain(row[0], pairs[name], provider=row[1], model=row[2], extra=FAST) for name, row in CHAINS.items()]
        file.write_text(tables[0] + SETTINGS + "".join(tables[1:]))
        running = Running(file)
        yield House(running, pairs)
        running.stop()


@pytest.fixture(scope="module")
def aio():
    """Runs coroutines in one event loop for the module: some libraries keep their connections from call to call."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def house(one_address):
    """The gateway as it is after the first credentials have died, and before anybody has noticed."""
    one_address.begin()
    return one_address
