"""The parts of the drill: verdicts, its clock, who is played by whom, and what becomes of a row that breaks off."""

from __future__ import annotations

import time

import pytest
from drill_verdicts import NOT_YET, NOT_YET_THROUGH

from sparekey.config.files import Config
from sparekey.errors import MissingExtraError
from sparekey.lab.drill import GATEWAY_ROWS, NOT_RUN, NOT_THROUGH, ROWS, Check, Row, Verdict, run
from sparekey.lab.drill.clock import Clock
from sparekey.lab.drill.fixtures import Shape, simulated_chat, stand_ins
from sparekey.lab.drill.outcome import CallOutcome, whole
from sparekey.lab.drill.runner import FAST
from sparekey.lab.drill.verdict import verdict
from sparekey.lab.simulator import TEXT, Simulator

MINE = {
    "vlm": {
        "patience": 1.5,
        "extra_headers": {"X-Secret": "sk-real-header"},
        "credentials": [
            {"id": "a", "provider": "openai", "model": "m", "api_key": "env:NO_SUCH_VARIABLE"},
            {"id": "b", "provider": "openai", "model": "m", "api_key": "sk-real-key-of-mine"},
            {"id": "c", "provider": "azure", "model": "n", "api_key": "sk-real-key-of-mine", "api_base": "https://mine.example.com"},
        ],
    }
}


def of_a_row(play, **more):
    """The result of a row of one's own."""
    return run(None, [Row("X01", "a fault", "an answer", "", play, ("sync",), **more)], FAST)[0]


def test_the_worst_broken_check_decides():
    """Checks that hold count for nothing, of the others the worst."""
    checks = [Check("a", True, Verdict.FAIL), Check("b", False, Verdict.PARTIAL), Check("c", False, Verdict.SAFE)]
    assert verdict(checks) is Verdict.SAFE
    assert verdict(checks[:1]) is Verdict.PASS


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (CallOutcome(text=TEXT, seconds=1), Verdict.PASS),
        (CallOutcome(text=TEXT, seconds=9), Verdict.PARTIAL),
        (CallOutcome(text=TEXT[:20], error=OSError()), Verdict.SAFE),
        (CallOutcome(text=TEXT[:20]), Verdict.FAIL),
        (CallOutcome(text="something else", error=OSError()), Verdict.FAIL),
        (CallOutcome(text=TEXT + TEXT), Verdict.FAIL),
        (CallOutcome(hung=True, seconds=60), Verdict.FAIL),
    ],
)
def test_what_the_caller_heard_has_a_mark(outcome, expected):
    """The whole answer in time passes, late is partial, a clean error is safe; short, wrong, doubled or hung has failed."""
    assert verdict(whole(outcome, within=5)) is expected


def test_the_clock_jumps_over_spans_and_remembers_when():
    """A jump takes no time, and what happened before it keeps its moment."""
    clock = Clock(1.0, virtual=True)
    before = time.monotonic()
    moment = clock()
    clock.skip(3600)
    assert 3600 <= clock() - moment < 3660
    assert clock.at(before) <= moment


def test_the_clock_stretches_time():
    """With a scale of a thousandth, a real millisecond is a second."""
    clock = Clock(0.001, virtual=True)
    assert clock.at(clock._start + 0.5) == pytest.approx(500)


def test_a_frozen_clock_is_moved_by_jumps_only():
    """Time that flows is not seen any more."""
    clock = Clock(0.000001, virtual=True)
    clock.freeze()
    moment = clock()
    clock.skip(5)
    assert clock() - moment == pytest.approx(5)


@pytest.fixture
def simulator():
    """A simulator."""
    with Simulator() as running:
        yield running


def test_a_cast_keeps_order_and_policy_and_no_key_or_address(simulator):
    """The chain stays as it is; its keys are not even looked up, own headers are left out, nobody real is reached."""
    cast = simulated_chat(Config.model_validate(MINE).vlm, simulator, Shape(), 1.0)
    config = cast.config
    assert [(c.id, c.provider, c.model) for c in config.credentials] == [("a", "openai", "m"), ("b", "openai", "m"), ("c", "azure", "n")]
    assert config.patience == 1.5
    assert all(c.api_base.startswith("http://127.0.0.1:") for c in config.credentials)
    assert "sk-real" not in str(config.instance_dicts()) + str([c.api_key.text for c in config.credentials])
    assert not any(c.extra_headers for c in config.credentials)


