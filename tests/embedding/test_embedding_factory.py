"""From configurations to embedders."""

import subprocess
import sys

import pytest
from embedding_kit import KEY

from sparekey.config import EmbeddingConfig
from sparekey.embedding import CompositeHybridEmbedder, EmbedderFactory, FailoverEmbedder
from sparekey.embedding.factory import BACKENDS
from sparekey.errors import ConfigError, MissingExtraError
from sparekey.lab.simulator import faults
from sparekey.providers import PROVIDERS

pytest.importorskip("openai", reason="the openai SDK is not installed")


def test_every_kind_that_is_offered_has_a_backend():
    """The table of providers and the table of backends agree."""
    offered = {(row.embeddings.wire, kind) for row in PROVIDERS.values() if row.embeddings for kind in row.embeddings.kinds}
    assert offered == set(BACKENDS)


def test_aliases_are_understood():
    """A provider's other names mean the same backend, and the provider's own name is counted."""
    embedder = EmbedderFactory.create({"provider": "OpenAI-compatible", "model": "m", "api_key": KEY})
    assert embedder.provider == "openai"
    embedder.close()


@pytest.mark.parametrize(
    ("config", "words"),
    [({"provider": "opnai"}, "did you mean 'openai'"), ({"provider": "openai", "kind": "sparse"}, "no sparse embedder"), ({}, "known are")],
)
def test_an_unknown_backend_is_explained(config, words):
    """A wrong name or kind is a ConfigError that says what there is."""
    with pytest.raises(ConfigError, match=words):
        EmbedderFactory.create(config)


@pytest.mark.parametrize(
    ("provider", "module", "extra"),
    [
        ("openai", "openai", "openai"),
        ("azure", "openai", "azure"),
        ("jina", "openai", "jina"),
        ("gemini", "google.genai", "gemini"),
        ("voyage", "voyageai.api_resources.api_requestor", "voyage"),
        ("cohere", "cohere", "cohere"),
        ("dashscope", "dashscope", "dashscope"),
        ("ollama", "ollama", "ollama"),
        ("litellm", "litellm", "litellm"),
        ("volcengine", "volcenginesdkarkruntime", "volcengine"),
    ],
)
def test_a_missing_sdk_names_its_extra(monkeypatch, provider, module, extra):
    """Where an SDK is missing the error says what to install."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"sparekey\[{extra}\]"):
        EmbedderFactory.create({"provider": provider, "model": "m", "api_key": KEY})


def test_one_credential_gives_a_lone_embedder(simulator):
    """A configuration of one credential needs no chain, and retries by itself."""
    simulated = simulator.provider("one")
    config = EmbeddingConfig(
        dense={"provider": "openai", "model": "sim-embed", "credentials": [{"api_key": KEY, "api_base": simulated.base_url}]}
    )
    embedder = config.get_embedder()
    assert not isinstance(embedder, FailoverEmbedder)
    assert embedder.max_retries > 0
    assert len(embedder.embed("a key").dense_vector) == config.get_dimension() == 1536
    config.close()


def test_two_credentials_give_a_chain(simulator):
    """A configuration of two credentials fails over between them, with instances that do not retry themselves."""
    first, second = simulator.provider("first"), simulator.provider("second")
    first.fail(faults.quota())
    rows = [{"id": p.name, "api_key": KEY, "api_base": p.base_url} for p in (first, second)]
    config = EmbeddingConfig(dense={"provider": "openai", "model": "sim-embed", "credentials": rows})
    embedder = config.get_embedder()
    assert isinstance(embedder, FailoverEmbedder)
    assert embedder.embed("a key").is_dense
    assert (embedder.active_credential_id, len(first.requests), len(second.requests)) == ("second", 1, 1)
    config.close()


def test_dense_and_sparse_stand_side_by_side(simulator):
    """A dense and a sparse chain make one hybrid embedder."""
    dense, sparse = simulator.provider("dense"), simulator.provider("sparse", wire="vikingdb")
    config = EmbeddingConfig(
        dense={"provider": "openai", "model": "sim-embed", "credentials": [{"api_key": KEY, "api_base": dense.base_url}]},
        sparse={
            "provider": "vikingdb",
            "model": "bge-m3",
            "credentials": [{"ak": KEY, "sk": "secret", "region": "cn-beijing", "host": sparse.base_url}],
        },
    )
    embedder = config.get_embedder()
    assert isinstance(embedder, CompositeHybridEmbedder)
    assert embedder.embed("a key").is_hybrid
    config.close()


def test_importing_loads_no_sdk():
    """`sparekey.embedding` alone imports none of the SDKs."""
    sdks = "openai cohere voyageai dashscope ollama litellm volcenginesdkarkruntime llama_cpp google.genai numpy"
    code = f"import sys, sparekey.embedding; print([m for m in {sdks.split()!r} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
