"""The rows P: what is played, in which words, and that a day passes in no time."""

from __future__ import annotations

import asyncio
import time

import pytest

from sparekey.lab import virtual_time
from sparekey.lab.drill import ROWS, Verdict
from sparekey.lab.drill.cases import Case, Cases
from sparekey.lab.drill.fixtures import built_in
from sparekey.lab.drill.row import FAST, Profile, Run, joined
from sparekey.lab.drill.runner import play
from sparekey.lab.drill.virtual_scenario import VirtualScenario
from sparekey.lab.drill.wordings import CREDENTIAL, REQUEST, about, wordings

OTHERS = {row.id: row for row in ROWS if row.cases is not None}
WAYS = ("sync", "async", "sdk", "gateway")


def test_every_row_of_the_catalogue_is_there():
    """P10 and P11 are for later."""
    assert list(OTHERS) == [*(f"H{number:02}" for number in range(1, 13)), *(f"P{number:02}" for number in (*range(1, 10), *range(12, 18)))]


@pytest.mark.parametrize("what", [REQUEST, CREDENTIAL])
def test_wordings_say_little_or_much_on_every_wire(what):
    """Each wire has words that prove nothing and words that prove more."""
    assert {one.wire for one in about(what)} == {"openai", "anthropic", "gemini"}
    assert {one.wire for one in about(what, proof="possible")} == {"openai", "anthropic", "gemini"}
    assert {one.wire for one in about(what, proof="likely")} == {"openai", "anthropic", "gemini"}


def test_wordings_have_names_and_words():
    """Names are unique, and each answer has something that a person reads."""
    names = [one.id for one in wordings()]
    assert len(names) == len(set(names))
    assert all(len(one.words) > 8 for one in wordings())


@pytest.mark.parametrize("row", OTHERS)
def test_all_cases_are_many_and_a_few_are_few(row):
    """The whole matrix has every number of keys on every wire that has words; the few are some of it."""
    cases: Cases = OTHERS[row].play
    for way in OTHERS[row].every_way().modes:
        every = cases.of(way, full=True)
        assert {case.seats for case in every} == set(cases.seats)
        assert {case.wording for case in every} == set(cases.wordings or [None])
        assert 1 <= len(cases.of(way, full=False)) <= cases.few


@pytest.mark.parametrize("row", OTHERS)
def test_the_whole_matrix_is_streamed_and_whole_in_the_library_and_through_the_gateway(row):
    """Both occur in the library's ways together, and in the gateway's."""
    cases: Cases = OTHERS[row].play
    library = {case.streamed for way in OTHERS[row].modes for case in cases.of(way, full=True)}
    assert library == {case.streamed for case in cases.of("gateway", full=True)} == {False, True}


def test_a_day_passes_in_no_time():
    """The loop jumps to its next timer as soon as nobody has anything to do."""

    async def day(clock):
        await asyncio.sleep(86_400)
        return clock()

    since = time.monotonic()
    assert virtual_time.run(day) == pytest.approx(86_400)
    assert time.monotonic() - since < 60


def test_time_stands_still_while_a_thread_works():
    """What a blocking call takes for itself is no time of the row; what it pauses is."""

    async def work(clock):
        await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.05)
        worked = clock()
        await asyncio.get_running_loop().run_in_executor(None, clock.sleep, 30.0)
        return worked, clock()

    worked, paused = virtual_time.run(work)
    assert worked == 0.0
    assert paused == pytest.approx(30.0)


def test_what_hangs_for_ever_is_told(monkeypatch):
    """Nobody will ever speak: the case ends with an error, and not never."""
    monkeypatch.setattr(virtual_time, "_STUCK", 0.05)

    async def stuck(_):
        await asyncio.Event().wait()

    with pytest.raises(virtual_time.StuckError):
        virtual_time.run(stuck)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wire", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize("streamed", [False, True])
def test_each_way_gets_answers_and_words(way, wire, streamed):
    """A whole answer is known as one, an error has the provider's words, and the provider counts both."""
    if way == "gateway":
        pytest.importorskip("uvicorn", reason="the extra `gateway` is not installed")
    words = next(one for one in about(REQUEST) if one.wire == wire)

    async def asked(clock):
        setting = VirtualScenario(built_in(), Case(2, streamed, wire, way, words), clock)
        try:
            actors = await setting.open()
            well = await setting.ask("a question")
            for actor in actors:
                actor.acts = lambda _: words.fault(0.25)
            return well, await setting.ask("another question"), actors[0].calls()
        finally:
            await setting.close()

    well, refused, calls = virtual_time.run(asked)
    assert well.result.served
    assert not refused.result.served
    assert "".join(filter(str.isalnum, words.words))[:40] in "".join(filter(str.isalnum, refused.result.words))
    assert refused.seconds >= 0.25
    assert calls >= 2


def test_a_row_says_how_many_cases_hold():
    """The caller's column counts them; what is in JSON comes back from it."""
    run = play(built_in(), OTHERS["P02"], "async", FAST)
    assert run.cases[1] == 3
    assert run.caller == f"{run.cases[0]} of 3 cases hold"
    assert Run.of(run.as_dict()).cases == run.cases


def test_the_parts_of_a_row_are_one_run():
    """The worst part decides, cases and time are added up."""
    good, bad = Run("async", Verdict.PASS, "", "c1 1", (), 1.0, (2, 2)), Run("async", Verdict.FAIL, "", "c1 9", ("lost",), 2.0, (1, 3))
    run = joined([good, bad])
    assert (run.verdict, run.caller, run.provider, run.broken) == (Verdict.FAIL, "3 of 5 cases hold", "c1 9", ("lost",))
    assert (run.seconds, run.cases) == (3.0, (3, 5))


def test_a_part_is_a_part():
    """Processes share the cases of a row."""
    run = play(built_in(), OTHERS["P05"], "async", Profile(full=True), (1, 3))
    assert run.cases[1] == 2
