"""`sparekey init`: what is written loads, holds no key, mixes no spaces, and replaces nothing."""

import os

import pytest

from sparekey.config import load_config
from sparekey.config.environment import USUAL

KEYS = {"OPENAI_API_KEY": "sk-first-first-1", "OPENAI_API_KEY_SPARE": "sk-spare-spare-2", "ANTHROPIC_API_KEY": "sk-ant-third-3"}


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    """An environment without any provider's variables."""
    for name in list(os.environ):
        if any(name.startswith((*one.keys.names, *one.keys.base, *one.keys.deployment)) for one in USUAL):
            monkeypatch.delenv(name)


@pytest.fixture
def export(monkeypatch):
    """Put variables into the environment."""

    def put(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return put


def test_each_key_becomes_a_credential_by_reference(sparekey, folder, export):
    """The written file loads, has one credential a key, and neither it nor the terminal shows a key."""
    export(**KEYS)
    result = sparekey("init")
    assert result.exit_code == 0
    chain = load_config(folder / "sparekey.toml").vlm.credentials
    assert [(c.id, c.api_key.text) for c in chain] == [
        ("openai", "env:OPENAI_API_KEY"),
        ("openai-2", "env:OPENAI_API_KEY_SPARE"),
        ("anthropic", "env:ANTHROPIC_API_KEY"),
    ]
    shown = result.output + (folder / "sparekey.toml").read_text()
    assert not any(key in shown for key in KEYS.values())
    assert "sparekey check" in result.stderr


@pytest.mark.parametrize("usual", USUAL, ids=lambda one: "-".join(one.keys.names or one.keys.base))
def test_every_row_of_the_table_loads(sparekey, folder, export, usual):
    """Whatever provider a key is for, the file that is written for it alone is a sound configuration."""
    export(**dict.fromkeys(usual.keys.names[:1], "a-key"), **dict.fromkeys(usual.keys.base[:1], "https://own.example/v1"))
    assert sparekey("init").exit_code == 0
    config = load_config(folder / "sparekey.toml")
    assert (config.vlm is None, config.embedding is None) == (usual.model is None, usual.embedding is None)


def test_spaces_are_never_mixed(sparekey, folder, export):
    """The embedding chain has one provider's keys; another one's stands there as a comment that says why."""
    export(**KEYS, VOYAGE_API_KEY="pa-voyage")
    sparekey("init")
    chain = load_config(folder / "sparekey.toml").embedding.dense
    assert [c.provider for c in chain.credentials] == ["openai", "openai"]
    assert "# VOYAGE_API_KEY (voyage) is no spare here" in (folder / "sparekey.toml").read_text()


def test_one_format_in_a_chain_that_the_gateway_serves(sparekey, folder, export):
    """Beside OpenAI's keys Claude is asked at its OpenAI-compatible address, alone in its own format."""
    export(ANTHROPIC_API_KEY="sk-ant-third-3")
    sparekey("init")
    assert load_config(folder / "sparekey.toml").vlm.credentials[0].provider == "anthropic"
    export(**KEYS)
    sparekey("init", "--force")
    config = load_config(folder / "sparekey.toml")
    claude = config.vlm.credentials[2]
    assert (claude.provider, claude.api_base, claude.api_key.text) == ("openai", "https://api.anthropic.com/v1", "env:ANTHROPIC_API_KEY")
    served = pytest.importorskip("sparekey.gateway.api.served_chains", reason="the extra `gateway` is not installed")
    assert {name: chain.wire for name, chain in served.serve(config, client=None).items()} == {"chat": "openai", "embedding": "openai"}


def test_host_of_ones_own_is_not_asked_in_a_format_it_may_not_speak(sparekey, folder, export):
    """A key for another host than Anthropic's is left out of a chain in OpenAI's format, with its reason."""
    export(**KEYS, ANTHROPIC_BASE_URL="https://claude.example")
    sparekey("init")
    assert len(load_config(folder / "sparekey.toml").vlm.credentials) == 2
    assert "ANTHROPIC_API_KEY + ANTHROPIC_BASE_URL is left out" in (folder / "sparekey.toml").read_text()


def test_section_of_the_gateway_is_sound(sparekey, folder, export):
    """Without its # it loads: another machine is served, and needs a key."""
    export(**KEYS)
    sparekey("init")
    file = folder / "sparekey.toml"
    head, mark, rest = file.read_text().partition("# [gateway]\n")
    section, own, rules = rest.partition("\n\n")
    file.write_text(head + mark[2:] + "\n".join(line.removeprefix("# ") for line in section.splitlines()) + own + rules)
    gateway = load_config(file).gateway
    assert (gateway.port, gateway.host, gateway.clients[0].key.text) == (8080, "0.0.0.0", "env:MY_PROGRAM_KEY")
    assert "sparekey serve --config sparekey.toml" in head


def test_commented_lines_are_sound_settings(sparekey, folder, export):
    """Every setting that is shown as a comment loads when its # is taken away."""
    export(**KEYS)
    sparekey("init")
    file = folder / "sparekey.toml"
    file.write_text(file.read_text().replace("# failback", "failback").replace("# idle", "idle").replace("# stream_rec", "stream_rec"))
    assert load_config(file).vlm.idle_limit == 15
    for name in ("max_retries", "timeout", "deadline", "first_content", "max_tokens", "temperature", "dimension", "batch_size", "[[rules"):
        file.write_text(file.read_text().replace(f"# {name}", name))
    for name in ("status", "contains", "then"):
        file.write_text(file.read_text().replace(f"# {name} =", f"{name} ="))
    assert load_config(file).rules[0].status == 418


def test_same_key_under_two_names_counts_once(sparekey, export):
    """A spare that is the first key again is none, and is told by name."""
    export(OPENAI_API_KEY="sk-same", OPENAI_API_KEY_2="sk-same")
    result = sparekey("init", "--print")
    assert "env:OPENAI_API_KEY_2" not in result.stdout
    assert "OPENAI_API_KEY_2: holds the same key as OPENAI_API_KEY" in result.stderr


def test_key_goes_only_to_the_host_that_stands_beside_it(sparekey, folder, export):
    """A base URL in the environment is written with the key; one that holds a password is refused together with its key."""
    export(
        OPENAI_API_KEY="sk-own",
        OPENAI_BASE_URL="https://own.example/v1",
        ANTHROPIC_API_KEY="a",
        ANTHROPIC_BASE_URL="https://u:pw@x.example",
    )
    result = sparekey("init")
    assert [(c.provider, c.api_base) for c in load_config(folder / "sparekey.toml").vlm.credentials] == [
        ("openai", "https://own.example/v1")
    ]
    assert "ANTHROPIC_BASE_URL is no plain http or https URL" in result.stderr
    assert "pw@" not in result.output


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("box:1234", "http://box:1234/v1"),
        ("https://o.example/", "https://o.example/v1"),
    ],
)
def test_ollama_host_becomes_a_url(sparekey, folder, export, host, url):
    """What Ollama takes as a host is completed to the URL that a client needs."""
    export(OLLAMA_HOST=host)
    sparekey("init")
    assert load_config(folder / "sparekey.toml").vlm.credentials[0].api_base == url


