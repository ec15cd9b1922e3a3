"""Configuration files: TOML and JSON, faults with their place, OpenViking's ov.conf, and no key in any message."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparekey import ConfigError, load_config
from sparekey.config import Config, migrate

KEY = "sk-test-0123456789abcdef"

TOML = f"""
[vlm]
model = "gpt-5-mini"
failback_request_count = 20

[[vlm.credentials]]
id = "main"
provider = "openai"
api_key = "{KEY}"

[[vlm.credentials]]
provider = "azure"
api_key = "env:AZURE_KEY"
api_base = "https://me.openai.azure.com"

[embedding.dense]
model = "text-embedding-3-small"
credentials = [{{ provider = "openai", api_key = "env:OPENAI_KEY" }}]
"""


@pytest.fixture
def write(tmp_path):
    def write(content, name="sparekey.toml"):
        file = tmp_path / name
        file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return file

    return write


def refused(file):
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert KEY not in str(caught.value)
    assert all(line.startswith(f"{file}: ") for line in str(caught.value).splitlines())
    return str(caught.value).replace(f"{file}: ", "")


def test_toml(write):
    """The format for people."""
    config = load_config(write(TOML))
    assert [c.id for c in config.vlm.credentials] == ["main", "credential-1"]
    assert config.vlm.failback_request_count == 20
    assert config.embedding.get_dimension() == 1536
    assert config.embedding.sparse is None


def test_json_means_the_same(write):
    """The format for programs; the suffix does not matter, the first character does."""
    config = load_config(write({"vlm": {"model": "m", "credentials": [{"provider": "openai", "api_key": KEY}]}}, "anything"))
    assert config.vlm.credentials[0].model == "m"


def test_a_file_may_hold_either_part_or_none(write):
    """Chat without embeddings and the other way round."""
    assert load_config(write("")).vlm is None
    assert load_config(write("[embedding.dense]\nmodel='m'\ncredentials=[{provider='vllm'}]")).vlm is None


def test_faults_name_file_path_and_remedy(write):
    """One line a fault, in the file's own words."""
    text = refused(
        write(
            {
                "vlm": {"model": "m", "credentials": [{"provider": "openai", "api_kye": KEY}], "timeout": -1},
                "embedding": {"dense": {"model": "m", "credentials": [{"provider": "jinja", "api_key": KEY}]}},
                "vml": {},
            },
            "sparekey.json",
        )
    )
    assert text.splitlines() == [
        "vlm.credentials[0].api_kye: unknown key; did you mean 'api_key'?",
        "vlm.timeout: must be more than 0, not -1",
        "embedding.dense.credentials[0].provider: unknown provider 'jinja'; did you mean 'jina'?",
        "vml: unknown key; did you mean 'vlm'?",
    ]


def test_closing_a_configuration_closes_its_parts(write, monkeypatch):
    """What was built is; where nothing was, there is nothing to do."""
    config, closed = load_config(write(TOML)), []
    monkeypatch.setenv("AZURE_KEY", "k")
    monkeypatch.setattr(config.vlm.get_vlm_instance(), "close", lambda: closed.append("vlm"))
    config.close()
    config.close()
    Config().close()
    assert closed == ["vlm"]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"provider": "openai", "model": "m"}, "vlm.api_key: is missing"),
        (
            {"provider": "openai", "model": "m", "api_key": KEY, "backup": {"provider": "kimi", "model": "k"}},
            "vlm.backup.api_key: is missing",
        ),
        ({"model": "m", "providers": {"OpenAI": {"api_base": "nowhere"}}}, "vlm.providers.OpenAI.api_base: must begin with"),
        ({"provider": "openai", "model": "m", "api_key": KEY, "backup": {"backup": {"model": "x"}}}, "vlm.backup.backup: a backup cannot"),
    ],
)
def test_faults_of_older_forms_are_told_where_they_stand(write, section, said):
    """The path is that of the file, not of the rewritten form."""
    assert said in refused(write({"vlm": section}, "old.json"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f'[vlm]\nmodel = "{KEY}\n', "not valid TOML (at line 2, column"),
        (f'{{"vlm": "{KEY}}}', "not valid JSON"),
        (f'{{"vlm": {{"api_key": "{KEY}", "api_key": "{KEY}"}}}}', "the key 'api_key' is there twice in one table"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("[vlm]\nmodel = 'm'\nmodel = 'n'", "not valid TOML"),
        ('{"vlm": []}', "vlm: must be a table"),
        ("vlm = 5", "vlm: must be a table"),
    ],
)
def test_broken_files_are_told_without_their_content(write, content, said):
    """Where, and never what: the line may hold a key."""
    assert said in refused(write(content))


