"""Counting tokens."""

import threading
from datetime import datetime

from sparekey.stats.tokens import TokenTracker, as_dict
from sparekey.types import Usage

A_CALL = Usage(10, 4, 3, 2)


def test_calls_add_up():
    """By model and provider, and together."""
    t = TokenTracker()
    t.record("m", "p", A_CALL)
    t.record("m", "p", A_CALL)
    t.record("m", "q", Usage(1, 1))
    assert t.rows() == {("m", "p"): Usage(20, 8, 6, 4), ("m", "q"): Usage(1, 1)}
    assert t.total == Usage(21, 9, 6, 4)


def test_a_new_one_is_empty():
    """Zero of everything."""
    assert (TokenTracker().rows(), TokenTracker().total) == ({}, Usage())


def test_a_copy_of_the_rows_is_a_copy():
    """Nobody writes to the tracker through it."""
    t = TokenTracker()
    t.rows()["m", "p"] = A_CALL
    assert t.rows() == {}


def test_reset_starts_again():
    """At zero."""
    t = TokenTracker()
    t.record("m", "p", A_CALL)
    t.reset()
    assert t.total == Usage()


def test_as_a_dictionary():
    """The names of the OpenAI wire format, the models in order."""
    t = TokenTracker()
    t.record("n", "p", Usage(1, 2))
    t.record("m", "p", A_CALL)
    t.record("m", "q", Usage(1, 1))
    found = t.to_dict()
    assert found["total_usage"].pop("call_count") == 3
    rows = [found["total_usage"], *(e["total_usage"] for e in found["usage_by_model"].values())]
    rows += [one for e in found["usage_by_model"].values() for one in e["usage_by_provider"].values()]
    assert all(datetime.fromisoformat(one.pop("last_updated")) for one in rows)
    assert [one.pop("call_count") for one in rows[1:]] == [2, 1, 1, 1, 1]
    assert found["total_usage"] == as_dict(Usage(12, 7, 3, 2))
    assert list(found["usage_by_model"]) == ["m", "n"]
    assert found["usage_by_model"]["m"] == {
        "model_name": "m",
        "total_usage": as_dict(Usage(11, 5, 3, 2)),
        "usage_by_provider": {"p": as_dict(A_CALL), "q": as_dict(Usage(1, 1))},
    }


def test_one_usage_as_a_dictionary():
    """Cached tokens are part of the prompt, reasoning tokens part of the completion: the total counts neither twice."""
    assert as_dict(A_CALL) == {
        "prompt_tokens": 10,
        "completion_tokens": 4,
        "total_tokens": 14,
        "cached_tokens": 3,
        "reasoning_tokens": 2,
    }


def test_trackers_merge_without_touching_each_other():
    """A tracker that is named twice counts once."""
    a, b = TokenTracker(), TokenTracker()
    a.record("m", "p", A_CALL)
    b.record("m", "p", A_CALL)
    merged = TokenTracker.merged(a, b, a)
    assert merged.total == Usage(20, 8, 6, 4)
    merged.record("m", "p", A_CALL)
    assert a.total == b.total == A_CALL


def test_threads_lose_nothing():
    """Eight threads, 500 calls each."""
    t = TokenTracker()
    threads = [threading.Thread(target=lambda: [t.record("m", "p", Usage(1, 1)) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert t.total == Usage(4000, 4000)
