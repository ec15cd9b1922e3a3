"""The command line as a whole: help, exit codes, errors, real processes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from real_servers import spawned
from sparekey import __version__
from sparekey.cli import render
from sparekey.cli.problems import EXAMPLE
from sparekey.config import load_config
from sparekey.lab.simulator import faults

COMMANDS = ["check", "chat", "embed", "explain", "migrate", "demo", "version"]
SOURCE = Path(__file__).parents[2] / "src"


def process(*arguments, **options):
    """Run `python -m sparekey` as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "COLUMNS": "100"}
    command = [sys.executable, "-m", "sparekey", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False, **options)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(sparekey, command):
    """Every command's help shows how it is called."""
    result = sparekey(command, "--help")
    assert result.exit_code == 0
    assert f"  sparekey {command}" in result.stdout


def test_version_is_the_packages_own(sparekey):
    """`version` and `--version` tell sparekey's version and Python's."""
    assert sparekey("version").stdout == sparekey("--version").stdout
    assert sparekey("version").stdout.startswith(f"sparekey {__version__} (Python 3.")


def test_unknown_command_is_wrong_usage(sparekey):
    """A misspelt command ends with 2."""
    assert sparekey("chekc").exit_code == 2


def test_missing_configuration_shows_how_one_looks(sparekey):
    """Without a configuration the message holds one to begin with."""
    result = sparekey("check")
    assert result.exit_code == 2
    assert "[[vlm.credentials]]" in result.stderr


def test_configuration_to_begin_with_loads(folder):
    """The example in the message has ten lines and is a sound configuration."""
    (folder / "sparekey.toml").write_text(EXAMPLE)
    assert len(EXAMPLE.splitlines()) == 10
    assert len(load_config().vlm.credentials) == 2


def test_wrong_configuration_names_file_and_key(sparekey, folder):
    """A fault is told as file, key, what is wrong and what to do; without a traceback."""
    (folder / "sparekey.toml").write_text('[vlm]\nprovider = "opnai"\nmodel = "m"\napi_key = "k"\n')
    result = sparekey("chat", "hello")
    assert result.exit_code == 2
    assert "sparekey.toml: vlm" in result.stderr
    assert "did you mean 'openai'" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [["--debug", "chat", "hello"], ["chat", "hello", "--debug"]])
def test_debug_shows_the_traceback(sparekey, arguments):
    """`--debug` counts before the command and after it."""
    assert "Traceback" in sparekey(*arguments).stderr


def test_named_configuration_wins_over_the_environment(sparekey, provider, write_config, monkeypatch, folder):
    """`--config` comes first, then `SPAREKEY_CONFIG`, then the working directory."""
    named = write_config(vlm=[("named", provider(), "sk-1")]).rename(folder / "named.json")
    variable = write_config(vlm=[("variable", provider(), "sk-2")]).rename(folder / "variable.json")
    write_config(vlm=[("here", provider(), "sk-3")])
    assert "answered by here" in sparekey("chat", "hello").stderr
    monkeypatch.setenv("SPAREKEY_CONFIG", str(variable))
    assert "answered by variable" in sparekey("chat", "hello").stderr
    assert "answered by named" in sparekey("chat", "hello", "--config", named).stderr


def test_older_form_is_told_in_one_line(sparekey, provider, folder):
    """A configuration in an older form works, and one line says how to get the present one."""
    plain = {"vlm": {"provider": "openai", "model": "sim-chat", "api_key": "sk-1", "api_base": provider().base_url}}
    (folder / "sparekey.json").write_text(json.dumps(plain))
    result = sparekey("chat", "hello")
    assert result.exit_code == 0
    assert result.stderr.count("deprecated") == 1
    assert "sparekey migrate" in result.stderr


def test_bug_has_an_exit_code_of_its_own(sparekey, monkeypatch):
    """An error that nobody expected is told as one of sparekey itself."""
    monkeypatch.setattr("sparekey.cli.explain.run_explain", lambda *_, **__: 1 // 0)
    result = sparekey("explain", "text")
    assert result.exit_code == 70
    assert "ZeroDivisionError" in result.stderr


def test_real_process_answers(provider, write_config, folder):
    """`python -m sparekey` is the same command line, streams and exit codes included."""
    dead, well = provider(text="one"), provider(text="two words")
    dead.fail(faults.quota())
    write_config(vlm=[("team-a", dead, "sk-1"), ("team-b", well, "sk-2")])
    done = process("chat", "hello", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "two words\n")
    assert "answered by team-b" in done.stderr


def test_help_loads_neither_sdk_nor_rich():
    """`--help` is quick because it loads next to nothing."""
    program = "import sys; sys.argv = ['sparekey', '--help']\nfrom sparekey.cli import main\n"
    program += "try: main()\nexcept SystemExit: pass\nprint(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True).stdout.split()
    assert not {"openai", "pydantic", "rich", "httpx2", "sparekey.classify", "sparekey.config"} & {*loaded}


def test_reader_that_leaves_is_no_error(folder):
    """`sparekey explain ... | head` does not end with a traceback."""
    command = f"{sys.executable} -m sparekey explain --json text | head -1"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment, cwd=folder, check=False)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a signal that Windows does not have")
def test_interrupt_ends_it_quietly(provider, write_config, folder):
    """Ctrl-C ends a command that waits, with 130 and without a traceback."""
    silent = provider()
    silent.fail(faults.hang())
    write_config(vlm=[("silent", silent, "sk-1")])
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    with spawned([sys.executable, "-m", "sparekey", "chat", "hello"], stderr=subprocess.PIPE, env=environment, cwd=folder) as waiting:
        assert silent.wait_for(lambda p: p.requests, 60)
        waiting.send_signal(signal.SIGINT)
        _, errors = waiting.communicate(timeout=60)
    assert (waiting.returncode, "Traceback" in errors) == (130, False)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal, which Windows does not have")
def test_terminal_hides_keys_that_a_pipe_gets(sparekey, folder):
    """On a terminal `migrate` shows *** for keys; `--show-keys` shows them."""
    import pty

    (folder / "old.json").write_text('{"vlm": {"provider": "openai", "model": "m", "api_key": "sk-visiblevisible"}}')
    assert "sk-visiblevisible" in sparekey("migrate", "old.json").stdout

    def on_terminal(*arguments):
        outer, inner = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        subprocess.run([sys.executable, "-m", "sparekey", *arguments], stdout=inner, stderr=inner, env=environment, cwd=folder, check=True)
        os.close(inner)
        shown = os.read(outer, 65536).decode()
        os.close(outer)
        return shown

    assert "sk-visiblevisible" not in on_terminal("migrate", "old.json")
    assert "sk-visiblevisible" in on_terminal("migrate", "old.json", "--show-keys")


def test_no_color_means_no_escape_at_all(sparekey, monkeypatch, capfd):
    """On a terminal with NO_COLOR not even dim and bold are written; without it they are."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes standard error for a terminal
    render.note("a note")
    assert "\x1b[" in capfd.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    render.note("a note")
    render.facts(render.out(), [("name", "value")], title="a title")
    said = capfd.readouterr()
    assert "\x1b" not in said.err + said.out
