"""An `ov.conf` loads as OpenViking loads it: variables, defaults, LiteLLM's routes; what is left out is named."""

import json
import logging

import pytest

from sparekey import ConfigError, load_config
from sparekey.config import config_of, migrate
from sparekey.config.files import migrated, read_file

KEY = "sk-test-0123456789abcdef"
SPARE = "sk-spare-0123456789abcdef"


@pytest.fixture
def ov(tmp_path):
    """Return a function that writes an `ov.conf` and returns its path."""

    def write(**sections):
        file = tmp_path / "ov.conf"
        file.write_text(json.dumps(sections))
        return file

    return write


def chat(ov, **vlm):
    """Load a chat model."""
    return load_config(ov(vlm={"model": "m", **vlm})).vlm


@pytest.mark.parametrize("written", ["${OV_KEY}", "$OV_KEY", " ${OV_KEY} "])
def test_a_variable_in_the_place_of_a_key_is_a_reference(ov, monkeypatch, written):
    """It goes out as what the variable holds, and is written down as a reference, never as the key."""
    monkeypatch.setenv("OV_KEY", KEY)
    file = ov(vlm={"model": "m", "provider": "openai", "api_key": written})
    assert load_config(file).vlm.instance_dicts()[0]["api_key"].reveal() == KEY
    assert migrate(read_file(file), "ov.conf")["vlm"]["credentials"][0]["api_key"] == "env:OV_KEY"


def test_code_and_file_agree(ov):
    """What a program has read itself means what the file means."""
    data = {
        "vlm": {"model": "gpt-5.2", "api_key": KEY, "later": 1, "max_concurrent": 3},
        "embedding": {"dense": {"model": "e", "api_key": KEY}},
    }
    assert config_of(data, "ov.conf").model_dump() == load_config(ov(**data)).model_dump()
    with pytest.raises(ConfigError, match=r"ov\.conf: vlm\.timeout: must be more than 0"):
        config_of({"vlm": {**data["vlm"], "timeout": 0}}, "ov.conf")


def test_variables_elsewhere_are_replaced(ov, monkeypatch):
    """In addresses, models, headers and parts of a key; a dollar in a body of the provider's own stays."""
    monkeypatch.setenv("OV_HOST", "one.example")
    monkeypatch.setenv("OV_PART", "0123456789abcdef")
    (credential,) = chat(
        ov,
        provider="openai",
        api_base="https://${OV_HOST}/v1",
        api_key="sk-${OV_PART}",
        extra_headers={"X-Host": "$OV_HOST"},
        extra_request_body={"price": "$5", "template": "${who}"},
    ).credentials
    assert (credential.api_base, credential.api_key.resolve().reveal(), credential.extra_headers) == (
        "https://one.example/v1",
        "sk-0123456789abcdef",
        {"X-Host": "one.example"},
    )
    assert credential.extra_request_body == {"price": "$5", "template": "${who}"}


def test_a_variable_may_stand_for_a_number(tmp_path, monkeypatch):
    """OpenViking replaces variables before it reads the file; keys stay references all the same."""
    file = tmp_path / "ov.conf"
    file.write_text(
        '{"vlm":{"provider":"openai","model":"m","api_key":"$OV_KEY","thinking":$OV_ON},'
        '"embedding":{"dense":{"provider":"openai","model":"text-embedding-3-large","api_key":"${OV_KEY}","dimension":${OV_LONG}}}}'
    )
    monkeypatch.setenv("OV_LONG", "1024")
    monkeypatch.setenv("OV_KEY", KEY)
    with pytest.raises(ConfigError, match="the environment variable OV_ON is not set; export it"):
        load_config(file)
    monkeypatch.setenv("OV_ON", "true")
    config = load_config(file)
    assert (config.vlm.thinking, config.embedding.get_dimension(), config.embedding.dense.credentials[0].api_key) == (
        True,
        1024,
        "env:OV_KEY",
    )
    assert migrate(read_file(file), "ov.conf")["embedding"]["dense"]["dimension"] == 1024
    monkeypatch.setenv("OV_ON", f'true, "api_key": "{KEY}"')
    with pytest.raises(ConfigError, match="OV_ON holds more than a number") as caught:
        read_file(file)
    assert KEY not in str(caught.value)


def test_a_variable_that_is_not_set_is_told(ov):
    """OpenViking would send the placeholder."""
    with pytest.raises(ConfigError, match=r"vlm\.api_base: the environment variable NOT_SET_X is not set; export it"):
        chat(ov, provider="openai", api_key=KEY, api_base="https://${NOT_SET_X}/v1")


