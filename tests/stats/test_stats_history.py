"""What happened and what was used, for later: written off the hot path, bounded, without keys."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest
from stores_kit import AUTH, Ill, ask, chain

from sparekey.core.events import AttemptFailed, AttemptSucceeded, Exhausted
from sparekey.errors import AllCredentialsFailedError
from sparekey.stats.history import History
from sparekey.stats.record import Record
from sparekey.types import Attempt, Credential, ErrorClass, Failure, Outcome, Secret, Usage

DAY = 86_400.0
NOON = 20_000 * DAY + DAY / 2
QUIET = 3600.0
"""Seconds between two writes that no test waits for: they flush."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.db"


def answered(tokens):
    """An attempt that used tokens."""
    return AttemptSucceeded("k0", attempt=Attempt("k0", Outcome.SUCCEEDED, usage=Usage(tokens, 2 * tokens, 1, 0)))


def test_a_chain_leaves_its_history(path):
    """What a call did, in order, newest first; by chain, by kind, page by page."""
    with History(path, every=QUIET) as history:
        of = chain(None, name="")
        of.add_hook(history.hook("chat", of.credentials))
        ask(of, k0=AUTH)
        history.flush()
        kinds = [entry.kind for entry in history.events()]
        assert sorted(kinds) == ["failed", "failover", "parked"]
        switch = history.events(kinds=["failover"])[0]
        assert (switch.chain, switch.old, switch.what) == ("chat", "k0", ("credential:k1",))
        assert history.events(kinds=["parked"])[0].seconds == pytest.approx(600, abs=30)
        first = history.events(limit=1)[0]
        assert [entry.kind for entry in history.events(before=first.number)] == kinds[1:]
        assert history.events(chain="another") == []


def test_tokens_add_up_by_day(path):
    """Per credential and day, of all processes that share the file."""
    now = [NOON]
    with History(path, every=QUIET, wall=lambda: now[0]) as one, History(path, every=QUIET, wall=lambda: now[0]) as two:
        for history in (one, two):
            history.hook("chat")(answered(10))
            history.flush()
        now[0] += DAY
        one.hook("chat")(answered(5))
        one.flush()
        rows = two.usage()
        assert [(row.requests, row.prompt_tokens, row.completion_tokens, row.cached_tokens) for row in rows] == [
            (1, 5, 10, 1),
            (2, 20, 40, 2),
        ]
        assert rows[0].day > rows[1].day
        assert two.usage(days=1) == rows[:1]
        assert two.usage(chain="another") == []


def test_no_key_gets_in(path):
    """K15: of known shapes and of none."""
    credential = Credential("k0", api_key=Secret("correct-horse-battery"))
    failure = Failure(ErrorClass.AUTH, "invalid_key", message="no: correct-horse-battery, sk-live-0123456789abcdef0123 " + "x" * 1000)
    with History(path, every=QUIET) as history:
        history.hook("chat", [credential])(AttemptFailed("k0", failure))
        history.flush()
        message = history.events()[0].message
    assert len(message) == 600
    assert b"correct-horse" not in path.read_bytes()
    assert b"sk-live" not in path.read_bytes()


def test_no_words_of_a_caller_get_in(path):
    """Without words the provider's text stays out, and what is known of the failure stays."""
    failure = Failure(
        ErrorClass.PERMANENT, "bad_request", status=400, message="bad prompt: tell me my secret", rule="openai.code", trace=("my secret",)
    )
    error = AllCredentialsFailedError([("k0", "permanent", Ill(failure), 0)], retry_after=3)
    with History(path, every=QUIET) as history:
        take = history.hook("chat", words=False)
        take(AttemptFailed("k0", failure, call=7, number=2))
        take(Exhausted(error))
        history.flush()
        exhausted, failed = history.events()
    assert (failed.cause, failed.reason, failed.message, exhausted.message) == ("permanent", "bad_request", "", "")
    assert (failed.failure.status, failed.failure.rule, failed.failure.trace, failed.call, failed.attempt) == (400, "openai.code", (), 7, 2)
    assert b"secret" not in b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_ends_of_attempts_add_up(path):
    """By day, credential and cause: counted by the hook, or brought by a source that has added them up."""
    with History(path, every=QUIET, wall=lambda: NOON) as history:
        take = history.hook("chat")
        for event in (answered(1), answered(1), AttemptFailed("k0", AUTH)):
            take(event)
        history.sources.append(lambda: history.ended("chat", "k1", "abandoned", by=5, day="2024-10-04"))
        history.flush()
        rows = {(row.day, row.credential, row.outcome, row.cause, row.reason): row.attempts for row in history.attempts()}
    assert rows == {
        ("2024-10-04", "k0", "succeeded", "", ""): 2,
        ("2024-10-04", "k0", "failed", "auth", "invalid_key"): 1,
        ("2024-10-04", "k1", "abandoned", "", ""): 5,
    }


def test_a_file_that_vanished_is_made_anew(path, caplog):
    """Somebody moves the file, or its folder, away: one line at most, and what comes is written again as soon as it can be."""
    folder = path.parent / "state"
    folder.mkdir()
    with History(folder / "history.db", every=QUIET, wall=lambda: NOON) as history:
        history.count("chat", "k0", Usage(1))
        history.flush()
        shutil.rmtree(folder)
        history.count("chat", "k0", Usage(2))
        history.flush()
        history.flush()
        assert caplog.text.count("cannot be written") == 1
        assert history.away
        folder.mkdir()
        history.flush()
        assert [row.prompt_tokens for row in history.usage()] == [2]
        assert history.away is None


def test_it_is_bounded(path):
    """The newest are kept; a flood of failures takes no place of the rest; what is too old goes."""
    with History(path, every=QUIET, keep_events=10, keep_days=30, wall=lambda: NOON) as history:
        history.note(Record(NOON - 40 * DAY, "parked", ("credential:old",)))
        history.note(Record(NOON, "parked", ("credential:new",)))
        for i in range(50):
            history.note(Record(NOON, "failed", (f"credential:k{i}",)))
        history.flush()
        assert [entry.credential for entry in history.events(kinds=["parked"])] == ["new"]
        assert [entry.credential for entry in history.events(kinds=["failed"])] == [f"k{i}" for i in range(49, 39, -1)]


def test_a_locked_file_loses_nothing(path, caplog, monkeypatch):
    """One line, and what was noted is written later, once."""
    monkeypatch.setattr("sparekey.stats.history._WAIT", 0.05)
    with History(path, every=QUIET, wall=lambda: NOON) as history:
        history.note(Record(NOON, "failover", old="zero"))
        history.flush()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            history.note(Record(NOON, "failover", old="one"))
            history.count("chat", "k0", Usage(3))
            history.flush()
            history.flush()
            other.execute("COMMIT")
        assert caplog.text.count("cannot be written") == 1
        history.flush()
        history.flush()
        assert sum(entry.old == "one" for entry in history.events()) == 1
        assert [row.prompt_tokens for row in history.usage()] == [3]


def test_the_end_writes_the_rest(path):
    """Nothing that was noted is lost when it is closed."""
    with History(path, every=QUIET) as history:
        history.count("chat", "k0", Usage(7))
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT prompt_tokens FROM sparekey_usage").fetchall() == [(7,)]
