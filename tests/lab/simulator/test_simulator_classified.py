"""The classifier reads every refusal of every wire as what it was meant to be."""

from __future__ import annotations

import pytest
from simulator_talk import MAKERS

from sparekey.classify import classify_response
from sparekey.lab.simulator import faults
from sparekey.lab.simulator.wires import find
from sparekey.lab.simulator.wires.base import RequestedAnswer
from sparekey.types import ErrorClass

MEANT = {
    "auth": ErrorClass.AUTH,
    "permission": ErrorClass.AUTH,
    "overdue": ErrorClass.AUTH,
    "quota": ErrorClass.QUOTA_EXCEEDED,
    "daily_quota": ErrorClass.QUOTA_EXCEEDED,
    "rate_limit": ErrorClass.TRANSIENT,
    "overloaded": ErrorClass.TRANSIENT,
    "server_error": ErrorClass.TRANSIENT,
    "model_not_found": ErrorClass.MODEL_NOT_FOUND,
    "context_length": ErrorClass.INPUT_TOO_LARGE,
    "content_filter": ErrorClass.CONTENT_SAFETY,
    "bad_request": ErrorClass.PERMANENT,
    "prefill": ErrorClass.PERMANENT,
}
DAY = 86_400


def pairs(kinds: list[str]) -> list[tuple[str, str]]:
    """Return every wire with every kind."""
    return [(wire, kind) for wire in sorted(MAKERS) for kind in kinds]


@pytest.mark.parametrize(("wire", "kind"), pairs(list(MEANT)))
def test_refusals_are_read_as_they_are_meant(wire: str, kind: str):
    """Status, headers and body of each wire's own wording lead to the class of the fault."""
    reply = find(wire).refuse(faults.refuse(kind), RequestedAnswer("chat", "sim-chat", words="hello", key="sk-sim-1234"))
    assert classify_response(reply.status, dict(reply.headers), reply.body).error_class is MEANT[kind]


@pytest.mark.parametrize(("wire", "kind"), pairs(["rate_limit", "daily_quota", "quota"]))
def test_stated_waits_are_read_wherever_they_stand(wire: str, kind: str):
    """Header, message, details or a date: the wait is what was stated, to the minute where a wire rounds it up to one."""
    wait = 7 if kind == "rate_limit" else DAY
    reply = find(wire).refuse(faults.refuse(kind, retry_after=wait), RequestedAnswer("chat", "sim-chat", words="hello", key="sk-sim-1234"))
    failure = classify_response(reply.status, dict(reply.headers), reply.body)
    assert failure.error_class is MEANT[kind]
    assert failure.retry_after == pytest.approx(wait, abs=60 if wait == DAY else 0)
