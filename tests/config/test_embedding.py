"""An embedding model's configuration: one space, one length, kinds, parameters, what the embedders get."""

import pytest

from sparekey import ConfigError, EmbeddingConfig, EmbeddingModelConfig, Secret

KEY = "sk-test-0123456789abcdef"


def model(*credentials, **parent):
    return EmbeddingModelConfig(
        **{"provider": "openai", "model": "text-embedding-3-small", "api_key": KEY, "credentials": list(credentials), **parent}
    )


def refused(make=EmbeddingModelConfig, /, **config):
    with pytest.raises(ConfigError) as caught:
        make(**config)
    assert KEY not in str(caught.value)
    return str(caught.value)


def test_credentials_of_other_lengths_are_refused_with_both_numbers():
    """E01: a spare whose vectors are longer or shorter can never stand in."""
    text = refused(
        model="text-embedding-3-small", provider="openai", api_key=KEY, credentials=[{"id": "main"}, {"model": "text-embedding-3-large"}]
    )
    assert "credentials[1].model: text-embedding-3-large gives vectors of 3072 numbers" in text
    assert "of credential 'main' gives 1536" in text


def test_another_model_of_the_same_length_is_refused():
    """E02: equal length does not make equal meaning."""
    credentials = [{}, {"provider": "ollama", "model": "mxbai-embed-large"}]
    text = refused(model="jina-embeddings-v3", provider="jina", api_key=KEY, credentials=credentials)
    assert "mxbai-embed-large is another model than jina-embeddings-v3" in text
    assert "same space" in text


def test_another_model_of_a_declared_space_is_taken():
    """A person may know better: deployments and endpoint ids hide their model."""
    config = model({"provider": "azure", "api_base": "https://a.example", "api_key": KEY, "model": "my-deployment"}, {}, space="te3s")
    assert [c.space for c in config.credentials] == ["te3s", "te3s"]


def test_declared_spaces_must_agree():
    """Two names are two spaces."""
    assert "another model" in refused(
        provider="volcengine", api_key=KEY, credentials=[{"model": "ep-1", "space": "a"}, {"model": "ep-2", "space": "b"}]
    )


def test_a_declared_space_does_not_hide_another_length():
    """A space has one length; a name cannot change that."""
    assert "one length" in refused(
        provider="openai", api_key=KEY, space="x", credentials=[{"model": "text-embedding-3-small"}, {"model": "text-embedding-3-large"}]
    )


def test_a_family_with_one_space_is_taken():
    """The Voyage 4 models share one space, as their maker says."""
    assert EmbeddingModelConfig(provider="voyage", api_key=KEY, credentials=[{"model": "voyage-4-large"}, {"model": "voyage-4-lite"}])


@pytest.mark.parametrize("spare", ["BAAI/bge-m3", "bge-m3:latest", "bge-m3"])
def test_one_model_under_the_names_of_several_hosts_is_taken(spare):
    """The same weights at another host have another prefix."""
    assert EmbeddingModelConfig(provider="ollama", model="bge-m3", credentials=[{}, {"provider": "vllm", "model": spare}])


def test_a_dimension_that_the_model_cannot_give_is_refused():
    """Longer than the longest: both numbers are named."""
    text = refused(provider="openai", model="text-embedding-3-small", api_key=KEY, dimension=2048, credentials=[{}])
    assert "dimension: dimension 2048 is impossible: text-embedding-3-small of credential 'credential-0' gives at most 1536" in text


def test_a_dimension_that_only_the_spare_cannot_give_is_refused_there():
    """The fault is reported where it can be mended."""
    text = refused(
        provider="openai",
        api_key=KEY,
        dimension=3072,
        space="x",
        credentials=[{"model": "text-embedding-3-large"}, {"model": "text-embedding-3-small"}],
    )
    assert text.startswith("EmbeddingModelConfig: credentials[1].model: dimension 3072 is impossible")


@pytest.mark.parametrize(
    "name", ["dimension", "batch_size", "input", "query_param", "encoding_format", "extra_body", "model_path", "cache_dir"]
)
def test_model_level_keys_are_refused_on_a_credential(name):
    """They shape the vectors, so they are the same for the whole chain."""
    text = refused(model="m", credentials=[{"provider": "openai", "api_key": KEY, name: 1}])
    assert f"credentials[0].{name}: belongs to the model, not to one credential; set {name}" in text


def test_explicit_false_and_zero_reach_the_embedder():
    """`enable_fusion = false` is an answer, not a gap."""
    given = {"enable_fusion": False, "res_level": 0, "max_video_frames": 0}
    config = EmbeddingModelConfig(provider="dashscope", model="qwen3-vl-embedding", api_key=KEY, credentials=[{}], **given)
    assert given.items() <= config.instance_dicts()[0].items()


