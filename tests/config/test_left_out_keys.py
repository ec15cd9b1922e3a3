"""One spare whose key cannot be found does not stop a chain; all that is wrong with a file is told at once; dumps show no key."""

import json
import logging

import pytest

from sparekey import ConfigError, EmbeddingConfig, VLMConfig, load_config
from sparekey.config import Config

KEY = "sk-test-0123456789abcdef"


def two(**more):
    """Return a chain whose second key is in a variable that is not set."""
    return VLMConfig(
        provider="openai", model="m", credentials=[{"id": "a", "api_key": KEY}, {"id": "b", "api_key": "env:NOT_SET_X"}], **more
    )


def test_a_spare_without_its_key_is_left_out_loudly(caplog):
    """The others serve; the log says which is missing and why, once."""
    config = two()
    assert [one["credential_id"] for one in config.instance_dicts()] == ["a"]
    assert [c.id for c in config.engine_credentials()] == ["a"]
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert "'b' is left out" in line
    assert "the environment variable NOT_SET_X is not set; export it" in line
    assert config.get_vlm_instance().is_available()
    config.close()


def test_the_first_may_be_missing_too(monkeypatch):
    """Whoever is there serves; after `close()` the keys are looked up anew."""
    config = VLMConfig(provider="openai", model="m", credentials=[{"id": "a", "api_key": "env:LATER_X"}, {"id": "b", "api_key": KEY}])
    assert [one["credential_id"] for one in config.instance_dicts()] == ["b"]
    monkeypatch.setenv("LATER_X", "sk-later")
    assert [one["credential_id"] for one in config.instance_dicts()] == ["b"]
    config.close()
    assert [one["credential_id"] for one in config.instance_dicts()] == ["a", "b"]


def test_strict_refuses(tmp_path):
    """For one chain, or for the whole file."""
    with pytest.raises(ConfigError, match="NOT_SET_X is not set"):
        two(strict=True).instance_dicts()
    with pytest.raises(ConfigError, match="NOT_SET_X is not set"):
        Config(strict=True, vlm=two()).vlm.engine_credentials()
    assert Config(strict=True, vlm=two(strict=False)).vlm.usable()


def test_nobody_is_left_and_all_reasons_are_told(monkeypatch):
    """And as soon as one is there, it serves."""
    config = VLMConfig(provider="openai", model="m", credentials=[{"api_key": "env:NOT_SET_X"}, {"api_key": "env:NOT_SET_Y"}])
    with pytest.raises(ConfigError) as caught:
        config.instance_dicts()
    assert [name in str(caught.value) for name in ("NOT_SET_X", "NOT_SET_Y")] == [True, True]
    monkeypatch.setenv("NOT_SET_Y", KEY)
    assert len(config.instance_dicts()) == 1


@pytest.mark.parametrize("name", ["sparekey.toml", "sparekey.json"])
def test_all_faults_are_told_at_once(tmp_path, name):
    """Also those that a whole chain shows, and those of other sections; nothing is told twice, nothing made up."""
    toml = """
[vlm]
model = "m"
timeout = -1
[[vlm.credentials]]
provider = "opnai"
api_key = "k"
[[vlm.credentials]]
provider = "openai"
[embedding]
frob = 1
[embedding.dense]
model = "m"
[[embedding.dense.credentials]]
provider = "jinja"
api_key = "k"
[gateway]
port = "x"
host = "0.0.0.0"
"""
    import tomllib

    file = tmp_path / name
    file.write_text(toml if name.endswith("toml") else json.dumps(tomllib.loads(toml)))
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    told = [line.removeprefix(f"{file}: ").partition(": ")[0] for line in str(caught.value).splitlines()]
    assert sorted(told) == [
        "embedding.dense.credentials[0].provider",
        "embedding.frob",
        "gateway.host",
        "gateway.port",
        "vlm.credentials[0].provider",
        "vlm.credentials[1].api_key",
        "vlm.timeout",
    ]


def test_a_misspelt_key_is_one_fault(tmp_path):
    """That it is missing under its right name follows from it."""
    with pytest.raises(ConfigError) as caught:
        VLMConfig(model="m", credentials=[{"provider": "openai", "api_kye": KEY}])
    assert str(caught.value) == "VLMConfig: credentials[0].api_kye: unknown key; did you mean 'api_key'?"


def test_toml_says_what_is_wrong_with_it(tmp_path):
    """In its own words, with the place, without a key."""
    file = tmp_path / "sparekey.toml"
    file.write_text('[vlm]\nmodel "m"\n')
    with pytest.raises(ConfigError, match=r"not valid TOML \(at line 2, column 7\): Expected '=' after a key"):
        load_config(file)


