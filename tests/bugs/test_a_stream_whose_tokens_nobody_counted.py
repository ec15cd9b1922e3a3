"""A client that did not ask for the tokens of its stream was not counted: they cost money all the same."""

import json

import pytest

from sparekey import Chain, Credential, Secret
from sparekey.lab.simulator import Simulator
from sparekey.lab.simulator.answers import TEXT
from sparekey.transport import sdk_options


@pytest.mark.parametrize("asks", [None, False, True], ids=["says nothing", "wants none", "asks"])
def test_the_provider_is_asked_and_the_caller_sees_what_he_asked_for(asks):
    """The chunk with nothing but tokens reaches only whoever wants it; the chain counts them every time."""
    openai = pytest.importorskip("openai", reason="the SDK openai is not installed")
    with Simulator() as simulator:
        provider = simulator.provider("a")
        chain = Chain([Credential("a", "openai", "m", api_key=Secret("k"), endpoint=provider.base_url)])
        more = {} if asks is None else {"stream_options": {"include_usage": asks}}
        with openai.OpenAI(**sdk_options(chain)) as client:
            stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True, **more)
            chunks = list(stream)
            (attempt,) = stream.response.extensions["sparekey_attempts"]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == TEXT
    assert any(not chunk.choices for chunk in chunks) is (asks is True)
    assert attempt.usage.completion_tokens == 60
    assert json.loads(provider.requests[0].body)["stream_options"] == {"include_usage": True}


def test_a_host_that_refuses_the_field_is_not_asked():
    """By its name, or by the host name of its base URL."""
    from sparekey.providers import dialect_of

    assert dialect_of("openai", None).stream_usage
    assert dialect_of("a server of one's own", "http://localhost:8000/v1").stream_usage
    assert not dialect_of("mistral", None).stream_usage
    assert not dialect_of("openai", "https://api.mistral.ai/v1").stream_usage
    assert not dialect_of("openai", "https://open.bigmodel.cn/api/paas/v4").stream_usage