def test_embedders_get_plain_dicts():
    """Set values only, the kind, keys as Secrets."""
    first, second = model({}, {"api_base": "http://localhost:1/v1"}, dimension=512, query_param="query").instance_dicts()
    assert (first["kind"], first["dimension"], first["query_param"], first["api_key"]) == ("dense", 512, "query", Secret(KEY))
    assert (second["api_base"], second["max_retries"], second["batch_size"], second["timeout"]) == ("http://localhost:1/v1", 0, 32, 60.0)
    assert "document_param" not in first


def test_vikingdb_needs_a_key_pair_and_a_region():
    """It has no api_key."""
    text = refused(model="bge-m3", credentials=[{"provider": "vikingdb", "ak": "env:AK"}])
    assert "credentials[0].sk: is missing" in text
    assert "credentials[0].region: is missing, and provider 'vikingdb' needs it" in text
    assert "credentials[0].ak" not in text


def test_a_provider_without_embeddings_is_refused():
    """Anthropic has no embedding endpoint."""
    assert "'anthropic' has no embeddings here" in refused(provider="anthropic", model="m", api_key=KEY, credentials=[{}])


def test_a_provider_without_that_kind_is_refused():
    """Sparse vectors come from two providers only."""
    text = refused(EmbeddingConfig, sparse={"model": "jina-embeddings-v3", "credentials": [{"provider": "jina", "api_key": KEY}]})
    assert "sparse.credentials[0].provider: 'jina' has no sparse embeddings; vikingdb, volcengine have" in text


def test_the_chains_know_their_kind():
    """Embedders are made by provider and kind."""
    one = {"model": "doubao-embedding-vision", "credentials": [{"provider": "ark", "api_key": KEY}]}
    config = EmbeddingConfig(dense=one, sparse=one)
    assert {kind: chain.instance_dicts()[0]["kind"] for kind, chain in config.chains.items()} == {"dense": "dense", "sparse": "sparse"}


def test_no_chain_at_all_is_refused():
    """An empty embedding section is a mistake."""
    assert "set dense, sparse or hybrid" in refused(EmbeddingConfig)


def test_common_settings_are_handed_down_where_unset():
    """What is set for all chains goes to those that do not say otherwise."""
    one = {"model": "doubao-embedding-vision", "credentials": [{"provider": "ark", "api_key": KEY}]}
    config = EmbeddingConfig(dense={**one, "max_retries": 1}, sparse=one, max_retries=0, max_input_tokens=100)
    assert (config.dense.max_retries, config.sparse.max_retries, config.dense.max_input_tokens) == (1, 0, 100)


def test_dimension_is_configured_or_known():
    """The configured number wins; else the table of known models answers."""
    config = EmbeddingConfig(dense=model({}, dimension=256))
    assert (config.get_dimension(), config.dimension) == (256, 256)
    assert EmbeddingConfig(dense=model({})).get_dimension() == 1536


def test_sparse_vectors_have_no_dimension():
    """No number is made up."""
    one = {"model": "m", "credentials": [{"provider": "ark", "api_key": KEY}]}
    with pytest.raises(AttributeError, match="sparse"):
        EmbeddingConfig(sparse=one).get_dimension()


def test_an_unknown_dimension_is_asked_of_the_embedder(monkeypatch):
    """A model that is in no table is asked through its embedder, which is built once and closed."""
    closed = []

    class Embedder:
        def get_dimension(self):
            return 7

        def close(self):
            closed.append(self)

    class Factory:
        build = staticmethod(lambda config: Embedder())

    monkeypatch.setattr("sparekey.config.embedding.import_module", lambda name: {"sparekey.embedding.factory": Factory}[name])
    config = EmbeddingConfig(dense=model({}, model="mine"))
    assert config.get_dimension() == 7
    embedder = config.get_embedder()
    config.close()
    assert closed == [embedder]


def test_parameters_that_the_provider_would_refuse_are_refused_at_load():
    """Gemini's task types are a closed list; DashScope's image settings mean nothing for text."""
    gemini = {"provider": "gemini", "model": "gemini-embedding-001", "api_key": KEY, "credentials": [{}]}
    assert "query_param: 'search' is no task type of Gemini" in refused(**gemini, query_param="search")
    assert EmbeddingModelConfig(**gemini, query_param="retrieval_query")
    dashscope = {"provider": "dashscope", "model": "text-embedding-v4", "api_key": KEY, "credentials": [{}], "input": "text"}
    assert "res_level: means something for images and videos only" in refused(**dashscope, res_level=0)
    assert "input: must be 'text' or 'multimodal'" in refused(**{**dashscope, "input": "video"})
