"""How an answer goes onto a client's connection: `sparekey.gateway.cycle`."""

import asyncio
from types import SimpleNamespace

import pytest

pytest.importorskip("uvicorn", reason="the extra `gateway` is not installed (uvicorn, uvloop, httptools)")
from uvicorn.protocols.http.flow_control import FlowControl

from sparekey.gateway.cycle import BadAnswerError, Cycle


class Line:
    """A transport that keeps each write."""

    def __init__(self):
        self.written, self.closed = [], False

    def write(self, data):
        self.written.append(data)

    def writelines(self, parts):
        self.written.append(b"".join(parts))

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True


def cycle(line, method="POST"):
    protocol = SimpleNamespace(
        scope={"method": method, "http_version": "1.1"},
        transport=line,
        flow=FlowControl(line),
        logger=None,
        access_logger=None,
        server_state=SimpleNamespace(default_headers=[]),
        expect_100_continue=False,
    )
    return Cycle(protocol, keep_alive=True, on_response=lambda: None)


def written(*messages, method="POST", turn=False):
    """Send messages; return what was written, a piece a write. `turn`: the event loop turns behind the first one."""
    line = Line()

    async def play():
        made = cycle(line, method)
        for number, message in enumerate(messages):
            await made.send(message)
            if turn and not number:
                await asyncio.sleep(0)

    asyncio.run(play())
    return line.written


def start(*headers):
    return {"type": "http.response.start", "status": 200, "headers": list(headers)}


def body(data, *, more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


def test_a_whole_answer_is_one_write():
    """Head and body together."""
    assert written(start((b"content-length", b"2")), body(b"hi")) == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"]


def test_a_stream_begins_with_one_write():
    """Its head goes with the first piece."""
    first, last = written(start(), body(b"hi", more=True), body(b""))
    assert first == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n"
    assert last == b"0\r\n\r\n"


def test_the_head_of_a_slow_body_does_not_wait_for_it():
    """It goes as soon as the event loop has turned."""
    head, rest = written(start(), body(b"hi"), turn=True)
    assert head.endswith(b"chunked\r\n\r\n")
    assert rest == b"2\r\nhi\r\n0\r\n\r\n"


def test_head_has_no_body():
    """To HEAD the length is told, and nothing of it sent."""
    assert written(start((b"content-length", b"2")), body(b"hi"), method="HEAD")[0].endswith(b"content-length: 2\r\n\r\n")


@pytest.mark.parametrize(
    "messages",
    [
        [start((b"x", b"a\r\nset-cookie: b"))],
        [start((b"content-length", b"3")), body(b"hi")],
        [start((b"content-length", b"1")), body(b"hi")],
        [body(b"hi")],
    ],
    ids=["line break", "too short", "too long", "no head"],
)
def test_what_is_no_answer_is_not_sent(messages):
    """An error of our own, and nothing on the line."""
    line = Line()

    async def play():
        made = cycle(line)
        for message in messages:
            await made.send(message)

    with pytest.raises(BadAnswerError):
        asyncio.run(play())
    assert not line.written
