"""References to keys: found late, told clearly, never shown."""

import copy
import pickle
import stat
import sys

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from sparekey import ConfigError, MissingExtraError, Secret, VLMConfig, load_config
from sparekey.config import SecretRef

KEY = "sk-test-0123456789abcdef"


def resolved(reference):
    return VLMConfig(model="m", credentials=[{"provider": "openai", "api_key": reference}]).instance_dicts()[0]["api_key"]


def unresolved(reference):
    with pytest.raises(ConfigError) as caught:
        resolved(reference)
    assert KEY not in str(caught.value)
    return str(caught.value)


def test_the_value_itself():
    """Anything without one of the four prefixes is the key."""
    assert resolved(f"  {KEY}  ") == Secret(KEY)
    assert resolved("vault:abc") == Secret("vault:abc")


def test_env(monkeypatch):
    """env: reads an environment variable."""
    monkeypatch.setenv("SPARE_TEST", KEY)
    assert resolved("env:SPARE_TEST") == Secret(KEY)


def test_env_that_is_not_set(monkeypatch):
    """The message names key and reference and what to do."""
    monkeypatch.delenv("SPARE_TEST", raising=False)
    assert (
        unresolved("env:SPARE_TEST") == "credentials[0].api_key: env:SPARE_TEST: the environment variable SPARE_TEST is not set; export it"
    )


def test_file(tmp_path):
    """file: reads a file without the line break at its end."""
    (tmp_path / "key").write_text(KEY + "\n")
    assert resolved(f"file:{tmp_path / 'key'}") == Secret(KEY)


def test_file_is_relative_to_the_configuration(tmp_path):
    """A configuration can be moved with its key files."""
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "sparekey.toml").write_text('[vlm]\nmodel = "m"\n[[vlm.credentials]]\nprovider = "openai"\napi_key = "file:key"\n')
    assert load_config(tmp_path / "sparekey.toml").vlm.instance_dicts()[0]["api_key"] == Secret(KEY)


def test_file_that_is_not_there(tmp_path):
    """The message names the file."""
    assert "none cannot be read (No such file or directory)" in unresolved(f"file:{tmp_path / 'none'}")


def test_file_that_is_no_key(tmp_path):
    """Too long, binary, several lines, or empty."""
    for content, said in [(b"a" * 70000, "longer than"), (b"\xff\xfe\x00", "not text"), (b"a\nb", "line break"), (b" \n", "empty key")]:
        (tmp_path / "key").write_bytes(content)
        assert said in unresolved(f"file:{tmp_path / 'key'}")


def test_command():
    """cmd: takes what a command prints; arguments are split as a shell does, without a shell."""
    assert resolved(f"""cmd:{sys.executable} -c 'print("{KEY}")'""") == Secret(KEY)


def test_command_that_fails_does_not_repeat_its_output():
    """What a failing command prints may be a key."""
    text = unresolved(f"""cmd:{sys.executable} -c 'import sys; print("hidden-" + "output"); sys.exit(3)'""")
    assert "exit code 3" in text
    assert "hidden-output" not in text


def test_command_that_does_not_exist():
    """A missing program is told as such."""
    assert "cannot be run (No such file or directory)" in unresolved("cmd:no-such-program-here")
    assert "cannot be run" in unresolved("cmd:echo 'unclosed")


def test_command_that_never_ends(monkeypatch):
    """A command that waits for ever is ended."""
    monkeypatch.setattr("sparekey.config.secrets.COMMAND_TIMEOUT", 0.05)
    assert "did not end" in unresolved(f"""cmd:{sys.executable} -c 'import time; time.sleep(60)'""")


class Store(KeyringBackend):
    """A key store in memory, in the shape that the keyring package asks for."""

    priority = 1

    def get_password(self, service, username):
        if service == "locked":
            raise KeyringLocked
        return KEY if (service, username) == ("https://a.example/x", "me") else None

    def set_password(self, service, username, password): ...

    def delete_password(self, service, username): ...


@pytest.fixture
def store():
    before = keyring.get_keyring()
    keyring.set_keyring(Store())
    yield
    keyring.set_keyring(before)


