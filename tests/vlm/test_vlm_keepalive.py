"""K17 through the wrappers: a provider that keeps its connection alive and says nothing is overtaken, over real HTTP and real SDKs."""

import asyncio
import gc
import importlib

import pytest

from sparekey import VLMConfig, limits
from sparekey.lab.simulator import TEXT, faults

KEY = "sk-sim-0123456789abcdef"
WIRES = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash"}


@pytest.fixture(scope="module", autouse=True)
def sdks():
    """Import them first, so that looking for garbage below does not go through them each time."""
    for name in ("openai", "anthropic", "google.genai"):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


@pytest.fixture
def pair(simulator):
    """Make two providers of one wire and the wrapper over them; nothing may be left open."""
    made = []

    def make(wire):
        providers = [simulator.provider(f"{wire}{len(simulator.providers)}", wire=wire, keys=(KEY,)) for _ in range(2)]
        credentials = [{"id": p.name, "provider": wire, "model": WIRES[wire], "api_key": KEY, "api_base": p.base_url} for p in providers]
        config = VLMConfig(credentials=credentials, max_retries=0)
        made.append((providers, config))
        return providers[0], config.get_vlm_instance()

    yield make
    for providers, config in made:
        config.close()
        gc.collect()
        assert all(p.wait_for(lambda p: p.open_connections == 0, 30) for p in providers)


async def collected(vlm):
    """The text of an async stream, and its ledger."""
    stream = vlm.stream_completion_async("hi")
    text = "".join([str(chunk) async for chunk in stream])
    await vlm.aclose()
    return text, stream.attempts


@pytest.mark.parametrize(("style", "how"), [("comment", "sync"), ("empty", "async")])
@pytest.mark.parametrize("wire", WIRES)
def test_the_next_credential_answers(pair, wire, style, how):
    """Comments, pings and events without content are no answer; the first one's call is broken off."""
    first, vlm = pair(wire)
    first.fail(faults.keepalive(style, every=0.01))
    with limits(first_content_limit=0.1):
        if how == "async":
            text, ledger = asyncio.run(collected(vlm))
        else:
            stream = vlm.stream_completion("hi")
            text, ledger = "".join(map(str, stream)), stream.attempts
    assert text == TEXT
    assert {a.reason for a in ledger[:-1]} == {"slow_start"}
    assert first.wait_for(lambda p: p.abandoned, 30)
