"""What the history knows comes back as what it was: records and the numbers of today."""

import sqlite3
import time
from contextlib import closing

import pytest

from sparekey.core.events import AttemptFailed, AttemptSucceeded, Parked, Switched
from sparekey.stats.chain_stats import ChainReport, ChainStats
from sparekey.stats.history import History
from sparekey.stats.record import Record
from sparekey.stats.restart import count_into, remembered
from sparekey.types import Attempt, ErrorClass, Evidence, Failure, Outcome, Scope, Usage

REFUSED = Failure(ErrorClass.AUTH, "invalid_key", Scope.CREDENTIAL, status=401, evidence=Evidence.CERTAIN, rule="openai.code")
OLD_ROWS = """
INSERT INTO sparekey_events (at, chain, kind, who, other, cause, reason, seconds, message, detail) VALUES
  (1.0, 'chat', 'parked', 'credential:a', '', 'auth', 'invalid_key', 600.0, '', ''),
  (1.0, 'chat', 'parked', 'account:x', '', 'auth', 'invalid_key', 600.0, '', ''),
  (2.0, 'chat', 'failover', 'a', 'b', '', '', NULL, '', ''),
  (3.0, 'chat', 'parked', 'credential:b', '', '', 'held', 60.0, '', ''),
  (4.0, 'chat', 'action', 'b', '', '', 'release', NULL, '', ''),
  (5.0, 'chat', 'failed', 'a', '', 'auth', 'invalid_key', NULL, 'no',
    '{"scope": "credential", "status": 401, "evidence": "certain", "rule": "openai.code", "call": 7, "number": 2, "duration": 0.5}'),
  (6.0, 'chat', 'failed', 'a', '', 'no such class', 'odd', NULL, '', '{"evidence": "structured"}')
"""
"""Rows as versions before December 2026 have written them."""


@pytest.fixture
def history(tmp_path):
    with History(tmp_path / "history.db", every=3600.0, wall=lambda: 10.0) as opened:
        yield opened


def test_records_come_back_as_what_they_were(history, clock):
    """Switches, parks, holds, what people did, failed and tested attempts: the same records, without their providers' words."""
    clock.now = 5.0
    stats = ChainStats(clock, chain="chat")
    stats.listeners.append(lambda record: history.note(record, words=False))
    for event in (
        Parked("credential:a", 600, ErrorClass.AUTH, "invalid_key"),
        Parked("account:x", 600, ErrorClass.AUTH, "invalid_key"),
        Switched("a", "b", failback=False),
        Parked("credential:b", 60, None, "held"),
        AttemptFailed("a", REFUSED, call=7, number=2, attempt=Attempt("a", Outcome.FAILED, REFUSED, 0.5)),
    ):
        stats(event)
        clock.advance(1)
    stats.act("b", "release")
    stats.add(Record(clock(), "tested", ("credential:a",), seconds=0.1, chain="chat"))
    history.flush()
    later = ChainStats(clock, chain="chat")
    later.load(remembered(history, clock())["chat"])
    assert [(r.kind, r.what, r.old, r.seconds, r.cause, r.reason, r.times) for r in later.timeline()] == [
        (r.kind, r.what, r.old, r.seconds, r.cause, r.reason, r.times) for r in stats.timeline()
    ]
    (known,), (was,) = later.failures(), stats.failures()
    assert (known.failure, known.credential, known.seconds, known.call, known.attempt) == (was.failure, "a", 0.5, 7, 2)
    assert later.summary("a").last_failure == known


def test_numbers_come_back_once(history, clock):
    """Today's requests, causes and tokens are those of the day, and what came from the history is not written into it again."""
    stats = ChainStats(clock, chain="chat")
    stats(AttemptSucceeded("a", attempt=Attempt("a", Outcome.SUCCEEDED, usage=Usage(10, 5))))
    stats(AttemptFailed("a", REFUSED))
    count_into(history, {"chat": stats})
    history.flush()
    later = ChainStats(clock, chain="chat")
    later.load(remembered(history, clock())["chat"])
    count_into(history, {"chat": later})
    history.flush()
    summary = later.summary("a")
    assert (summary.succeeded, summary.errors, summary.prompt_tokens) == (1, (("auth", "invalid_key", 1),), 10)
    assert [row.requests for row in history.usage()] == [1]


def test_a_file_of_an_earlier_version_is_read(history, tmp_path):
    """A hold was a park without a cause, a failed attempt told its duration in its details; what is not understood is left out."""
    history.note(Record(0.5, "recovered", ("credential:z",), chain="other"))
    history.flush()
    with closing(sqlite3.connect(tmp_path / "history.db")) as file:
        file.executescript(OLD_ROWS)
    stats = ChainStats(lambda: 10.0, chain="chat")
    stats.load(remembered(history, 10.0).get("chat", ChainReport()))
    numbers = [record.number for record in stats.timeline()]
    assert numbers == sorted(numbers, reverse=True)
    assert [(r.at, r.kind, r.what, r.old, r.seconds) for r in stats.timeline()] == [
        (4.0, "action", ("credential:b",), "", None),
        (3.0, "held", ("credential:b",), "", 60.0),
        (2.0, "failover", ("credential:b",), "a", None),
        (1.0, "parked", ("credential:a", "account:x"), "", 600.0),
    ]
    odd, known = stats.failures()
    assert (known.credential, known.seconds, known.call, known.attempt, known.message) == ("a", 0.5, 7, 2, "no")
    assert known.failure == Failure(
        ErrorClass.AUTH, "invalid_key", Scope.CREDENTIAL, status=401, message="no", evidence=Evidence.CERTAIN, rule="openai.code"
    )
    assert (odd.failure.error_class, odd.failure.reason, odd.failure.evidence) == (ErrorClass.UNKNOWN, "odd", Evidence.LIKELY)
    assert [r.at for r in history.events(kinds=["held"])] == [3.0]
    assert [(r.who, r.other) for r in history.events(kinds=["failover", "action"])] == [("b", ""), ("a", "b")], "the names before"
