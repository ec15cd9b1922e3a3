"""What passes through: bytes, headers, streams, errors."""

import http.client
import json
import socket

import pytest
from gateway_play import KEYS, SETTINGS, both, chain, question

from sparekey.core import manual
from sparekey.lab.simulator import faults
from sparekey.lab.simulator.answers import TEXT


def events(raw):
    return [json.loads(line[6:]) for line in raw.decode().splitlines() if line.startswith("data: {")]


def text_of(raw):
    return "".join(c["delta"].get("content") or "" for e in events(raw) for c in e.get("choices", ()))


def test_an_answer_says_who_gave_it(running, pair):
    """Credential, number of attempts and request id stand in the headers."""
    status, headers, body = running.ask(body=question())
    assert (status, body["choices"][0]["message"]["content"]) == (200, TEXT)
    assert headers["x-sparekey-credential"] == "first"
    assert headers["x-sparekey-attempts"] == "1"
    assert headers["x-sparekey-request-id"]


@both
def test_only_the_models_own_bytes_change(running, pair):
    """The body goes to the provider as it came, but for the model, and with the credential's key."""
    running.ask(body=b'{ "model":"chat",\n "messages" : [ {"role":"user","content":"\\u00e9"} ] , "x":1.50}', authorization="Bearer mine")
    seen = pair[0].requests[0]
    assert seen.body == b'{ "model":"gpt-4o-mini",\n "messages" : [ {"role":"user","content":"\\u00e9"} ] , "x":1.50}'
    assert seen.headers["authorization"] == f"Bearer {KEYS[0]}"


def test_a_dead_key_is_not_noticed(running, pair):
    """The next credential serves, and the answer says that it was the second attempt."""
    pair[0].fail(faults.auth())
    status, headers, _ = running.ask(body=question())
    assert (status, headers["x-sparekey-credential"], headers["x-sparekey-attempts"]) == (200, "second", "2")


@both
@pytest.mark.parametrize("fault", [faults.error_event(), faults.empty_answer(), faults.reset(), faults.html()], ids=repr)
def test_a_stream_without_content_fails_over(running, pair, fault):
    """What breaks before the first content is never seen."""
    pair[0].fail(fault)
    status, headers, raw = running.ask(body=question(stream=True))
    assert (status, headers["content-type"].partition(";")[0], text_of(raw)) == (200, "text/event-stream", TEXT)
    assert headers["x-sparekey-credential"] == "second"
    assert raw.rstrip().endswith(b"[DONE]")


@both
def test_a_stream_that_breaks_says_why_and_has_no_end(running, pair):
    """A cut stream is never a short success: an event says why, and the connection ends without the last chunk."""
    for one in pair:
        one.fail(faults.cut(after=5))
    with pytest.raises(http.client.IncompleteRead) as cut:
        running.ask(body=question(stream=True))
    last = events(cut.value.partial)[-1]
    assert last["error"]["code"] == "stream_broken"
    assert last["sparekey"]["request_id"]
    assert b"[DONE]" not in cut.value.partial
    assert not running.last(1).left


@both
@pytest.mark.parametrize("path", ["chat/completions", "completions"])
def test_done_without_a_finish_reason_is_no_end(running, pair, path):
    """A02: a host that sends `[DONE]` in the middle of an answer has broken it off: the next one goes on."""
    pair[0].fail(faults.cut(after=40, how="done"))
    asked = question(stream=True) if path.startswith("chat") else {"model": "chat", "prompt": "hello", "stream": True}
    _, _, raw = running.ask(path=f"/v1/{path}", body=asked)
    said = "".join(c.get("text") or (c.get("delta") or {}).get("content") or "" for e in events(raw) for c in e.get("choices", ()))
    assert said == TEXT
    assert raw.count(b"[DONE]") == 1
    assert raw.rstrip().endswith(b"[DONE]")


