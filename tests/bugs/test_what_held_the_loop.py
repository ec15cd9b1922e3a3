"""A provider's answer of 7 MB of empty lists held everybody up for half a second, its error of 60 MB for five, many events for 0.7 s.

So did a client's body of just under a megabyte. What is counted here is work, not time: what the event loop's own thread builds.
"""

import json
import threading

import pytest
from gateway_play import SETTINGS, Running, chain

from sparekey.gateway.upstream.messages import slices
from sparekey.lab.drill.raw_host import ANSWER, RawHost, exchanged, posted, question, response, status_of
from sparekey.wire import answer, json_body, large_json, stream_reader

LISTS = b"[" + b"[]," * 300_000 + b"[]]"
WHOLE = ANSWER[:-1] + b',"x":' + LISTS + b"}"
EVENT = b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]%b}\n\n'
END = EVENT.replace(b'{"content":"hi"}', b"{}").replace(b"null", b'"stop"') % b"" + b"data: [DONE]\n\n"
EVENTS = "text/event-stream"
ANSWERS = {
    "whole": (response(WHOLE), question(), 200),
    "many events": (response(EVENT % b"" * 5000 + END, kind=EVENTS), question(stream=True), 200),
    "events as one": (response(EVENT % b"" * 5000 + END, kind=EVENTS), question(), 200),
    "long event": (response(EVENT % (b',"x":"' + b"x" * 10**6 + b'"') + END, kind=EVENTS), question(stream=True), 200),
    "lists in an event": (response(EVENT % (b',"x":' + LISTS) + END, kind=EVENTS), question(stream=True), 502),
    "whole for events": (response(WHOLE), question(stream=True), 502),
    "error": (response(b'{"error":{"message":"no"},"x":' + LISTS + b"}", status="400 Bad Request"), question(), 400),
    "deep error": (response(b'{"error":' + b"[" * 900_000, status="400 Bad Request"), question(), 400),
    "request": (response(), b'{"model":"chat","messages":' + LISTS + b"}", 200),
    "batch": (response(), b'{"model":"chat","messages":[],"x":' + b"[1," * 200 + b"[]," * 9000 + b"1" + b"]" * 200 + b"}", 200),
    "deep request": (response(), b'{"model":"chat","messages":' + b"[" * 90_000 + b"]" * 90_000 + b"}", 200),
}
MOST = 6000


@pytest.fixture
def built(monkeypatch):
    """What threads build: their names, and the weight of each text."""
    found = []

    def noting(decode):
        def noted(text):
            data = text.encode() if isinstance(text, str) else bytes(text)
            found.append((threading.current_thread(), large_json._weight(data)))
            return decode(text)

        return noted

    monkeypatch.setattr(json_body, "decode", noting(json_body.decode))
    monkeypatch.setattr(stream_reader, "decode", noting(stream_reader.decode))
    monkeypatch.setattr(answer, "loads", noting(answer.loads))
    return found


@pytest.mark.parametrize("way", ["quick", "engine", "aiohttp"])
@pytest.mark.parametrize("case", ANSWERS)
def test_the_loop_builds_nothing_heavy(tmp_path, built, case, way):
    """Threads of their own do, up to what one of them may hold everybody up with; what is heavier than that is not built."""
    said, asked, status = ANSWERS[case]
    more = f'upstream = "{"aiohttp" if way == "aiohttp" else "httptools"}"\nquick = {str(way == "quick").lower()}\n'
    with RawHost(lambda number: [said if number else response()]) as host:
        host.name = "first"
        file = tmp_path / "sparekey.toml"
        file.write_text(chain("vlm", [host], extra="max_retries = 0\nretry_same = false") + SETTINGS + more)
        running = Running(file)
        try:
            exchanged(running.url, posted(question()))  # the next one finds a connection
            assert status_of(exchanged(running.url, posted(asked))) in {status, status + 1}
            loop = running.do(threading.current_thread)
        finally:
            running.stop()
    assert max((weight for thread, weight in built if thread is loop), default=0) <= MOST
    assert max((weight for _, weight in built), default=0) <= large_json.MOST_VALUES


def test_an_error_is_read_as_far_as_anybody_reads_it(tmp_path):
    """Of a hundred megabytes the first few: the connection is closed then."""
    sent = []

    def endless(_):
        yield b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 100000000\r\n\r\n"
        for _ in range(100):
            sent.append(1)
            yield b'{"error": "' + b"x" * 1_000_000

    with RawHost(endless) as host:
        host.name = "first"
        file = tmp_path / "sparekey.toml"
        file.write_text(chain("vlm", [host], extra="max_retries = 0\nretry_same = false") + SETTINGS)
        running = Running(file)
        try:
            back = exchanged(running.url, posted(question()))
        finally:
            running.stop()
    assert status_of(back) == 400
    assert len(back) < 100_000
    assert len(sent) < 50


@pytest.mark.parametrize(("piece", "most"), [(b"data: {}\n\n" * 5000, 4096), (b"x" * 200_000, 65_536), (b"\n" * 5000, 4096), (b"a", 1)])
def test_many_events_of_one_piece_pass_in_several(piece, most):
    """Others have their turn between them; what is one long event is not cut that small."""
    found = list(slices(piece))
    assert b"".join(found) == piece
    assert max(map(len, found)) == most


@pytest.mark.parametrize(
    ("text", "slow", "many"),
    [
        (b"[1]", False, False),
        (json.dumps({"messages": [{"role": "user", "content": "x" * 300}] * 60}).encode(), False, False),
        (json.dumps({"input": ["x" * 500] * 400}).encode(), False, False),
        (b"x" * 300_000, True, False),
        (b"[" + b"{}," * 9000, True, False),
        (b"[" + b"{}," * 60_000, True, True),
        (b"[" + b"1," * 300_000, True, False),
    ],
)
def test_what_is_heavy_is_counted(text, slow, many):
    """Lists and objects by themselves, other values by the eight."""
    assert (large_json.is_slow(text), large_json.has_many_values(text)) == (slow, many)
