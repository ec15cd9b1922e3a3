"""Older forms load by themselves, with one line, and can be rewritten."""

import copy
import logging

import pytest

from sparekey import ConfigError, EmbeddingConfig, VLMConfig
from sparekey.config import Config, migrate

KEY = "sk-test-0123456789abcdef"
SPARE = "sk-spare-0123456789abcdef"


def lines(caplog):
    return [r.getMessage() for r in caplog.records if r.name == "sparekey.config" and r.levelno == logging.WARNING]


def ids(config):
    return [c.id for c in config.credentials]


def test_plain_keys_become_the_default_credential(caplog):
    """The oldest form: everything beside the model. It stays readable on the parent."""
    config = VLMConfig(provider="openai", model="m", api_key=KEY, api_base="https://a.example/v1")
    assert ids(config) == ["default"]
    assert (config.credentials[0].api_base, config.provider, config.api_key) == ("https://a.example/v1", "openai", KEY)
    assert len(lines(caplog)) == 1
    assert KEY not in caplog.text


def test_a_backup_becomes_two_credentials():
    """Nothing of the first one reaches the second: neither key nor host."""
    config = VLMConfig(
        provider="openai",
        model="m",
        api_key=KEY,
        api_base="https://first.example/v1",
        max_tokens=5,
        backup={"provider": "volcengine", "model": "doubao", "api_key": SPARE},
    )
    first, second = config.credentials
    assert ids(config) == ["legacy-primary", "legacy-backup"]
    assert (first.model, first.api_key, first.api_base, first.max_tokens) == ("m", KEY, "https://first.example/v1", 5)
    assert (second.provider, second.model, second.api_key, second.api_base, second.max_tokens) == (
        "volcengine",
        "doubao",
        SPARE,
        None,
        None,
    )


def test_a_backup_without_its_own_key_is_refused():
    """It must not silently take the primary's key to the backup's host."""
    with pytest.raises(ConfigError, match=r"api_key: is missing, and provider 'deepseek' needs it"):
        VLMConfig(provider="openai", model="m", api_key=KEY, backup={"provider": "deepseek", "model": "d"})


def test_a_backup_of_the_same_provider_does_not_inherit_either():
    """An older pair shares nothing."""
    with pytest.raises(ConfigError, match="api_key: is missing"):
        VLMConfig(provider="openai", model="m", api_key=KEY, backup={"provider": "openai", "model": "d"})


def test_settings_of_a_backup_that_a_chain_has_once_are_named(caplog):
    """They are lost, so the line says so."""
    VLMConfig(provider="openai", model="m", api_key=KEY, backup={"provider": "openai", "model": "d", "api_key": SPARE, "temperature": 1})
    assert "backup.temperature, which a chain has once" in lines(caplog)[0]


def test_an_unknown_key_of_a_backup_is_refused():
    """Reading an older form does not mean reading anything."""
    with pytest.raises(ConfigError, match="tempereture: unknown key"):
        VLMConfig(provider="openai", model="m", api_key=KEY, backup={"provider": "openai", "api_key": SPARE, "tempereture": 1})


def test_a_backup_inside_a_backup_is_refused_even_if_credentials_win():
    """A chain is the way to have more than two."""
    nested = {"provider": "openai", "api_key": SPARE, "backup": {"provider": "openai", "api_key": SPARE}}
    for extra in ({}, {"credentials": [{}]}):
        with pytest.raises(ConfigError, match="a backup cannot have a backup"):
            VLMConfig(provider="openai", model="m", api_key=KEY, backup=nested, **extra)


@pytest.mark.parametrize(
    ("given", "provider"),
    [
        ({"providers": {"kimi": {"api_key": KEY}}}, "kimi"),
        ({"providers": {"kimi": {"api_key": KEY}, "GLM": {"api_key": KEY}}, "default_provider": "glm"}, "glm"),
        ({"providers": {"openai": {}, "kimi": {"api_key": KEY}, "glm": {"api_key": KEY}}}, "kimi"),
        ({"providers": {"openai": {}, "ollama": {}}}, "ollama"),
        ({"providers": {"kimi": {"api_key": KEY}, "glm": {"api_key": KEY}}, "provider": "glm"}, "glm"),
        ({"default_provider": "openai", "api_key": KEY}, "openai"),
    ],
)
def test_providers_become_the_default_credential(given, provider):
    """The named one, else the only one, else the first that can be used."""
    config = VLMConfig(model="m", **given)
    assert ids(config) == ["default"]
    assert config.credentials[0].provider == provider


def test_the_entry_of_a_provider_wins_over_plain_keys():
    """And plain keys fill what the entry leaves out."""
    config = VLMConfig(model="m", provider="openai", api_key=KEY, api_base="https://a.example", providers={"openai": {"api_key": SPARE}})
    assert (config.credentials[0].api_key, config.credentials[0].api_base) == (SPARE, "https://a.example")


def test_providers_of_which_none_can_be_used_are_refused():
    """The message says how to choose."""
    with pytest.raises(ConfigError, match="providers: none of them has an api_key; set default_provider"):
        VLMConfig(model="m", providers={"openai": {}, "kimi": {}})


def test_providers_that_differ_in_letter_case_only_are_refused():
    """Which one was meant cannot be told."""
    with pytest.raises(ConfigError, match="twice, but for letter case"):
        VLMConfig(model="m", providers={"OpenAI": {"api_key": KEY}, "openai": {"api_key": KEY}})