def test_a_stream_that_breaks_is_reset_where_its_end_is_the_connections(running, pair):
    """HTTP/1.0, as nginx speaks it to those behind it: only a reset tells half an answer from a whole one."""
    for one in pair:
        one.fail(faults.cut(after=5))
    body = json.dumps(question(stream=True)).encode()
    heard = []
    with socket.create_connection(("127.0.0.1", running.port), timeout=5) as line:
        line.sendall(b"POST /v1/chat/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        pieces = iter(lambda: line.recv(65536), b"")
        with pytest.raises(ConnectionResetError):
            heard.extend(pieces)
    assert b"stream_broken" in b"".join(heard)


@both
def test_the_provider_keeps_its_own_words(running, pair):
    """A refusal of the request is the provider's own, with one object more; nobody else is asked."""
    pair[0].fail(faults.content_filter())
    status, _, body = running.ask(body=question())
    assert status == 400
    assert body["error"]["code"] == "invalid_prompt"
    assert body["sparekey"]["class"] == "content_safety"
    assert not pair[1].requests


@both
def test_every_key_refused_is_no_401(running, pair):
    """K07: the client's key is good, so it is told of a bad gateway, with every cause. Ten minutes are no `Retry-After`."""
    for one in pair:
        one.fail(faults.auth())
    status, headers, body = running.ask(body=question())
    assert status == 502
    assert [(c["credential"], c["class"]) for c in body["sparekey"]["causes"]] == [("first", "auth"), ("second", "auth")]
    assert "all 2 credentials of this chain failed: first, second (invalid_key, HTTP 401)" in body["error"]["message"]
    assert "not yours" in body["error"]["message"]
    assert "retry-after" not in headers
    assert 590 < body["sparekey"]["retry_after"] <= 600
    assert headers["x-should-retry"] == "false"
    assert headers["x-sparekey-attempts"] == "2"


@pytest.mark.parametrize(
    "agent", ["opencode/1.18.33 ai-sdk/provider-utils/4.0", "GeminiCLI/0.61.0/chat (linux; x64)", "codex_exec/0.171.0 (Debian)"]
)
def test_agents_that_repeat_a_502_for_minutes_get_what_they_show(running, pair, agent):
    """P06: readable within 10 s. Where a moment helps, they may repeat as everybody may."""
    for one in pair:
        one.fail(faults.auth())
    status, _, body = running.ask(body=question(), user_agent=agent)
    assert status == 424
    assert "all 2 credentials of this chain failed" in body["error"]["message"]
    for one in pair:
        running.do(lambda: [running.gateway.chains["chat"].chain.transact(manual.release, i, 0.0) for i in (0, 1)])
        one.fail(faults.overloaded())
    status, _, _ = running.ask(body=question(), user_agent=agent)
    assert status == 503


def test_every_key_rate_limited_says_when_to_come_again(running, pair):
    """K08: 429 with the soonest return."""
    pair[0].fail(faults.rate_limit(retry_after=40))
    pair[1].fail(faults.rate_limit(retry_after=30))
    for _ in range(2):
        status, headers, body = running.ask(body=question())
        assert status == 429
        assert 28 <= int(headers["retry-after"]) <= 30
        assert body["error"]["type"] == "rate_limit_error"
        assert {c["reason"] for c in body["sparekey"]["causes"]} == {"rate_limited"}


def test_nobody_there_is_unavailable(serve, pair):
    """Providers that cannot be reached are no fault of the client's."""
    running = serve(chain("vlm", pair, extra="egress_patience = 0") + SETTINGS)
    for one in pair:
        one.unplug()
    status, _, body = running.ask(body=question())
    assert status == 503
    assert {c["reason"] for c in body["sparekey"]["causes"]} == {"connection"}


def test_no_key_in_any_answer(running, pair):
    """K15: a provider that repeats the key is not passed on as it is."""
    for one in pair:
        one.fail(faults.echo_key())
    for stream in (False, True):
        status, headers, body = running.ask(body=question(stream=stream))
        told = f"{status} {headers} {body}"
        assert not any(key in told for key in KEYS)


def test_embeddings_images_and_moderation(serve, sim):
    """Other resources go through their chain, too, under its name."""
    one = sim.provider("first")
    extra = '\n[gateway.embedding.search]\naliases = ["text-embedding-3-small"]\n'
    text = (
        chain("vlm", [one]) + SETTINGS + extra + chain("gateway.embedding.search", [one], model="text-embedding-3-small").partition("\n")[2]
    )
    running = serve(text)
    for name in ("search", "text-embedding-3-small"):
        status, headers, body = running.ask(path="/v1/embeddings", body={"model": name, "input": ["a", "b"]})
        assert (status, len(body["data"]), headers["x-sparekey-credential"]) == (200, 2, "first")
    status, _, body = running.ask(path="/v1/moderations", body={"model": "chat", "input": "a"})
    assert (status, body["model"], len(body["results"])) == (200, "gpt-4o-mini", 1)
