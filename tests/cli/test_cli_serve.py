"""`sparekey serve` as a person meets it: what it says when it starts, and what to do where it cannot."""

import signal
import socket
import subprocess
import sys

import pytest

from real_servers import spawned
from sparekey.gateway import process

pytest.importorskip("sparekey.gateway.process.server", reason="the extra `gateway` is not installed (uvicorn, uvloop, httptools)")

CHAIN = '[vlm]\nprovider = "openai"\nmodel = "m"\n[[vlm.credentials]]\nid = "team"\napi_key = "env:TEAM_KEY"\n'
CLAUDE = (
    '[gateway.chat.claude]\naliases = ["sonnet"]\n[[gateway.chat.claude.credentials]]\nprovider = "anthropic"\nmodel = "m"\napi_key = "k"\n'
)
STORE = '[gateway]\nstore = "{}"\n'
CLIENT = '[[gateway.clients]]\nname = "search"\nkey = "env:SEARCH_KEY"\n'


@pytest.fixture
def write(folder, monkeypatch):
    """Write `sparekey.toml`; the keys are in the environment."""
    monkeypatch.setenv("TEAM_KEY", "sk-team-0123456789")
    monkeypatch.setenv("SEARCH_KEY", "spk-search-0123456789abcdef")
    return (folder / "sparekey.toml").write_text


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (CHAIN.replace("TEAM_KEY", "NOT_THERE"), (), "sparekey.toml: vlm.credentials[0].api_key: env:NOT_THERE"),
        (CHAIN + '[[vlm.credentials]]\nprovider = "anthropic"\napi_key = "k"\n', (), "make two chains of it"),
        ("[gateway]\nport = 0\n", (), "sparekey.toml: the configuration has no chain to serve"),
        (CHAIN, ("--host", "0.0.0.0"), "add [[gateway.clients]] with keys, or listen on 127.0.0.1"),
        (CHAIN, ("--store", "cellar://x"), "--store: 'cellar://...' is no store; write one of"),
        (CHAIN + STORE.format("redis+sentinel://:hunter2@a"), (), "sparekey.toml: gateway.store: redis+sentinel://... is no address"),
        (CHAIN + STORE.format("rediss://a?ssl_ca_certs=/no/ca"), (), "sparekey.toml: gateway.store: rediss://a is no address"),
        (CHAIN + CLIENT.replace("SEARCH_KEY", "TEAM_KEY"), (), "20 characters"),
        ("[gateway", (), "sparekey.toml: not valid TOML"),
    ],
    ids=["key", "formats", "chain", "host", "store", "sentinels", "authority", "short", "toml"],
)
def test_what_could_not_serve_is_refused_before_anything_is_promised(sparekey, write, text, options, said):
    """Exit code 2, the place and what to do; nothing is said to be served."""
    write(text)
    result = sparekey("serve", *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "sparekey serves" not in result.stderr
    assert "hunter2" not in result.stderr


def test_an_address_that_is_taken_is_told(sparekey, write):
    """The address is named, and how to get another."""
    write(CHAIN)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = sparekey("serve", "--port", port)
    assert result.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in result.stderr
    assert "--port 0 takes a free one" in result.stderr


def test_without_a_file_it_says_how_to_get_one(sparekey):
    """A newcomer is told of `sparekey init`."""
    result = sparekey("serve")
    assert (result.exit_code, "`sparekey init` writes" in result.stderr) == (2, True)


def test_without_the_gateways_packages_it_names_the_extra(sparekey, write, monkeypatch):
    """What is missing is named as one installs it."""
    write(CHAIN)
    monkeypatch.delitem(sys.modules, "sparekey.gateway.process.server", raising=False)
    monkeypatch.delattr(process, "server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = sparekey("serve")
    assert (result.exit_code, "pip install 'sparekey[gateway]'" in result.stderr) == (2, True)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_it_greets_and_ends_with_ctrl_c(write, folder):
    """Address, chains with their credentials, a client of each format, console, keys, state and how to stop; Ctrl-C is exit code 0."""
    write(CHAIN + CLAUDE + "[gateway]\nport = 0\naccess_log = false\n" + CLIENT)
    words = [sys.executable, "-m", "sparekey", "serve", "--store", "memory"]
    with spawned(words, cwd=folder, stderr=subprocess.PIPE) as serving:
        said = []
        for line in serving.stderr:
            said.append(line)
            if line.startswith("stop "):
                break
        serving.send_signal(signal.SIGINT)
        rest = serving.communicate(timeout=60)[1]
    text = "".join(said)
    assert "sparekey serves 2 chains at http://127.0.0.1:" in text
    assert "  chat    team  for openai clients\n" in text
    assert "  claude  credential-0  (also called sonnet)  for anthropic clients\n" in text
    for part in ("OpenAI(base_url=", "Anthropic(base_url=", "/console", "of search", "memory", "Ctrl-C"):
        assert part in text
    assert "sk-team" not in text
    assert (serving.returncode, "Traceback" in rest) == (0, False)
