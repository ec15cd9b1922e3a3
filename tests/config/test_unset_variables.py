"""A credential whose variable is not set is left out, loudly; the chain serves without it."""

import json
import logging

import pytest

from sparekey import ConfigError, EmbeddingConfig, VLMConfig, load_config

KEY = "sk-test-0123456789abcdef"
SPARES = [
    {"api_base": "${UNSET_X}"},
    {"api_base": "https://${UNSET_X}/v1"},
    {"api_key": "pre-${UNSET_X}-post"},
    {"model": "${UNSET_X}"},
    {"provider": "${UNSET_X}"},
    {"extra_headers": {"X-Team": "${UNSET_X}"}},
]


@pytest.mark.parametrize("spare", SPARES)
@pytest.mark.parametrize("name", ["sparekey.json", "ov.conf"])
def test_a_spare_with_an_unset_variable_is_left_out(tmp_path, caplog, name, spare):
    """Wherever in the credential it stands; one line of level ERROR names place and variable."""
    file = tmp_path / name
    second = {"id": "b", "api_key": KEY, **spare}
    chain = {"provider": "openai", "model": "m", "credentials": [{"id": "a", "api_key": KEY}, second]}
    file.write_text(json.dumps({"vlm": chain}))
    config = load_config(file)
    assert config.vlm.get_vlm_instance().is_available()
    assert [one["credential_id"] for one in config.vlm.instance_dicts()] == ["a"]
    (line,) = {r.getMessage() for r in caplog.records if r.levelno == logging.ERROR}
    assert "vlm.credentials[1]." in line
    assert "UNSET_X is not set" in line
    assert "'b' is left out" in line
    config.close()
    file.write_text(json.dumps({"vlm": {**chain, "strict": True}}))
    with pytest.raises(ConfigError, match="UNSET_X is not set"):
        load_config(file).vlm.instance_dicts()


@pytest.mark.parametrize("spare", SPARES)
def test_it_serves_once_the_variable_is_set(tmp_path, monkeypatch, spare):
    """With what the variable holds, in code as in a file."""
    monkeypatch.setenv("UNSET_X", "https://openai" if spare.get("api_base") == "${UNSET_X}" else "openai")
    credentials = [{"api_key": KEY}, {"id": "b", "api_key": KEY[::-1], **spare}]
    config = VLMConfig(provider="openai", model="m", credentials=credentials)
    sent = config.instance_dicts()[1]
    assert "${" not in repr(sent)
    (name,) = spare
    assert "openai" in (sent[name].reveal() if name == "api_key" else str(sent[name]))


def test_a_backup_or_a_first_with_an_unset_variable_is_left_out(tmp_path):
    """In the older forms as well: whichever of the two can be reached serves."""
    backup = {"provider": "openai", "model": "m", "api_key": KEY}
    for first, second, left in (
        ("${UNSET_X}", "https://b.example", "legacy-backup"),
        ("https://a.example", "${UNSET_X}", "legacy-primary"),
    ):
        config = VLMConfig(provider="openai", model="m", api_key=KEY, api_base=first, backup={**backup, "api_base": second})
        assert [one["credential_id"] for one in config.instance_dicts()] == [left]


def test_an_address_for_all_costs_those_that_use_it():
    """A credential with an address of its own serves."""
    credentials = [{"id": "a", "api_key": KEY}, {"id": "b", "api_key": KEY, "api_base": "https://b.example"}]
    config = VLMConfig(provider="openai", model="m", api_base="${UNSET_X}", credentials=credentials)
    assert [one["credential_id"] for one in config.instance_dicts()] == ["b"]


def test_the_last_credential_left_out_is_an_error(tmp_path):
    """And it is told where it stands in the file; a whole file may be strict, too."""
    file = tmp_path / "sparekey.toml"
    file.write_text(f'[vlm]\nprovider = "openai"\nmodel = "m"\napi_key = "{KEY}"\napi_base = "${{UNSET_X}}"\n')
    with pytest.raises(ConfigError, match=r"vlm\.api_base: the environment variable UNSET_X is not set; export it"):
        load_config(file)
    two = f'[[vlm.credentials]]\napi_key = "{KEY}"\n[[vlm.credentials]]\napi_key = "{KEY}"\napi_base = "${{UNSET_X}}"\n'
    file.write_text(f'strict = true\n[vlm]\nprovider = "openai"\nmodel = "m"\n{two}')
    with pytest.raises(ConfigError, match=r"vlm\.credentials\[1\]\.api_base: the environment variable UNSET_X is not set"):
        load_config(file)


def test_embeddings_do_without_the_spare_too():
    """A model that is not known is no other vector space."""
    config = EmbeddingConfig(
        dense={
            "provider": "openai",
            "model": "text-embedding-3-small",
            "credentials": [{"api_key": KEY, "model": "${UNSET_X}"}, {"api_key": KEY}],
        }
    )
    assert config.get_dimension() == 1536
    assert [one["credential_id"] for one in config.dense.instance_dicts()] == ["credential-1"]


@pytest.mark.parametrize("written", ["${UNSET_X:-secret-default}", "pre-${UNSET_X:-secret-default}"])
def test_a_default_of_a_shell_is_no_variable(tmp_path, caplog, written):
    """The credential is left out with what to write; the default is not shown, as it may be a key."""
    file = tmp_path / "ov.conf"
    credentials = [{"id": "a", "api_key": KEY}, {"id": "b", "api_key": written}]
    file.write_text(json.dumps({"vlm": {"provider": "openai", "model": "m", "credentials": credentials}}))
    chain = load_config(file).vlm
    assert [one["credential_id"] for one in chain.instance_dicts()] == ["a"]
    assert "write ${UNSET_X} alone" in caplog.text
    assert "secret-default" not in caplog.text + repr(chain)
