"""A LiteLLM configuration that was migrated is served: its clients go on with their model names, their key and OpenAI's format."""

import tomllib

import openai
import pytest

from sparekey.cli import toml
from sparekey.config.litellm import convert
from sparekey.lab.simulator import faults

MASTER = "sk-master-0123456789abcdef"


@pytest.fixture
def migrated(serve, pair, monkeypatch):
    """The gateway on a migrated file: two deployments, a fallback group, embeddings; everything at simulated providers."""
    first, second = pair
    own = {"api_base": first.base_url, "api_key": "os.environ/LITELLM_TEST_KEY"}
    data = {
        "model_list": [
            {"model_name": "gpt-4o", "litellm_params": {"model": "openai/gpt-4o", "seed": 7, **own}},
            {"model_name": "cheap", "litellm_params": {"model": "openai/gpt-4o-mini", **own, "api_base": second.base_url}},
            {"model_name": "vectors", "litellm_params": {"model": "openai/text-embedding-3-small", **own}},
        ],
        "router_settings": {"fallbacks": [{"gpt-4o": ["cheap"]}], "model_group_alias": {"gpt-4": "gpt-4o"}, "num_retries": 1},
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
    }
    monkeypatch.setenv("LITELLM_TEST_KEY", "sk-first-00000000000000")
    monkeypatch.setenv("LITELLM_MASTER_KEY", MASTER)
    config = convert(data, {}).config
    config["gateway"] |= {"port": 0, "access_log": False}
    text = toml.dumps(config)
    assert tomllib.loads(text) == config
    return serve(text)


@pytest.fixture
def client(migrated):
    """A client of LiteLLM's: it knows an address and the master key."""
    with openai.OpenAI(base_url=f"{migrated.url}/v1", api_key=MASTER, max_retries=0) as client:
        yield client


def ask(client, model):
    return client.chat.completions.with_raw_response.create(model=model, messages=[{"role": "user", "content": "Hello"}]).headers


def test_clients_call_the_groups_as_before(client, pair):
    """Group and alias lead to the deployment, whose own parameters are sent along."""
    assert ask(client, "gpt-4o")["x-sparekey-credential"] == "openai-gpt-4o"
    assert ask(client, "gpt-4")["x-sparekey-credential"] == "openai-gpt-4o"
    assert pair[0].requests[0].json["seed"] == 7


def test_the_fallback_group_answers_when_the_first_fails(client, pair):
    """What were fallbacks between groups are credentials of one chain."""
    pair[0].fail(faults.quota())
    assert ask(client, "gpt-4o")["x-sparekey-credential"] == "openai-gpt-4o-mini"


def test_embeddings_are_served(client):
    """An embedding group is a chain of embeddings."""
    assert len(client.embeddings.create(model="vectors", input="a text").data[0].embedding) == 1536


def test_others_need_the_key(migrated):
    """Without the master key nobody is served."""
    status, *_ = migrated.ask(body={"model": "gpt-4o", "messages": []})
    assert status == 401
