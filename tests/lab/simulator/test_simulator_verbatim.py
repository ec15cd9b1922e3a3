"""Answers word for word, and a function that chooses what a request meets."""

from __future__ import annotations

import time

import httpx

from sparekey.lab.simulator import Simulator, faults


def ask(provider, words):
    """A question, asked by hand."""
    body = {"model": "m", "messages": [{"role": "user", "content": words}]}
    return httpx.post(f"{provider.base_url}/chat/completions", json=body, headers={"authorization": "Bearer k"})


def test_a_body_is_sent_as_it_is():
    """Status, words and headers are those that were given, after the seconds that were given."""
    with Simulator() as simulator:
        provider = simulator.provider("first")
        provider.fail(faults.verbatim(418, "no tea here", content_type="text/plain", before=0.1, headers={"x-why": "teapot"}))
        since = time.monotonic()
        answer = ask(provider, "tea?")
    assert (answer.status_code, answer.text, answer.headers["x-why"], answer.headers["content-type"]) == (
        418,
        "no tea here",
        "teapot",
        "text/plain",
    )
    assert time.monotonic() - since >= 0.1


def test_a_function_chooses_by_what_a_request_says():
    """What it lets pass goes by the script, and that by what is well."""
    with Simulator() as simulator:
        provider = simulator.provider("first")
        provider.decide(lambda ask: faults.overloaded() if "poison" in ask.words else None)
        provider.fail(faults.auth(), times=1)
        assert [ask(provider, words).status_code for words in ("poison", "well", "poison", "well")] == [503, 401, 503, 200]
