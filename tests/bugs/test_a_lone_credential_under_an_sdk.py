"""`sdk_options([credential])` died of one 500 that the plain SDK survives: it had other defaults than a configuration."""

import pytest

from sparekey import Chain, Credential, Failover, Secret, VLMConfig, limits, sdk_options
from sparekey.lab.simulator import TEXT, Simulator, faults

openai = pytest.importorskip("openai", reason="needs the extra openai")

QUICK = {"retry_delay": 0, "backoff": 0}
"""How often is tried is what matters here, not how long is waited between."""


@pytest.fixture
def provider():
    with Simulator() as simulator:
        yield simulator.provider("only")


def credential(provider):
    return Credential("only", "openai", "sim-chat", endpoint=provider.base_url, api_key=Secret("sk-sim-of-mine"))


def ask(client):
    """One question through an SDK's client."""
    answer = client.chat.completions.create(model="sim-chat", messages=[{"role": "user", "content": "hello"}])
    return answer.choices[0].message.content


def test_one_500_is_survived(provider):
    """As without sparekey."""
    provider.fail(faults.server_error(), times=1)
    with limits(**QUICK), openai.OpenAI(**sdk_options([credential(provider)])) as client:
        assert ask(client) == TEXT
    assert len(provider.requests) == 2


def test_every_way_in_makes_as_many_attempts(provider):
    """On an overload that does not pass: a driver, and a transport over credentials and over a configuration (2 against 8 attempts)."""
    row = {"id": "only", "api_key": "sk-sim-of-mine", "api_base": provider.base_url}
    config = VLMConfig(provider="openai", model="sim-chat", credentials=[row])
    provider.fail(faults.overloaded())

    def by_driver():
        def attempt(one):
            with openai.OpenAI(api_key="sk-sim-of-mine", base_url=one.endpoint, max_retries=0) as client:
                return ask(client)

        Failover(Chain([credential(provider)])).call(attempt)

    def by_transport(source):
        with openai.OpenAI(**sdk_options(source)) as client:
            ask(client)

    ways = [by_driver, lambda: by_transport([credential(provider)]), lambda: by_transport(config)]
    counts = []
    for way in ways:
        before = len(provider.requests)
        with limits(**QUICK), pytest.raises(Exception, match=r"(?i)fail|overload|503"):
            way()
        counts.append(len(provider.requests) - before)
    assert len(set(counts)) == 1, counts
    assert counts[0] > 1