@pytest.mark.parametrize("wrong", [{"providers": [1]}, {"providers": {"openai": KEY}}, {"backup": [KEY]}, {"backup": {"providers": KEY}}])
def test_older_blocks_of_the_wrong_shape_are_refused(wrong):
    """A table is wanted, and the value is not repeated."""
    with pytest.raises(ConfigError, match="must be a table") as caught:
        VLMConfig(model="m", provider="openai", api_key=KEY, **wrong)
    assert KEY not in str(caught.value)


def test_backend_is_read_as_provider(caplog):
    """Its older name; the newer one wins."""
    assert VLMConfig(backend="openai", model="m", api_key=KEY).credentials[0].provider == "openai"
    assert VLMConfig(backend="openai", provider="kimi", model="m", api_key=KEY).credentials[0].provider == "kimi"
    assert "backend" in lines(caplog)[0]


def test_explicit_credentials_win():
    """Over a backup and over providers."""
    config = VLMConfig(
        model="m",
        credentials=[{"id": "mine", "provider": "openai", "api_key": KEY}],
        backup={"provider": "openai", "api_key": SPARE},
        providers={"kimi": {"api_key": SPARE}},
        default_provider="kimi",
    )
    assert ids(config) == ["mine"]
    assert config.credentials[0].api_key == KEY


def test_explicit_credentials_may_find_their_key_under_providers():
    """As before: the entry of a credential's own provider fills its gaps."""
    config = VLMConfig(
        model="m", credentials=[{"provider": "kimi"}], providers={"kimi": {"api_key": SPARE, "api_base": "https://k.example"}}
    )
    assert (config.credentials[0].api_key, config.credentials[0].api_base) == (SPARE, "https://k.example")


def test_the_present_form_gives_no_line(caplog):
    """Only older forms are warned about."""
    VLMConfig(model="m", provider="openai", api_key=KEY, credentials=[{}])
    assert lines(caplog) == []


def test_a_whole_configuration_gives_one_line(caplog):
    """However many older forms it holds."""
    one = {"provider": "volcengine", "model": "doubao-embedding-vision", "api_key": KEY}
    Config(vlm={"backend": "openai", "model": "m", "api_key": KEY}, embedding={"dense": one, "sparse": {**one, "backend": "volcengine"}})
    assert len(lines(caplog)) == 1


def test_an_embedding_section_gives_one_line(caplog):
    """Dense and sparse are one load."""
    one = {"provider": "volcengine", "model": "doubao-embedding-vision", "api_key": KEY}
    config = EmbeddingConfig(dense=one, sparse=one)
    assert ids(config.dense) == ids(config.sparse) == ["default"]
    assert len(lines(caplog)) == 1


def test_settings_of_openviking_that_mean_nothing_here_are_named(caplog):
    """They are left out, and the line says so; reasoning_effort is a setting here as well."""
    config = VLMConfig(
        model="m", reasoning_effort="low", keepalive_expiry=0, credentials=[{"provider": "openai", "api_key": KEY, "keepalive_expiry": 0}]
    )
    assert config.credentials[0].reasoning_effort == "low"
    assert "keepalive_expiry, not used here" in lines(caplog)[0]


def test_what_is_given_is_never_changed():
    """A dictionary belongs to whoever made it."""
    given = {"vlm": {"backend": "openai", "model": "m", "api_key": KEY, "backup": {"backend": "kimi", "model": "k", "api_key": SPARE}}}
    before = copy.deepcopy(given)
    migrate(given)
    Config(**given)
    assert given == before


OLD = [
    {"vlm": {"backend": "openai", "model": "m", "api_key": KEY, "temperature": 0.0, "max_tokens": 7}},
    {"vlm": {"model": "m", "providers": {"kimi": {"api_key": KEY, "stream": True}}, "max_retries": 1}},
    {
        "vlm": {
            "provider": "openai",
            "model": "m",
            "api_key": KEY,
            "backup": {"provider": "glm", "model": "g", "api_key": SPARE, "max_tokens": 3},
        }
    },
    {"vlm": {"provider": "openai", "model": "m", "credentials": [{"api_key": KEY}, {"api_key": "env:B"}], "default_provider": "x"}},
    {"embedding": {"dense": {"provider": "jina", "model": "jina-embeddings-v3", "api_key": KEY, "dimension": 512}, "max_retries": 0}},
]


@pytest.mark.parametrize("old", OLD)
def test_the_migrated_form_means_the_same(old, caplog, monkeypatch):
    """It builds the same instances, needs no further migration, and gives no line."""
    monkeypatch.setenv("B", "sk-b")
    new = migrate(old)
    assert migrate(new) == new
    before = Config(**old)
    caplog.clear()
    after = Config(**new)
    assert lines(caplog) == []

    def dicts(config):
        return [c.instance_dicts() for c in (config.vlm, *(config.embedding.chains.values() if config.embedding else ())) if c]

    assert dicts(after) == dicts(before)


def test_the_migrated_form_is_tidy():
    """Connection keys stand with their credential, and nothing is left of the older form."""
    assert migrate({"vlm": {"backend": "openai", "model": "m", "api_key": "env:KEY", "temperature": 0.5, "api_base": None}}) == {
        "vlm": {"model": "m", "temperature": 0.5, "credentials": [{"id": "default", "provider": "openai", "api_key": "env:KEY"}]}
    }


def test_what_cannot_be_migrated_is_told():
    """The same fault as at loading."""
    with pytest.raises(ConfigError, match=r"vlm\.backup\.backup: a backup cannot have a backup"):
        migrate({"vlm": {"model": "m", "backup": {"backup": {"model": "x"}}}})