def test_keyring(store):
    """keyring: reads the system's key store; the user stands after the last slash."""
    assert resolved("keyring:https://a.example/x/me") == Secret(KEY)


def test_keyring_without_the_entry(store):
    """The message says how to make the entry."""
    assert "keyring set service you" in unresolved("keyring:service/you")
    assert "refused (KeyringLocked)" in unresolved("keyring:locked/you")


def test_keyring_without_the_extra(monkeypatch):
    """The message names the extra."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtraError, match=r"sparekey\[keyring\]"):
        resolved("keyring:a/b")


@pytest.mark.parametrize("reference", ["env:", "file: ", "cmd:", "keyring:", "keyring:service", "keyring:/user", "keyring:service/"])
def test_references_to_nothing_are_refused_at_load(reference):
    """A shape that can never give a key is told when the configuration is made."""
    with pytest.raises(ConfigError, match=r"credentials\[0\]\.api_key: .*(names nothing|must be keyring:SERVICE/USER)"):
        VLMConfig(model="m", credentials=[{"provider": "openai", "api_key": reference}])


@pytest.mark.parametrize("key", [KEY + "\r\nX-Evil: 1", KEY + "\u201d", KEY + "\0x"])
def test_keys_that_no_header_can_hold_are_refused(key):
    """Line breaks and typographic quotes in a key are mistakes, and dangerous ones."""
    with pytest.raises(ConfigError) as caught:
        VLMConfig(model="m", credentials=[{"provider": "openai", "api_key": key}])
    assert KEY not in str(caught.value)


def test_references_are_resolved_late(tmp_path, monkeypatch):
    """A configuration loads where its keys are not; the error on use names the file, the key and the reference."""
    monkeypatch.delenv("NOT_HERE", raising=False)
    file = tmp_path / "sparekey.toml"
    file.write_text('[vlm]\nmodel = "m"\napi_key = "env:NOT_HERE"\nprovider = "openai"\n[[vlm.credentials]]\n')
    config = load_config(file)
    with pytest.raises(ConfigError) as caught:
        config.vlm.instance_dicts()
    assert str(caught.value) == f"{file}: vlm.api_key: env:NOT_HERE: the environment variable NOT_HERE is not set; export it"


def test_a_reference_never_shows_a_key():
    """repr, str, formatting, pickling and a JSON dump."""
    ref = SecretRef(KEY)
    shown = [repr(ref), str(ref), f"{ref}", f"{ref!r:>5}", repr(pickle.loads(pickle.dumps(ref))), repr(copy.copy(ref)), repr({"k": ref})]
    assert all(KEY not in text and "***" in text for text in shown)


def test_a_reference_is_equal_to_its_text():
    """A test may ask whether the right key stands there, without taking it out."""
    assert SecretRef(KEY) == KEY
    assert SecretRef("env:A") != SecretRef("env:B")
    assert hash(SecretRef("env:A")) == hash(SecretRef("env:A"))
    assert SecretRef("env:A") != 1


def test_keys_must_be_text():
    """A number is no key."""
    with pytest.raises(ConfigError, match=r"api_key: must be text, not int"):
        VLMConfig(model="m", credentials=[{"provider": "openai", "api_key": 5}])


def test_unreadable_key_files_are_told(tmp_path):
    """A folder where a key should be."""
    (tmp_path / "folder").mkdir(mode=stat.S_IRWXU)
    assert "cannot be read (Is a directory)" in unresolved(f"file:{tmp_path / 'folder'}")


def test_a_key_is_looked_up_once_until_close(tmp_path):
    """A command may ask a person for something; after close() it is asked again, as a key may have been changed."""
    file = tmp_path / "key"
    file.write_text("sk-old")
    config = VLMConfig(model="m", credentials=[{"provider": "openai", "api_key": f"file:{file}"}])
    assert config.instance_dicts()[0]["api_key"] == Secret("sk-old")
    file.write_text("sk-new")
    assert config.engine_credentials()[0].api_key == Secret("sk-old")
    config.close()
    assert config.engine_credentials()[0].api_key == Secret("sk-new")
