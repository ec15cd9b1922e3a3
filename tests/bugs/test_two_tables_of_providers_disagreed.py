"""Eleven tables spoke about providers, each with names and addresses of its own; where they differed, one way in was wrong."""

import pytest

from sparekey import Credential, Secret, VLMConfig
from sparekey.embedding import EmbedderFactory
from sparekey.errors import ConfigError
from sparekey.telemetry.otel import about
from sparekey.transport.routing_table import routing_table
from sparekey.vlm import VLMFactory

OLD_KIMI = "https://api.kimi.com/coding"


def test_minimax_is_reached_at_one_address():
    """The embedder asked another host than the configuration's page says, if it was made without a configuration."""
    pytest.importorskip("httpx2")
    embedder = EmbedderFactory.create({"provider": "minimax", "model": "embo-01", "api_key": "k"})
    assert embedder.api_base == "https://api.minimax.io/v1"
    embedder.close()


def test_older_names_of_kimis_work_on_every_way():
    """Only the wrapper knew them: the transports and the gateway asked another format's address for a model of no name, and got a 404."""
    pytest.importorskip("openai", reason="the openai SDK is not installed")
    chain = VLMConfig(model="k2p5", credentials=[{"id": "a", "provider": "kimi", "api_key": "k", "api_base": OLD_KIMI}])
    target = routing_table(chain).targets["a"]
    assert (target.base_url, target.model) == (f"{OLD_KIMI}/v1", "kimi-for-coding")
    assert routing_table([Credential("a", "kimi", "m", api_key=Secret("k"), endpoint=OLD_KIMI)]).targets["a"].base_url == f"{OLD_KIMI}/v1"
    assert VLMFactory.create({"provider": "kimi", "api_key": "k", "api_base": OLD_KIMI}).api_base == f"{OLD_KIMI}/v1"


def test_only_openai_has_openais_default_model():
    """Every host that speaks its format was asked for `gpt-4o-mini` where a program named no model."""
    pytest.importorskip("openai", reason="the openai SDK is not installed")
    assert VLMFactory.create({"provider": "openai", "api_key": "k"}).model == "gpt-4o-mini"
    with pytest.raises(ConfigError, match="needs a model"):
        VLMFactory.create({"provider": "deepseek", "api_key": "k"})


@pytest.mark.parametrize(("alias", "name"), [("ark", "volcengine"), ("zhipu", "glm"), ("grok", "x_ai"), ("bedrock", "bedrock")])
def test_telemetry_tells_a_provider_by_one_name(alias, name):
    """Two aliases of one provider were two providers in the metrics of a chain that was made in code."""
    assert about(Credential("a", alias, "m"), "chat")["gen_ai.provider.name"] == name