def test_variables_in_a_file_of_our_own(tmp_path, monkeypatch):
    """`${NAME}` means the same there, the short form only where a key stands."""
    file = tmp_path / "sparekey.toml"
    file.write_text('[vlm]\nprovider = "openai"\nmodel = "${MODEL_X}"\n[[vlm.credentials]]\napi_key = "$KEY_X"\n')
    monkeypatch.setenv("MODEL_X", "gpt-x")
    monkeypatch.setenv("KEY_X", KEY)
    (one,) = load_config(file).vlm.instance_dicts()
    assert (one["model"], one["api_key"].reveal()) == ("gpt-x", KEY)


def test_a_model_without_provider_is_openais(ov, tmp_path):
    """At its address; in a file of our own only where an address is named, as the key must not go anywhere else."""
    assert chat(ov, api_key=KEY, api_base="https://ark.example/v3").credentials[0].provider == "openai"
    assert chat(ov, api_key=KEY).credentials[0].provider == "openai"
    assert chat(ov, credentials=[{"api_key": KEY}, {"api_key": SPARE}]).credentials[1].provider == "openai"
    file = tmp_path / "sparekey.toml"
    file.write_text(f'[vlm]\nmodel = "m"\napi_key = "{KEY}"\n')
    with pytest.raises(ConfigError, match="provider: is missing"):
        load_config(file)


def test_reasoning_effort_stands_anywhere(ov):
    """On the model, a credential, a backup or a provider's entry; the nearest counts."""
    found = chat(
        ov, provider="openai", reasoning_effort="low", credentials=[{"api_key": KEY, "reasoning_effort": "high"}, {"api_key": SPARE}]
    )
    assert [c.reasoning_effort for c in found.credentials] == ["high", "low"]
    backup = {"provider": "openai", "model": "b", "api_key": SPARE, "reasoning_effort": "medium"}
    found = chat(ov, provider="openai", api_key=KEY, reasoning_effort="low", backup=backup)
    assert [c.reasoning_effort for c in found.credentials] == ["low", "medium"]
    found = chat(ov, providers={"openai": {"api_key": KEY, "reasoning_effort": "minimal"}})
    assert found.instance_dicts()[0]["reasoning_effort"] == "minimal"


@pytest.mark.parametrize(
    ("model", "effort"),
    [("gpt-5.2", "low"), ("o3", "low"), ("GPT-6-sol", "low"), ("gpt-4o", None), ("gpt-4.1", None), ("omni-1", None)],
)
def test_models_that_think_get_openvikings_default_effort(ov, model, effort):
    """As OpenViking sends it; a credential with another model is not touched by it."""
    found = chat(
        ov, model=model, credentials=[{"provider": "openai", "api_key": KEY}, {"provider": "openai", "api_key": SPARE, "model": "gpt-4o"}]
    )
    assert [c.reasoning_effort for c in found.credentials] == [effort, None]


def test_retries_are_openvikings(ov):
    """Three, where nothing is said."""
    dense = {"provider": "openai", "model": "text-embedding-3-small", "api_key": KEY}
    config = load_config(ov(vlm={"model": "m", "provider": "openai", "api_key": KEY}, embedding={"dense": dense}))
    assert (config.vlm.max_retries, config.embedding.dense.max_retries) == (3, 3)
    assert chat(ov, provider="openai", api_key=KEY, max_retries=1).max_retries == 1


@pytest.mark.parametrize(
    ("provider", "model", "base", "wanted"),
    [
        ("bedrock", "anthropic.claude-x", None, ("litellm", "bedrock/anthropic.claude-x")),
        ("bedrock", "bedrock/anthropic.claude-x", None, ("litellm", "bedrock/anthropic.claude-x")),
        ("litellm", "my-model", "http://127.0.0.1:4000/v1", ("litellm", "openai/my-model")),
        ("litellm", "deepseek-chat", None, ("litellm", "deepseek/deepseek-chat")),
        ("litellm", "claude-x", None, ("litellm", "anthropic/claude-x")),
        ("litellm", "vertex_ai/gemini-x", None, ("litellm", "vertex_ai/gemini-x")),
        ("deepseek", "deepseek/deepseek-chat", None, ("deepseek", "deepseek-chat")),
        ("openrouter", "openrouter/anthropic/claude-x", None, ("openrouter", "anthropic/claude-x")),
        ("openrouter", "openrouter/auto", None, ("openrouter", "openrouter/auto")),
        ("hosted_vllm", "qwen3", "http://127.0.0.1:8000/v1", ("vllm", "qwen3")),
        ("openai", "openai/gpt-oss", "https://h.example/v1", ("openai", "openai/gpt-oss")),
    ],
)
def test_names_and_routes_of_litellm(ov, provider, model, base, wanted):
    """Whom a provider's name means, and by which name the model is asked for."""
    given = {"provider": provider, "model": model, "api_key": KEY, **({"api_base": base} if base else {})}
    (credential,) = chat(ov, **given).credentials
    assert (credential.provider, credential.model) == wanted