def test_a_file_that_cannot_be_read(tmp_path):
    """Missing, a folder, or not text."""
    assert "cannot be read (No such file or directory)" in refused(tmp_path / "none.toml")
    assert "cannot be read" in refused(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x01")
    assert "cannot be read (not UTF-8 text)" in refused(tmp_path / "binary")


def test_the_file_is_found(write, tmp_path, monkeypatch):
    """SPAREKEY_CONFIG first, then the working directory; if there is none, the message says what to do."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPAREKEY_CONFIG", raising=False)
    with pytest.raises(ConfigError, match=r"no configuration: write sparekey\.toml here"):
        load_config()
    write(TOML)
    assert load_config().vlm.model == "gpt-5-mini"
    monkeypatch.setenv("SPAREKEY_CONFIG", str(write(TOML.replace("gpt-5-mini", "other"), "other.toml")))
    assert load_config().vlm.model == "other"


OV_CONF = """{
  "server": {"host": "0.0.0.0", "port": 1933, "cors_origins": ["*"],},
  "storage": {"workspace": "./data", "vectordb": {"backend": "local"}},
  "embedding": {
    "dense": {
      "model": "doubao-embedding-vision-251215", "api_key": "{your-api-key}", "api_base": "https://ark.cn-beijing.volces.com/api/v3",
      "dimension": 1024, "provider": "volcengine", "input": "multimodal",
    },
    "text_source": "content_only", "max_input_tokens": 4096, "max_concurrent": 10, "allow_metadata_override": false,
    "circuit_breaker": {"failure_threshold": 5, "reset_timeout": 60, "max_reset_timeout": 600},
  },
  "embedding_ollama_example": {"_comment": "no key"},
  "vlm": {
    "model": "doubao-seed-2-0-pro-260215", "api_key": "{your-api-key}", "api_base": "https://ark.cn-beijing.volces.com/api/v3",
    "max_retries": 2, "provider": "volcengine", "thinking": false, "media": {"enabled": true, "video_fps": 2.0}, "max_concurrent": 32,
  },
  "rerank": {"provider": "vikingdb", "ak": "{your-ak}"},
  "log": {"level": "INFO"},
}
"""


def test_ov_conf_loads_as_it_is(write, caplog):
    """OpenViking's file, with its other sections and its trailing commas, in one line of warning."""
    config = load_config(write(OV_CONF, "ov.conf"))
    assert config.vlm.temperature == 0.0
    assert config.vlm.media.video_fps == 2.0
    (instance,) = config.embedding.dense.instance_dicts()
    assert (instance["provider"], instance["dimension"], instance["api_base"]) == (
        "volcengine",
        1024,
        "https://ark.cn-beijing.volces.com/api/v3",
    )
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "vlm.media.enabled, not used here" in line
    assert "{your-api-key}" not in line


def test_ov_conf_is_known_by_its_sections(write):
    """Under any name."""
    assert load_config(write(OV_CONF, "mine.json")).vlm.credentials[0].id == "default"


def test_ov_conf_defaults(write):
    """The provider is volcengine for embeddings without a provider; the local model for an empty section."""
    dense = {"model": "ep-1", "api_key": KEY, "space": "one", "credentials": [{"model": "ep-1"}, {"model": "ep-2"}]}
    config = load_config(write({"embedding": {"dense": dense}}, "ov.conf"))
    assert [c.provider for c in config.embedding.dense.credentials] == ["volcengine", "volcengine"]
    assert load_config(write({"embedding": {"max_retries": 1}, "log": {}}, "ov.conf")).embedding.get_dimension() == 512


def test_ov_conf_without_a_chat_model(write):
    """Settings alone name no model; OpenViking runs without one then."""
    assert load_config(write({"vlm": {"max_retries": 3}, "log": {}}, "ov.conf")).vlm is None


def test_unknown_keys_of_ov_conf_are_named(write, caplog):
    """OpenViking ignores them with a warning; in a file of our own they are refused."""
    data = {"vlm": {"model": "m", "api_bse": "x", "provider": "openai", "api_key": KEY}}
    assert load_config(write(data, "ov.conf")).vlm.model == "m"
    assert "vlm.api_bse: unknown key; did you mean 'api_base'?" in caplog.text
    assert "vlm.api_bse: unknown key" in refused(write(data, "sparekey.json"))


def test_a_line_break_does_not_end_a_string(write):
    """Trailing commas are forgiven outside of strings only."""
    headers = {"X-Note": "a,]"}
    config = load_config(
        write({"vlm": {"model": "m", "credentials": [{"provider": "openai", "api_key": KEY, "extra_headers": headers}]}}, "x")
    )
    assert config.vlm.credentials[0].extra_headers == headers


def test_ov_conf_can_be_migrated(write):
    """What is printed is a sparekey configuration: other sections are gone, and it means the same."""
    from sparekey.config.files import read_file

    new = migrate(read_file(write(OV_CONF, "ov.conf")), "ov.conf")
    assert set(new) == {"vlm", "embedding"}
    again = load_config(write(new, "sparekey.json"))
    assert again.embedding.dense.instance_dicts() == load_config(write(OV_CONF, "ov.conf")).embedding.dense.instance_dicts()


SECRET = "sk-hush-0123456789abcdef"
KEYS = st.sampled_from(
    [
        *("vlm", "embedding", "dense", "credentials", "api_key", "api_base", "provider", "providers", "backup", "extra_headers", "host"),
        *("ak", "default_provider", "backend", "model", "media", "reasoning_effort", "extra_request_body", "space", "openai", "kimi", "id"),
    ]
)
VALUES = st.recursive(
    st.sampled_from([SECRET, f"env:{SECRET}\n", f"ftp://{SECRET}", f"{SECRET}\n", 1, True, None]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_whatever_is_written_it_loads_or_is_refused_without_its_values(content):
    """No other exception comes out, and no value of a key, a URL or a header is ever repeated."""
    try:
        Config(**content)
    except ConfigError as exc:
        assert SECRET not in str(exc)  # noqa: PT017 - a valid configuration raises nothing