def test_azure_without_its_endpoint_is_told(sparekey, export):
    """A key that cannot be used alone is named with what is missing."""
    export(AZURE_OPENAI_API_KEY="k")
    result = sparekey("init")
    assert result.exit_code == 2
    assert "needs AZURE_OPENAI_ENDPOINT" in result.stderr


def test_nothing_found(sparekey, folder):
    """Without a key nothing is written, and what was looked for is told; --force writes a template that loads."""
    result = sparekey("init")
    assert result.exit_code == 2
    assert "VOYAGE_API_KEY" in result.stderr
    assert not list(folder.iterdir())
    assert sparekey("init", "--force").exit_code == 0
    assert len(load_config(folder / "sparekey.toml").vlm.credentials) == 2


def test_file_that_is_there_is_kept(sparekey, folder, export):
    """Only --force writes over a file; --print touches none."""
    export(**KEYS)
    (folder / "sparekey.toml").write_text("mine")
    assert sparekey("init").exit_code == 2
    assert "[vlm]" in sparekey("init", "--print").stdout
    assert (folder / "sparekey.toml").read_text() == "mine"
    assert sparekey("init", "--force").exit_code == 0
    assert load_config(folder / "sparekey.toml").vlm


def test_check_takes_the_written_file(sparekey, export, provider):
    """`check` calls with what `init` wrote."""
    well = provider(text="yes", dimension=1536)
    export(OPENAI_API_KEY="sk-x", OPENAI_BASE_URL=well.base_url)
    sparekey("init")
    result = sparekey("check")
    assert result.exit_code == 0
    assert "embedding.dense could serve" in result.output
