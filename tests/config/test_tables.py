"""The tables of providers and of vector lengths hold together and with the models that read them."""

from urllib.parse import urlsplit

import pytest

from sparekey import ConfigError, EmbeddingModelConfig, VLMConfig
from sparekey.config import dimensions, providers

ROWS = list(providers.PROVIDERS.values())
NEEDED = {"api_key": "sk-x", "api_base": "https://a.example", "ak": "a", "sk": "b", "region": "cn-beijing"}


def test_names_and_aliases_are_used_once():
    """An alias must not hide another provider."""
    every = [name for row in ROWS for name in (row.name, *row.aliases)]
    assert len(every) == len(set(every))
    assert all(name == name.strip().lower() for name in every)


def test_providers_are_found_by_any_name():
    """Case and spaces around a name do not matter; what is not there is not found."""
    assert providers.find(" Z.AI ").name == "glm"
    assert providers.find("google").name == "gemini"
    assert providers.find("nobody") is None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_rows_are_complete(row):
    """Every provider serves something, has its documentation, and URLs that are URLs."""
    assert row.vlm or row.embedding
    assert row.docs.startswith("https://")
    for url in filter(None, (row.vlm_base, row.embedding_base)):
        assert urlsplit(url).scheme == "https" or urlsplit(url).hostname == "localhost"
        assert not url.endswith("/")


@pytest.mark.parametrize("name", providers.names("vlm"))
def test_every_chat_provider_loads_with_what_it_needs_and_not_without(name):
    """The table says what is needed; the model holds to it."""
    needs = providers.PROVIDERS[name].needs("vlm")
    given = {field: NEEDED[field] for field in needs}
    assert VLMConfig(model="m", credentials=[{"provider": name, **given}]).credentials[0].provider == name
    if needs:
        with pytest.raises(ConfigError, match="is missing, and provider"):
            VLMConfig(model="m", credentials=[{"provider": name}])


@pytest.mark.parametrize("name", providers.names("embedding"))
def test_every_embedding_provider_loads_with_what_it_needs_and_not_without(name):
    """The same for embeddings."""
    needs = providers.PROVIDERS[name].needs("embedding")
    given = {field: NEEDED[field] for field in needs}
    assert EmbeddingModelConfig(model="m", credentials=[{"provider": name, **given}]).credentials[0].provider == name
    if needs:
        with pytest.raises(ConfigError, match="is missing, and provider"):
            EmbeddingModelConfig(model="m", credentials=[{"provider": name}])


def test_extras_are_told_for_each_use():
    """A provider may have another SDK for embeddings than for chat."""
    assert providers.PROVIDERS["dashscope"].extra_for("vlm") == "openai"
    assert providers.PROVIDERS["dashscope"].extra_for("embedding") == "dashscope"
    assert providers.PROVIDERS["openai"].extra_for("embedding") == "openai"


@pytest.mark.parametrize(("provider", "model", "known"), dimensions.rows())
def test_dimension_rows_are_complete(provider, model, known):
    """A known provider, a source, and lengths that include the default."""
    assert "dense" in providers.PROVIDERS[provider].embedding
    assert known.source.startswith("https://")
    assert known.takes(known.default)
    assert known.default <= known.longest
    assert known.takes(known.longest)
    assert not known.takes(known.longest + 1)
    assert str(known.longest) in known.describe()
    assert dimensions.known(provider, model) == known


@pytest.mark.parametrize(
    ("provider", "model", "length"),
    [
        ("azure", "text-embedding-3-large", 3072),
        ("volcengine", "doubao-embedding-vision-250615", 2048),
        ("volcengine", "doubao-embedding-vision-241215", 3072),
        ("ollama", "nomic-embed-text:latest", 768),
        ("gemini", "models/gemini-embedding-001", 3072),
        ("cohere", "Embed-V4.0", 1536),
    ],
)
def test_models_are_known_under_their_usual_spellings(provider, model, length):
    """Dates, tags, prefixes and letter case do not hide a model."""
    assert dimensions.known(provider, model).default == length


@pytest.mark.parametrize(("provider", "model"), [("openai", "mine"), ("nobody", "text-embedding-3-small"), (None, None), ("openai", "")])
def test_no_dimension_is_made_up(provider, model):
    """What is not in the table is not known."""
    assert dimensions.known(provider, model) is None
