"""More requests at once than a chain may run: a few run, a few wait, the rest is told at once to come again."""

import asyncio

import httpx
import pytest
from gateway_play import SETTINGS, chain, question

from sparekey.lab.simulator import faults

GREEDY, MODEST = "a-greedy-client-with-a-long-key", "a-modest-client-with-a-long-key"
CLIENTS = '[[gateway.clients]]\nname = "greedy"\nkey = "env:GREEDY_KEY"\n[[gateway.clients]]\nname = "modest"\nkey = "env:MODEST_KEY"\n'
BOUNDS = "max_concurrency = 3\nqueue_size = 5\nqueue_timeout = 30\nanswer_limit = 0"
FORMATS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    """The keys are where the configurations say."""
    monkeypatch.setenv("GREEDY_KEY", GREEDY)
    monkeypatch.setenv("MODEST_KEY", MODEST)


async def crowd(running, number, *, key="none", path=FORMATS["openai"], **more):
    """Send so many requests at once; return their responses."""
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=None), timeout=60) as client:
        sent = {"json": question(**more), "headers": {"authorization": f"Bearer {key}"}}
        return await asyncio.gather(*(client.post(running.url + path, **sent) for _ in range(number)))


@pytest.mark.parametrize("provider", FORMATS)
def test_many_at_once_to_a_slow_provider_are_few_calls(serve, sim, provider):
    """Only those reach it that run or waited; the others get a 503 with `Retry-After` in their format, and keep their connection."""
    slow = sim.provider("slow", wire=provider)
    running = serve(chain("vlm", [slow], provider=provider, extra=BOUNDS) + SETTINGS)
    slow.fail(faults.slow(before=0.5))
    found = asyncio.run(crowd(running, 60, path=FORMATS[provider], max_tokens=9))
    refused = [one for one in found if one.status_code != 200]
    assert len(refused) > 20
    assert {one.status_code for one in refused} == {503}
    assert {one.headers["retry-after"] for one in refused} == {"30"}
    assert refused[0].json()["error"]["type"] == {"openai": "server_error", "anthropic": "overloaded_error"}[provider]
    assert "connection" not in refused[0].headers
    assert len(slow.requests) == 60 - len(refused)


def test_one_greedy_client_does_not_push_out_the_others(serve, sim):
    """While one client keeps the queue full, each request of another one is served."""
    slow = sim.provider("slow")
    running = serve(chain("vlm", [slow], extra=BOUNDS) + SETTINGS + CLIENTS)
    slow.fail(faults.slow(before=0.3))

    async def scene():
        greed = asyncio.create_task(crowd(running, 40, key=GREEDY))
        while len(slow.requests) < 3:  # noqa: ASYNC110 - a condition, not an event
            await asyncio.sleep(0.01)
        modest = [(await crowd(running, 1, key=MODEST))[0].status_code for _ in range(2)]
        return modest, [one.status_code for one in await greed]

    modest, greedy = asyncio.run(scene())
    assert modest == [200, 200]
    assert greedy.count(503) > 10


def test_a_credential_that_is_full_leaves_the_rest_to_the_next_one(serve, pair):
    """`max_concurrency` of a credential: the first one gets so many, the second one what is more."""
    running = serve(chain("vlm", pair, extra="answer_limit = 0").replace('id = "first"', 'id = "first"\nmax_concurrency = 2') + SETTINGS)
    for one in pair:
        one.fail(faults.slow(before=0.5))
    found = asyncio.run(crowd(running, 10))
    assert [one.status_code for one in found] == [200] * 10
    assert 2 <= len(pair[0].requests) < 10
