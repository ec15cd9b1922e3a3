"""Credentials that hold one key are told: by the file and when the chain is built, by id, never with the key."""

import logging

import pytest

from sparekey import Config, EmbeddingModelConfig, VLMConfig, load_config

KEY = "sk-test-0123456789abcdef"
FILE = """
[vlm]
provider = "openai"
model = "m"
[[vlm.credentials]]
id = "team-a"
api_key = "{}"
[[vlm.credentials]]
id = "team-b"
api_key = "{}"
"""


@pytest.fixture
def told(caplog, tmp_path):
    """What was logged about the keys since it was last asked; no line holds one."""
    caplog.set_level(logging.WARNING, "sparekey")

    def told():
        found = [r.getMessage().replace(f"{tmp_path}/", "") for r in caplog.records if r.name == "sparekey"]
        caplog.clear()
        assert KEY not in " ".join(found)
        return found

    return told


@pytest.fixture
def load(tmp_path):
    """Load a file with two keys; `extra` stands behind the second one."""
    file = tmp_path / "sparekey.toml"

    def load(first, second, extra=""):
        file.write_text(FILE.format(first, second) + extra)
        return load_config(file)

    return load


def chain(*credentials, **settings):
    """A configuration in code."""
    given = [{"id": f"c{index}", "api_key": KEY, **one} for index, one in enumerate(credentials)]
    return VLMConfig(**{"provider": "openai", "model": "m", **settings, "credentials": given})


def test_a_file_with_one_key_twice_is_told_when_it_is_loaded(load, told):
    """One line: file, place, both ids, what it means and what to do; it loads all the same."""
    assert len(load(KEY, KEY).vlm.credentials) == 2
    (line,) = told()
    assert line.startswith("sparekey.toml: vlm.credentials[1]: 'team-b' has the same key as 'team-a'")
    assert "count as one" in line


def test_it_is_told_once(load, told):
    """A gateway reads its file several times, and a chain is asked for its credentials again and again."""
    for _ in range(2):
        load(KEY, KEY).vlm.engine_credentials()
    assert len(told()) == 1
    config = chain({}, {})
    config.engine_credentials()
    config.engine_credentials()
    chain({}, {}).engine_credentials()
    assert len(told()) == 2


def test_two_variables_with_one_value_are_one_key(load, told, monkeypatch):
    """The environment is looked at; what is not there says nothing yet."""
    monkeypatch.setenv("KEY_A", KEY)
    monkeypatch.setenv("KEY_B", f"{KEY}\n")
    load("env:KEY_A", "env:KEY_B")
    assert len(told()) == 1
    monkeypatch.delenv("KEY_B")
    load("env:KEY_A", "env:KEY_B", "# another text\n")
    assert told() == []


@pytest.mark.parametrize("reference", ["env:K", "file:k", "cmd:pass k", "keyring:k/k"])
def test_one_reference_twice_is_one_key(load, told, reference, monkeypatch):
    """Wherever it leads, and without going there."""
    monkeypatch.delenv("K", raising=False)
    load(reference, reference)
    assert len(told()) == 1


def test_what_only_a_file_knows_is_told_when_the_chain_is_built(load, told, tmp_path):
    """Loading a configuration reads no key."""
    for name in "ab":
        (tmp_path / name).write_text(KEY)
    config = load("file:a", "file:b")
    assert told() == []
    config.vlm.engine_credentials()
    assert len(told()) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [({"model": "n"}, "for another model: the account's quota"), ({"api_base": "http://h/v1"}, "at another address: if one")],
)
def test_a_key_for_something_else_is_told_in_its_own_words(told, change, said):
    """It may serve, but one account stands behind both; once both say whose they are, there is nothing to tell."""
    chain({}, change).engine_credentials()
    (line,) = told()
    assert line.startswith(f"credentials[1]: 'c1' has the same key as 'c0', {said}")
    assert 'account = "NAME"' in line
    chain({}, change, account="acme").engine_credentials()
    assert told() == []


def test_nothing_is_told_of_different_keys_and_of_none(told):
    """Nor of the words that local servers take for a key."""
    chain({}, {"api_key": KEY + "x"}).engine_credentials()
    chain({"api_key": "none"}, {"api_key": "none"}).engine_credentials()
    VLMConfig(provider="vllm", model="m", api_base="http://localhost:1/v1", credentials=[{}, {}]).engine_credentials()
    assert told() == []


def test_embeddings_and_key_pairs_are_told_too(told):
    """An access key id is a key; another region is another address."""
    pair = {"provider": "vikingdb", "ak": "AK0123456789", "sk": "SK0123456789", "region": "cn-beijing"}
    for other, times in (({}, 1), ({"region": "cn-shanghai"}, 1), ({"ak": "AK9876543210"}, 0)):
        EmbeddingModelConfig(model="bge-m3", credentials=[pair, pair | other]).engine_credentials()
        assert len(told()) == times


def test_chains_are_told_by_themselves(load, told):
    """One key in two chains is what chains are for."""
    load(KEY, KEY + "b", FILE.replace("vlm", "gateway.chat.fast").format(KEY, KEY + "b"))
    assert told() == []
    load(KEY, KEY + "b", FILE.replace("vlm", "gateway.chat.fast").format(KEY, KEY))
    (line,) = told()
    assert "gateway.chat.fast.credentials[1]" in line


def test_a_key_that_stands_where_a_name_belongs_is_masked(told):
    """An id is shown, so a key in its place is not."""
    chain({"id": KEY}, {"id": "b"}).engine_credentials()
    assert len(told()) == 1


def test_a_whole_configuration_in_code_is_told_when_it_is_built(told):
    """It has no file to be loaded from."""
    config = Config(vlm={"provider": "openai", "model": "m", "credentials": [{"api_key": KEY}, {"api_key": KEY}]})
    assert told() == []
    config.vlm.get_vlm_instance()
    assert len(told()) == 1
    config.close()
