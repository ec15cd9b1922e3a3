"""Hooks for a chain that nobody but the transport holds."""

import asyncio

import pytest
from sdk_talk import ask, credentials

from sparekey import AsyncFailoverTransport, FailoverTransport, VLMConfig
from sparekey.lab.simulator import faults
from sparekey.lab.simulator.answers import TEXT


def config(*providers):
    rows = [{"provider": p.wire.name, "model": f"model-{p.name}", "api_key": f"key-{p.name}", "api_base": p.base_url} for p in providers]
    return VLMConfig(credentials=rows)


@pytest.mark.parametrize("mode", ["sync", "asyncio"])
@pytest.mark.parametrize("sdk", ["openai", "gemini"])
def test_hooks_hear_of_a_configured_chain(provide, sdk, mode):
    """Each event is told once, also where an SDK's client has two faces over one chain."""
    first, second = provide("first", "second", wire=sdk)
    first.fail(faults.auth())
    heard = []
    assert ask(sdk, config(first, second), mode=mode, hooks=[heard.append]) == TEXT
    names = [type(event).__name__ for event in heard]
    assert (names.count("AttemptFailed"), names.count("AttemptSucceeded")) == (1, 1)


def test_the_transports_take_hooks(provide):
    """The parts for a client of one's own take hooks, too."""
    (first,) = provide("first")
    heard = []
    made = FailoverTransport(credentials(first), hooks=[heard.append])
    other = AsyncFailoverTransport(credentials(first), hooks=[heard.append])
    assert made.chain.hooks == other.chain.hooks == [heard.append]
    made.close()
    asyncio.run(other.aclose())
