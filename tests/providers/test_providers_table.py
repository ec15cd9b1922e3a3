"""Every row of the table of providers is whole, the rows agree with each other and with the code that reads them."""

import re
from importlib import import_module
from urllib.parse import urlsplit

import pytest

from sparekey import ConfigError, EmbeddingModelConfig, VLMConfig
from sparekey.embedding.factory import BACKENDS
from sparekey.lab.simulator.wires import WIRES
from sparekey.providers import PROVIDERS, dialect_of, embedding_model, embedding_models, find, find_host, names, prefill, takes_length
from sparekey.providers.spec import HTTP_WIRES
from sparekey.vlm import factory as vlm
from sparekey.wire.rewrite import HOSTS

ROWS = list(PROVIDERS.values())
NEEDED = {"api_key": "sk-x", "api_base": "https://a.example", "ak": "a", "sk": "b", "region": "cn-beijing"}
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]+")
PAGE = re.compile(r"https://[\w.-]+/[^\s]*")


def offers(row):
    return [offer for offer in (row.chat, row.embeddings) if offer]


def pages(row):
    """Every page that a row names."""
    yield from filter(None, (row.docs, row.errors))
    yield from (keys.source for keys in row.keys)
    if row.chat:
        yield from (one.source for one in (row.chat.dialect, row.chat.prefill) if one)
    if row.embeddings:
        yield from (model.source for model in row.embeddings.models.values())


def test_names_and_aliases_are_used_once():
    """An alias must not hide another provider."""
    every = [name for row in ROWS for name in (row.name, *row.aliases)]
    assert len(every) == len(set(every))
    assert all(name == name.strip().lower() for name in every)


def test_litellms_names_are_used_once():
    """One name of LiteLLM's means one provider."""
    every = [name for row in ROWS for name in (row.litellm.names if row.litellm.names is not None else (row.name,))]
    assert len(every) == len(set(every))


def test_a_host_belongs_to_one_provider():
    """Else its base URL would not tell whose it is."""
    every = [host for row in ROWS for host in row.hosts]
    assert len(every) == len(set(every))


def test_a_variable_holds_the_key_of_one_provider():
    """Else a key would be sent to a host that is not its own."""
    every = [name for row in ROWS for name in row.key_variables]
    assert len(every) == len(set(every))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_rows_are_complete(row):
    """Every provider offers something, names its pages, and its URLs and variables are such."""
    assert offers(row)
    assert all(PAGE.fullmatch(page) for page in pages(row))
    for url in row.base_urls:
        assert urlsplit(url).scheme == "https" or urlsplit(url).hostname == "localhost"
        assert not url.endswith("/")
    variables = [name for keys in row.keys for name in (*keys.names, *keys.base, *keys.deployment)]
    assert all(VARIABLE.fullmatch(name) for name in (*variables, *row.litellm.keys, *row.litellm.base_variables))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_wires_are_known(row):
    """Each wire has a backend, and what is passed on over HTTP has a format."""
    if row.chat:
        assert row.chat.wire in vlm.BACKENDS
    if row.embeddings:
        assert {(row.embeddings.wire, kind) for kind in row.embeddings.kinds} <= set(BACKENDS)
    assert all(HTTP_WIRES.get(offer.wire, "openai") in HOSTS for offer in offers(row))
    assert all(offer.wire in {*WIRES, "litellm", "local"} for offer in offers(row))


@pytest.mark.parametrize("row", [row for row in ROWS if row.chat], ids=lambda row: row.name)
def test_the_extra_of_a_row_is_that_of_its_backend(row):
    """What the page says to install is what the error about a missing SDK says."""
    module, _, name = vlm.BACKENDS[row.chat.wire].partition(":")
    assert getattr(import_module(f"sparekey.vlm.backends.{module}"), name).extra == row.chat.extra


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_older_names_lead_to_present_ones(row):
    """A renamed model or base URL is not renamed again, and a default is a present one."""
    for offer in offers(row):
        assert all(offer.named(new) == new for new in offer.renamed_models.values())
        assert all(offer.address(new) == new for new in offer.renamed_bases.values())
        assert offer.named(None) == offer.model
        assert offer.address(None) == offer.base


def test_providers_are_found_by_any_name():
    """Case and spaces around a name do not matter; what is not there is not found."""
    assert find(" Z.AI ").name == "glm"
    assert find("google").name == "gemini"
    assert find("nobody") is None


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://api.moonshot.cn/v1", "moonshot"),
        ("https://open.bigmodel.cn/api/paas/v4", "glm"),
        ("https://dashscope-intl.aliyuncs.com/x", "dashscope"),
        ("http://localhost:8000/v1", None),
        ("https://groq.example/v1", None),
        ("https://[::1", None),
        (None, None),
    ],
)
def test_a_host_tells_its_provider(url, name):
    """Regions and plans are hosts of theirs; a server of one's own tells nothing."""
    row = find_host(url)
    assert (row and row.name) == name