def whole():
    """Return a configuration with keys wherever keys can stand."""
    headers = {"Authorization": f"Bearer {KEY}", "X-Team": "short"}
    one = {"provider": "openai", "api_key": KEY, "extra_headers": headers, "extra_request_body": {"auth": {"key": KEY}}}
    dense = {"provider": "vikingdb", "model": "bge-m3", "region": "r", "dimension": 8, "credentials": [{"ak": KEY, "sk": KEY}]}
    return Config(vlm=VLMConfig(model="m", credentials=[one]), embedding=EmbeddingConfig(dense=dense))


@pytest.mark.parametrize(
    "shown",
    [lambda c: repr(c.model_dump()), lambda c: c.model_dump_json(), str, repr, lambda c: repr(c.model_dump(mode="json"))],
)
def test_a_dump_shows_no_key(shown):
    """Neither in keys nor in headers nor in bodies."""
    assert KEY not in shown(whole())


@pytest.mark.parametrize(
    "shown",
    [lambda c: repr(c.model_dump()), lambda c: c.model_dump_json(), str, repr, lambda c: repr(c.model_dump(mode="json"))],
)
def test_a_dump_shows_no_key_of_any_shape(shown):
    """A word in a query or under a telling name may be a key; numbers and other names are shown."""
    body = {"token": "qqqsecret", "inner": [{"apiKey": "qqqsecret"}], "max_tokens": 7, "user": "someone"}
    chain = VLMConfig(
        model="m",
        extra_request_body=body,
        credentials=[
            {"provider": "openai", "api_key": KEY, "api_base": "https://host.example/v1?key=qqqsecret&sid=qqqsecret&api-version=2"}
        ],
    )
    text = shown(Config(vlm=chain))
    assert "qqqsecret" not in text
    assert "https://host.example/v1" in text
    assert "api-version=2" in text


@pytest.mark.parametrize("masked", [{"extra_request_body": {"a": {"token": "***"}}}, {"api_base": "https://host.example/v1?key=***"}])
def test_what_was_shown_is_not_sent(masked):
    """Neither in a body nor in an address."""
    with pytest.raises(ConfigError, match="shown in the place of a key"):
        VLMConfig(model="m", provider="openai", credentials=[{"api_key": KEY, **masked}])


def test_an_older_form_is_told_of_once(caplog):
    """Also where something else is wrong, and the model is read again to find all of it."""
    with pytest.raises(ConfigError, match="more than 0"):
        VLMConfig(model="m", provider="openai", api_key=KEY, timeout=-1)
    assert caplog.text.count("deprecated older form") == 1


def test_what_was_dumped_is_not_taken_for_a_key():
    """A round trip through JSON is refused instead of sending `Bearer ***`; of references it works."""
    with pytest.raises(ConfigError) as caught:
        Config.model_validate(json.loads(whole().model_dump_json()))
    assert "vlm.credentials[0].api_key: is what is shown in the place of a key" in str(caught.value)
    assert "holds ***" in str(caught.value)
    plain = Config(vlm=VLMConfig(model="m", credentials=[{"provider": "openai", "api_key": "env:K"}]))
    again = Config.model_validate(json.loads(plain.model_dump_json()))
    assert again.vlm.credentials[0].api_key == "env:K"
    assert again.model_dump() == plain.model_dump()


def test_names_that_programs_of_openviking_call(monkeypatch):
    """`is_available`, `backup`, the four methods of a model, the length of vectors."""
    config = two()
    assert config.is_available()
    assert config.backup is None
    assert not VLMConfig(provider="openai", model="m", credentials=[{"api_key": "env:NOT_SET_X"}]).is_available()
    assert VLMConfig(provider="ollama", model="m", credentials=[{}]).is_available()
    for name in ("get_completion", "get_completion_async", "get_vision_completion", "get_vision_completion_async"):
        assert callable(getattr(config, name))
    dense = EmbeddingConfig(dense={"provider": "openai", "model": "text-embedding-3-small", "api_key": KEY})
    assert (dense.get_effective_dimension(), dense.dense.get_effective_dimension()) == (1536, 1536)
    unknown = EmbeddingConfig(dense={"provider": "openai", "model": "mine", "api_key": KEY})
    with pytest.raises(ConfigError, match="is not known of mine; set dimension"):
        unknown.dense.get_effective_dimension()
