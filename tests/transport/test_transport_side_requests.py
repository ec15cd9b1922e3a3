"""Requests about something else than the chain's model: the active credential first, then the others."""

import asyncio

import httpx2
import pytest

from fake_clock import FakeClock
from sparekey import AsyncFailoverTransport, Chain, Credential, FailoverTransport, Policy, Secret
from sparekey.types import Outcome

URL = "https://any.example/v1/images/generations"
OVERLOADED = {"error": {"message": "The server is overloaded.", "type": "server_error", "code": None}}


class Hosts:
    """Hosts `a`, `b` and `c`; each request takes `seconds` of the chain's clock, `down` say that they are overloaded."""

    def __init__(self, down, seconds=0.0, **policy):
        self.down, self.seconds, self.asked, self.clock = down, seconds, [], FakeClock()
        rows = [Credential(i, "openai", "m", endpoint=f"https://{i}.example/v1", api_key=Secret("key-0123")) for i in "abc"]
        self.chain = Chain(rows, Policy(**policy), clock=self.clock, pace=0.0 if not policy else 1.0)

    def answer(self, request):
        self.asked.append(request.url.host[0])
        self.clock.now += self.seconds
        down = request.url.host[0] in self.down
        return httpx2.Response(503, json=OVERLOADED) if down else httpx2.Response(200, json={"created": 1, "data": [{"url": "u"}]})

    def ask(self, asynchronous):
        upstream = httpx2.MockTransport(self.answer)

        async def asked():
            async with httpx2.AsyncClient(transport=AsyncFailoverTransport(self.chain, upstream=upstream)) as client:
                return await client.post(URL, json={"model": "dall-e-3", "prompt": "a key"})

        if asynchronous:
            return asyncio.run(asked())
        with httpx2.Client(transport=FailoverTransport(self.chain, upstream=upstream)) as client:
            return client.post(URL, json={"model": "dall-e-3", "prompt": "a key"})


both = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@both
def test_one_ledger_for_all_who_were_asked(asynchronous):
    """Whoever looks at the answer finds the attempt that failed as well."""
    hosts = Hosts("a")
    ledger = hosts.ask(asynchronous).extensions["sparekey_attempts"]
    assert [(one.credential_id, one.outcome) for one in ledger] == [("a", Outcome.FAILED), ("b", Outcome.SUCCEEDED)]
    assert hosts.chain.active_id == "a"


@both
def test_one_deadline_for_all_who_are_asked(asynchronous):
    """Those who are asked behind the active one have what it left of the deadline."""
    hosts = Hosts("abc", seconds=3.0, deadline=5.0)
    assert hosts.ask(asynchronous).status_code == 503
    assert hosts.asked == ["a", "b"]


@both
def test_nobody_is_asked_behind_the_deadline(asynchronous):
    """Where the active one took all of it, the caller hears what that one said."""
    hosts = Hosts("abc", seconds=6.0, deadline=5.0)
    assert hosts.ask(asynchronous).status_code == 503
    assert hosts.asked == ["a"]