def test_a_cast_keeps_who_shares_an_endpoint(simulator):
    """Two keys of one host are two keys of one simulated provider; a third host is another one."""
    a, b, c = simulated_chat(Config.model_validate(MINE).vlm, simulator, Shape(), 1.0).seats
    assert a.provider is b.provider is not c.provider
    assert a.key != b.key
    assert c.provider.wire.__class__.__name__ == "AzureWire"


def test_a_cast_is_filled_up_to_the_seats_of_a_row(simulator):
    """Copies of the first credential have endpoints of their own."""
    seats = simulated_chat(Config.model_validate(MINE).vlm, simulator, Shape(seats=5, apart=True), 1.0).seats
    assert [seat.id for seat in seats] == ["a", "b", "c", "a-copy-3", "a-copy-4"]
    assert len({id(seat.provider) for seat in seats}) == 5


def test_a_wire_that_the_simulator_does_not_speak_is_named():
    """LiteLLM is played on OpenAI's wire, and a line says so."""
    config = Config.model_validate({"vlm": {"credentials": [{"provider": "litellm", "model": "m", "api_key": "k"}]}})
    assert [line.split()[0] for line in stand_ins(config)] == ["litellm"]


def test_a_row_that_breaks_off_has_failed():
    """An error of the row itself shows, and the others go on."""

    def play(context):
        yield Check("fine", True)
        raise ZeroDivisionError

    result = of_a_row(play)
    assert result.verdict is Verdict.FAIL
    assert "broke off: ZeroDivisionError" in result.runs[0].broken[0]


def test_a_call_without_a_sign_is_given_up():
    """A row gets an answer even where the caller would get none."""
    from sparekey.lab.simulator import faults

    def play(context):
        scenario = context.chat()
        scenario.fail(0, faults.hang())
        yield from whole(scenario.stream(longest=2))

    result = of_a_row(play, waits=True)
    assert result.verdict is Verdict.FAIL
    assert result.runs[0].caller.startswith("nothing more for 2 s")


def test_a_lone_credential_is_drilled_as_it_is():
    """Without a spare, the caller of S02 gets a clean error."""
    config = Config.model_validate({"vlm": {"provider": "openai", "model": "m", "api_key": "env:NO_SUCH_VARIABLE"}})
    assert run(config, [row for row in ROWS if row.id == "S02"], FAST)[0].verdict is Verdict.SAFE


def test_a_missing_sdk_ends_the_drill(monkeypatch):
    """What cannot be built is no failed row: the person is told which extra to install."""
    monkeypatch.setattr("sparekey.vlm.backends.chat.installed", lambda _: False)
    with pytest.raises(MissingExtraError, match="openai"):
        run(None, [ROWS[0]], FAST)


def test_every_row_has_a_name_of_its_own():
    """Rows, and those that are not played, are told apart; the list of what does not pass yet names rows that exist."""
    names = [row.id for row in ROWS]
    assert len(names) == len(set(names))
    assert not set(names) & set(NOT_RUN)
    assert set(NOT_YET) <= set(names)


def test_every_row_is_played_through_the_gateway_or_says_why_not():
    """The two tables and the reasons hold the same rows."""
    everything = {row.id for row in ROWS} | set(NOT_RUN)
    assert {row.id for row in GATEWAY_ROWS} | set(NOT_THROUGH) == everything
    assert not {row.id for row in GATEWAY_ROWS} & set(NOT_THROUGH)
    assert set(NOT_YET_THROUGH) <= everything


@pytest.mark.parametrize("wire", ["anthropic", "gemini"])
def test_the_sdk_of_a_chains_wire_calls_the_gateway(wire):
    """Whole answers, streams, refusals and exhausted chains are understood on every wire that a gateway speaks."""
    credentials = [{"id": name, "provider": wire, "model": f"m-{name}", "api_key": "env:NO_SUCH_VARIABLE"} for name in ("a", "b")]
    config = Config.model_validate({"vlm": {"credentials": credentials}})
    results = run(config, [row for row in GATEWAY_ROWS if row.id in {"S13", "S16", "K07"}], FAST)
    assert [(r.row.id, r.verdict, r.runs[0].broken) for r in results] == [(i, Verdict.PASS, ()) for i in ("S13", "S16", "K07")]


def test_a_limit_on_open_files_is_told(monkeypatch):
    """A crowd that the system does not allow is no crowd that was served: the row says what to raise."""
    resource = pytest.importorskip("resource", reason="there is no such limit here")
    from sparekey.lab.drill.crowds import files

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    assert files(100).holds
    assert not files(4000).holds
    assert "ulimit" in files(4000).what