def test_what_cannot_be_served_is_left_out_with_a_word(ov, caplog):
    """A credential of a chain, or the chat model beside embeddings; alone it is refused, and so it is where a chain is strict."""
    codex = {"id": "plan", "provider": "openai-codex", "model": "gpt-x"}
    credentials = [codex, {"id": "well", "provider": "openai", "api_key": KEY}]
    assert [c.id for c in chat(ov, credentials=credentials).credentials] == ["well"]
    assert "left out: vlm.credentials[0]: 'openai-codex' is not offered: it signs in with a person's subscription" in caplog.text
    dense = {"provider": "openai", "model": "text-embedding-3-small", "api_key": KEY}
    assert load_config(ov(vlm=codex, embedding={"dense": dense})).vlm is None
    assert "left out: vlm: there is no chat model" in caplog.text
    for sections in ({"vlm": codex}, {"vlm": {"model": "m", "credentials": credentials, "strict": True}}):
        with pytest.raises(ConfigError, match="'openai-codex' is not offered"):
            load_config(ov(**sections))


def test_a_fault_behind_one_that_was_left_out_stands_where_it_is_written(ov):
    """Paths are those of the file."""
    credentials = [{"provider": "openai-codex"}, {"provider": "openai", "api_key": KEY}, {"provider": "opnai", "api_key": KEY}]
    with pytest.raises(ConfigError, match=r"vlm\.credentials\[2\]\.provider: unknown provider 'opnai'"):
        chat(ov, credentials=credentials)


def test_every_setting_without_a_use_is_named_with_its_reason(ov, caplog):
    """In the one line about older forms, and one by one by `migrate`."""
    data = {
        "vlm": {
            "model": "m",
            "provider": "openai",
            "api_key": KEY,
            "keepalive_expiry": 5,
            "max_concurrent": 9,
            "media": {"enabled": False},
        },
        "embedding": {
            "circuit_breaker": {"failure_threshold": 5},
            "text_source": "content_only",
            "dense": {"provider": "openai", "model": "text-embedding-3-small", "api_key": KEY},
        },
    }
    load_config(ov(**data))
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    paths = ["vlm.keepalive_expiry", "vlm.max_concurrent", "vlm.media.enabled", "embedding.circuit_breaker", "embedding.text_source"]
    assert all(f"{path}, not used here" in line for path in paths)
    told = migrated(data, "ov.conf").unused
    assert [".".join(map(str, one.path)) for one in told] == paths
    assert all(one.text for one in told)


def test_unknown_keys_are_named_at_every_depth(ov, caplog):
    """And do not stop the file, as they do not stop OpenViking."""
    dense = {"provider": "openai", "model": "text-embedding-3-small", "api_key": KEY, "colour": 1, "credentials": [{"shade": 1}]}
    config = load_config(
        ov(vlm={"model": "m", "provider": "openai", "api_key": KEY, "_note": "x", "media": {"later": 1}}, embedding={"dense": dense})
    )
    assert config.vlm.model == "m"
    for path in ("vlm._note", "vlm.media.later", "embedding.dense.colour", "embedding.dense.credentials[0].shade"):
        assert f"left out: {path}: unknown key" in caplog.text


def test_lengths_are_shortened_where_openviking_shortens_them(ov):
    """It asks these hosts for whole vectors; others are asked for the length."""

    def dense(**given):
        return load_config(ov(embedding={"dense": {"api_key": KEY, "dimension": 256, **given}})).embedding.dense

    assert dense(provider="openai", model="text-embedding-3-small").shorten == "here"
    assert dense(model="doubao-embedding-vision").shorten == "here"
    assert dense(provider="azure", model="d", api_base="https://r.example").shorten == "provider"
    assert dense(provider="voyage", model="voyage-4").shorten == "provider"


def test_numbers_in_quotes_and_empty_texts(ov):
    """Charts write them."""
    dense = {"backend": "volcengine", "model": "doubao-embedding-vision", "api_key": KEY, "api_base": "", "dimension": "1024"}
    found = load_config(ov(embedding={"dense": dense})).embedding.dense
    assert (found.dimension, found.credentials[0].api_base) == (1024, None)


def test_minimax_and_azure_have_their_defaults(ov):
    """The host and the version that OpenViking asks, and the account's group where MiniMax looks for it."""
    given = {"provider": "minimax", "model": "embo-01", "api_key": KEY, "extra_headers": {"groupid": "g", "X-Team": "t"}}
    (one,) = load_config(ov(embedding={"dense": given})).embedding.dense.instance_dicts()
    assert (one["api_base"], one["extra_body"], one["extra_headers"]) == ("https://api.minimax.chat/v1", {"GroupId": "g"}, {"X-Team": "t"})
    found = chat(ov, provider="azure", api_key=KEY, api_base="https://r.example")
    assert found.instance_dicts()[0]["api_version"] == "2025-01-01-preview"