def test_a_provider_is_known_by_its_name_before_its_host():
    """A proxy in front of Kimi stays Kimi; the name of a format says nothing about a host."""
    assert dialect_of("kimi", "https://api.z.ai/api/paas/v4") is find("kimi").chat.dialect
    assert dialect_of("openai", "https://api.z.ai/api/paas/v4") is find("glm").chat.dialect
    assert dialect_of("nobody", None).completion_tokens.search("gpt-5")


@pytest.mark.parametrize(
    ("provider", "model", "marks"),
    [
        ("kimi", "kimi-for-coding", {"partial": True}),
        ("moonshot", "kimi-k2.6", {"partial": True}),
        ("qwen", "qwen3-max", {"partial": True}),
        ("mistral", None, {"prefix": True}),
    ],
)
def test_an_answers_beginning_is_marked_as_its_host_wants_it(provider, model, marks):
    """Aliases mean the same host."""
    assert prefill(provider, model).continued([{"role": "user", "content": "?"}], "It")[1:] == [
        {"role": "assistant", "content": "It", **marks}
    ]


@pytest.mark.parametrize(("provider", "model"), [("openai", "gpt-4o"), ("dashscope", "deepseek-r1"), ("nobody", "x"), (None, None)])
def test_nobody_is_asked_to_go_on_who_is_not_known_to(provider, model):
    """A request that ends with the assistant's words is refused elsewhere."""
    assert prefill(provider, model) is None


@pytest.mark.parametrize("name", names("vlm"))
def test_every_chat_provider_loads_with_what_it_needs_and_not_without(name):
    """The row says what is needed; the model of the configuration holds to it."""
    needs = PROVIDERS[name].chat.needs
    given = {field: NEEDED[field] for field in needs}
    assert VLMConfig(model="m", credentials=[{"provider": name, **given}]).credentials[0].provider == name
    if needs:
        with pytest.raises(ConfigError, match="is missing, and provider"):
            VLMConfig(model="m", credentials=[{"provider": name}])


@pytest.mark.parametrize("name", names("embedding"))
def test_every_embedding_provider_loads_with_what_it_needs_and_not_without(name):
    """The same for embeddings."""
    needs = PROVIDERS[name].embeddings.needs
    given = {field: NEEDED[field] for field in needs}
    assert EmbeddingModelConfig(model="m", credentials=[{"provider": name, **given}]).credentials[0].provider == name
    if needs:
        with pytest.raises(ConfigError, match="is missing, and provider"):
            EmbeddingModelConfig(model="m", credentials=[{"provider": name}])


def test_an_extra_is_told_for_each_use():
    """A provider may have another SDK for embeddings than for chat."""
    assert [offer.extra for offer in offers(PROVIDERS["dashscope"])] == ["openai", "dashscope"]


@pytest.mark.parametrize(("provider", "model", "known"), embedding_models())
def test_known_vectors_are_consistent(provider, model, known):
    """Their lengths include the default, and the model is found under its name."""
    assert model == model.lower()
    assert "dense" in PROVIDERS[provider].embeddings.kinds
    assert known.takes(known.default)
    assert known.default <= known.longest
    assert known.takes(known.longest)
    assert not known.takes(known.longest + 1)
    assert str(known.longest) in known.describe()
    assert embedding_model(provider, model) == known


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
    assert embedding_model(provider, model).default == length


@pytest.mark.parametrize(("provider", "model"), [("openai", "mine"), ("nobody", "text-embedding-3-small"), (None, None), ("openai", "")])
def test_no_length_is_made_up(provider, model):
    """What is not in a row is not known."""
    assert embedding_model(provider, model) is None


@pytest.mark.parametrize(
    ("provider", "model", "takes"),
    [
        ("siliconflow", "BAAI/bge-m3", False),
        ("siliconflow", "Qwen/Qwen3-Embedding-8B", True),
        ("mistral", "mistral-embed", False),
        ("openai", "text-embedding-3-small", True),
        ("vllm", "nomic-embed-text-v1.5", True),
        ("vllm", "nomic-embed-text-v1", False),
        ("nobody", "mine", True),
    ],
)
def test_a_length_is_asked_for_only_where_a_model_has_several(provider, model, takes):
    """Hosts refuse a request that names a length to a model which has one only."""
    assert takes_length(provider, model) is takes
