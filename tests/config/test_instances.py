"""From a configuration to an answer, over real HTTP, against the simulator."""

import pytest

from sparekey import EmbeddingConfig, VLMConfig
from sparekey.lab.simulator import Simulator, faults

pytest.importorskip("openai", reason="needs the extra openai")


@pytest.fixture
def pair():
    with Simulator() as simulator:
        names = ("first", "second")
        providers = [simulator.provider(name, wire="openai", keys=(f"sk-sim-{name}",)) for name in names]
        credentials = [{"id": p, "api_key": f"sk-sim-{p}", "api_base": one.base_url} for p, one in zip(names, providers, strict=True)]
        yield providers, {"provider": "openai", "credentials": credentials}


def test_a_chat_chain_survives_a_dead_key(pair):
    """The second key answers, each provider is asked once with its own key."""
    providers, settings = pair
    providers[0].fail(faults.auth())
    config = VLMConfig(model="sim-chat", **settings)
    vlm = config.get_vlm_instance()
    assert str(vlm.get_completion("hello"))
    assert vlm.active_credential_id == "second"
    assert [[seen.headers["authorization"] for seen in p.requests] for p in providers] == [
        ["Bearer sk-sim-first"],
        ["Bearer sk-sim-second"],
    ]
    config.close()


def test_an_embedding_chain_survives_a_dead_key(pair):
    """The same for vectors, of the length that was configured."""
    providers, settings = pair
    providers[0].fail(faults.auth())
    config = EmbeddingConfig(dense={"model": "text-embedding-3-small", "dimension": 64, **settings})
    embedder = config.get_embedder()
    assert len(embedder.embed("hello").dense_vector) == config.get_dimension() == 64
    assert embedder.active_credential_id == "second"
    config.close()


def test_a_lone_credential_gives_the_lone_instance(pair):
    """No wrapper stands between the caller and the only backend there is."""
    _, settings = pair
    config = VLMConfig(model="sim-chat", max_retries=0, **{**settings, "credentials": settings["credentials"][:1]})
    assert type(config.get_vlm_instance()).__name__ == "OpenAIVLM"
    assert str(config.get_vlm_instance().get_completion("hello"))
    config.close()
