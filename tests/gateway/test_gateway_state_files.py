"""Where a gateway keeps its state: a place of its own, for its owner only, or a reason why not."""

from pathlib import Path

import pytest
from gateway_command import Command
from gateway_play import chain, question

from sparekey.errors import ConfigError
from sparekey.gateway.process.state_files import StateFiles, place_of
from sparekey.stores import open_store

FILE = Path("/etc/sparekey/my gateway.toml")


def test_a_service_has_its_own_folder(tmp_path):
    """The StateDirectory of systemd goes before the person's; the first one, if there are several."""
    environ = {"STATE_DIRECTORY": f"{tmp_path / 'service'}:/elsewhere", "XDG_STATE_HOME": str(tmp_path / "person")}
    place = place_of(FILE, None, environ)
    assert place.history.parent == tmp_path / "service"
    assert place.history.name.startswith("my-gateway-")
    assert not place.fault


def test_a_person_has_a_folder_for_states(tmp_path, monkeypatch):
    """XDG_STATE_HOME if it is an absolute path, else ~/.local/state."""
    assert place_of(FILE, None, {"XDG_STATE_HOME": str(tmp_path)}).history.parent == tmp_path / "sparekey"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert place_of(FILE, None, {"XDG_STATE_HOME": "relative"}).history.parent == tmp_path / "home/.local/state/sparekey"


def test_nobody_else_reads_it(tmp_path):
    """The folder is its owner's only, and so is the file."""
    place = place_of(FILE, None, {"XDG_STATE_HOME": str(tmp_path)})
    (file,) = place.history.parent.iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_two_gateways_do_not_meet(tmp_path):
    """Files of one name in two folders have two states; one file has one, whenever it is asked for."""
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    one, two = (place_of(Path(folder) / "sparekey.toml", None, environ) for folder in ("/a", "/b"))
    assert one.store != two.store
    assert place_of(Path("/a/sparekey.toml"), None, environ) == one
    with open_store(one.store) as store:
        assert store.label == f"sqlite:///{one.history.parent / one.history.name.replace('-history', '')}"


def test_memory_switches_it_off(tmp_path):
    """Nothing is written then."""
    assert place_of(FILE, "memory", {"XDG_STATE_HOME": str(tmp_path)}) == StateFiles()
    assert not list(tmp_path.iterdir())


def test_the_history_lies_beside_the_state(tmp_path):
    """Beside a SQLite file that is named, and in the usual place with a store on the network."""
    assert place_of(FILE, f"sqlite:///{tmp_path}/a.db", {}).history == tmp_path / "a-history.db"
    place = place_of(FILE, "redis://localhost:6379/0", {"XDG_STATE_HOME": str(tmp_path)})
    assert (place.store, place.history.parent) == ("redis://localhost:6379/0", tmp_path / "sparekey")


@pytest.mark.parametrize("store", [None, "redis://localhost:6379/0"])
def test_a_place_that_cannot_be_written_is_told(tmp_path, store):
    """What is named goes on without it, and the fault says what to do."""
    (tmp_path / "file").write_text("")
    place = place_of(FILE, store, {"STATE_DIRECTORY": str(tmp_path / "file/below")})
    assert (place.store, place.history) == (store, None)
    assert "STATE_DIRECTORY" in place.fault
    assert str(tmp_path / "file") in place.fault


def test_an_address_that_is_none_is_refused(tmp_path):
    """As for any store."""
    with pytest.raises(ConfigError, match="is no folder"):
        place_of(FILE, f"sqlite:///{tmp_path}/missing/a.db", {})


def test_the_command_goes_on_without_a_place(tmp_path, pair):
    """A warning says what to do, and requests are served from memory."""
    file = tmp_path / "sparekey.toml"
    file.write_text(chain("vlm", pair))
    with Command(file, STATE_DIRECTORY="/proc/nowhere") as command:
        assert command.get("/v1/chat/completions", question())[0] == 200
        assert 'store = "memory"' in command.said()
        assert command.state()["store"]["kind"] == "memory"
