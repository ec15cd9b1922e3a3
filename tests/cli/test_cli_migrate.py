"""`sparekey migrate`: nothing is lost, nothing is overwritten, no key is shown."""

import json
import stat
import tomllib

import pytest

from sparekey.config import load_config

OLD = {
    "vlm": {
        "provider": "openai", "model": "gpt-4o", "api_key": "sk-oldoldoldoldold", "extra_headers": {"X-Team": "team-secret"},
        "backup": {"backend": "volcengine", "model": "doubao", "api_key": "env:ARK_KEY"},
    },
}  # fmt: skip


@pytest.fixture
def old(folder):
    """A configuration in an older form, readable by its owner only."""
    path = folder / "old.json"
    path.write_text(json.dumps(OLD))
    path.chmod(0o600)
    return path


def names(folder):
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_new_form_is_printed_and_nothing_written(sparekey, old, folder):
    """The pure command prints what loads, with the keys that a pipe needs."""
    result = sparekey("migrate", old)
    new = json.loads(result.stdout)
    assert [c["id"] for c in new["vlm"]["credentials"]] == ["legacy-primary", "legacy-backup"]
    assert new["vlm"]["credentials"][0]["api_key"] == "sk-oldoldoldoldold"
    assert json.loads(old.read_text()) == OLD
    assert names(folder) == ["old.json"]


def test_both_formats_say_the_same(sparekey, old):
    """`--to toml` is the same configuration in the other format."""
    assert tomllib.loads(sparekey("migrate", old, "--to", "toml").stdout) == json.loads(sparekey("migrate", old).stdout)


def test_write_keeps_a_backup_and_the_permissions(sparekey, old, folder):
    """The file has the new form, the backup the old one, and both stay as private as the file was."""
    assert sparekey("migrate", old, "--write").exit_code == 0
    backup = folder / "old.json.bak"
    assert [str(c.id) for c in load_config(old).vlm.credentials] == ["legacy-primary", "legacy-backup"]
    assert json.loads(backup.read_text()) == OLD
    assert {stat.S_IMODE(path.stat().st_mode) for path in (old, backup)} == {0o600}
    assert names(folder) == ["old.json", "old.json.bak"]


def test_older_backup_is_never_written_over(sparekey, old, folder):
    """A backup that is there already stays, and the new one takes the next name."""
    (folder / "old.json.bak").write_text("precious")
    sparekey("migrate", old, "--write")
    assert (folder / "old.json.bak").read_text() == "precious"
    assert json.loads((folder / "old.json.bak.1").read_text()) == OLD


def test_second_write_does_nothing(sparekey, old, folder):
    """What is in the present form already is left alone, without another backup."""
    sparekey("migrate", old, "--write")
    result = sparekey("migrate", old, "--write")
    assert "nothing was written" in result.stderr
    assert names(folder) == ["old.json", "old.json.bak"]


def test_write_in_another_format_makes_another_file(sparekey, old, folder):
    """`--write --to toml` leaves one live configuration: the new file; the old one is the backup."""
    sparekey("migrate", old, "--write", "--to", "toml")
    assert names(folder) == ["old.json.bak", "old.toml"]
    assert tomllib.loads((folder / "old.toml").read_text())["vlm"]["model"] == "gpt-4o"


def test_write_never_replaces_another_file(sparekey, old, folder):
    """A file of the new name that is there already is somebody's."""
    (folder / "old.toml").write_text("mine")
    assert sparekey("migrate", old, "--write", "--to", "toml").exit_code == 2
    assert (folder / "old.toml").read_text() == "mine"
    assert old.exists()


def test_link_is_followed(sparekey, old, folder):
    """What a link points to is rewritten; the link stays one."""
    link = folder / "sparekey.json"
    link.symlink_to(old)
    sparekey("migrate", link, "--write")
    assert link.is_symlink()
    assert "credentials" in json.loads(old.read_text())["vlm"]


def test_broken_configuration_is_printed_but_never_written(sparekey, folder):
    """What would not load is shown with its faults, and `--write` refuses it."""
    (folder / "bad.json").write_text('{"vlm": {"provider": "nope", "model": "m", "api_key": "k"}}')
    printed = sparekey("migrate", "bad.json")
    assert printed.exit_code == 2
    assert "nope" in printed.stdout
    assert "unknown provider" in printed.stderr
    assert sparekey("migrate", "bad.json", "--write").exit_code == 2
    assert names(folder) == ["bad.json"]


def test_openviking_file_is_not_written_over(sparekey, folder):
    """OpenViking needs its file's other sections, so it is printed only."""
    (folder / "ov.conf").write_text(json.dumps({**OLD, "server": {"port": 1}}))
    assert sparekey("migrate", "ov.conf").exit_code == 0
    result = sparekey("migrate", "ov.conf", "--write")
    assert result.exit_code == 2
    assert "OpenViking" in result.stderr
    assert names(folder) == ["ov.conf"]


def test_file_that_is_not_there(sparekey):
    """A missing file is told by its name."""
    result = sparekey("migrate", "absent.json")
    assert result.exit_code == 2
    assert "absent.json: cannot be read" in result.stderr


@pytest.mark.parametrize("to", ["toml", "json"])
def test_texts_with_variables_stay_texts_with_variables(sparekey, folder, monkeypatch, to):
    """No value of a variable is written down; what cannot be kept is named; the result sends what the old file sent."""
    for name, value in {"TOK": "toksecret", "PART": "partsecret", "HOST_X": "one.example", "MODEL_X": "gpt-5", "MANY": "77"}.items():
        monkeypatch.setenv(name, value)
    vlm = {
        "provider": "openai",
        "model": "$MODEL_X",
        "api_key": "pre-${PART}-post",
        "api_base": "https://${HOST_X}/v1",
        "max_tokens": "${MANY}",
        "extra_headers": {"Authorization": "Bearer ${TOK}"},
        "extra_request_body": {"user": "$TOK", "n": 1, "template": "${who}"},
    }
    (folder / "ov.conf").write_text(json.dumps({"vlm": vlm}))
    result = sparekey("migrate", "ov.conf", "--to", to)
    assert "secret" not in result.stdout + result.stderr
    assert "left out: vlm.extra_request_body.user: holds a variable" in result.stderr
    (folder / f"new.{to}").write_text(result.stdout)
    (old,), (new,) = (load_config(folder / name).vlm.instance_dicts() for name in ("ov.conf", f"new.{to}"))
    assert new.pop("extra_request_body") == {"n": 1, "template": "${who}"}
    assert old.pop("extra_request_body")["user"] == "toksecret"
    assert (new["api_key"].reveal(), new["extra_headers"]) == ("pre-partsecret-post", {"Authorization": "Bearer toksecret"})
    assert new == old
