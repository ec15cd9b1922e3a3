"""The demo, as a newcomer runs it."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from sparekey.cli import demo


@pytest.fixture(scope="module")
def shown():
    """What the demo prints, and its exit code."""
    out = io.StringIO()
    code = demo.run(Console(file=out, width=100, force_terminal=False))
    return code, out.getvalue()


def test_it_ends_by_itself_with_zero(shown):
    """Every call is served and traffic comes back: exit code 0."""
    assert shown[0] == 0


def test_it_tells_why_the_others_did_not_answer(shown):
    """The dead and the overloaded key are named with class, reason and the end of their parks."""
    text = shown[1]
    assert re.search(r"✗ first\s+quota_exceeded \(\w+\): parked for 8 s, until \d\d:\d\d:\d\d \(stated\)", text)
    assert re.search(r"✗ second\s+transient \(overloaded\): parked for \d+ s", text)


def test_it_shows_failover_and_failback(shown):
    """The third key takes over, and the first one is active again at the end."""
    text = shown[1]
    assert "is active now: failover from first" in text
    assert "is active now: failback from third" in text


def test_it_counts_tokens_by_credential(shown):
    """The table of tokens has the third key with chat and embedding tokens, and none for the second."""
    rows = dict(re.findall(r"│ (\w+)\s+│\s+(\d+) │\s+\d+ │", shown[1]))
    assert int(rows["third"]) > 0
    assert rows["second"] == "0"


def test_it_shows_no_key(shown):
    """No key of the simulated providers appears."""
    assert "sim-key" not in shown[1]
