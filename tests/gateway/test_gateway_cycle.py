"""How an answer goes onto a client's connection: `sparekey.gateway.http.cycle`."""

import asyncio
import socket
import struct
from types import SimpleNamespace

import pytest

pytest.importorskip("uvicorn", reason="the extra `gateway` is not installed (uvicorn, uvloop, httptools)")
from uvicorn.protocols.http.flow_control import FlowControl

from sparekey.gateway.api.replies import BREAK_OFF
from sparekey.gateway.http.cycle import BadAnswerError, Cycle


class Line:
    """A transport that keeps each write."""

    def __init__(self):
        self.written, self.closed, self.options, self.end = [], False, [], asyncio.Event()

    def write(self, data):
        self.written.append(data)

    def writelines(self, parts):
        self.written.append(b"".join(parts))

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True
        self.end.set()

    def get_extra_info(self, name):
        return self if name == "socket" else None

    def setsockopt(self, *option):
        self.options.append(option)


def cycle(line, method="POST", version="1.1"):
    protocol = SimpleNamespace(
        scope={"method": method, "http_version": version},
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


def broken_off(version, *messages):
    """Send messages and break off; return the line, and whether it was closed at once."""
    line = Line()

    async def play():
        made = cycle(line, version=version)
        for message in (*messages, BREAK_OFF):
            await made.send(message)
        at_once = line.closed
        await line.end.wait()
        return at_once

    return line, asyncio.run(play())


@pytest.mark.parametrize("messages", [[start()], [start(), body(b"hi", more=True)]], ids=["head", "body"])
def test_an_answer_that_breaks_off_has_no_end(messages):
    """What was written goes out, then the connection closes, without the last chunk."""
    line, at_once = broken_off("1.1", *messages)
    assert at_once
    assert b"".join(line.written).startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"0\r\n\r\n" not in b"".join(line.written)
    assert not line.options


def test_where_the_end_of_the_connection_is_the_end_it_is_reset():
    """HTTP/1.0 knows no chunks: only a reset tells half an answer from a whole one, once its bytes have had time to arrive."""
    line, at_once = broken_off("1.0", start(), body(b"hi", more=True))
    assert not at_once
    assert line.written[-1].endswith(b"\r\n\r\nhi")
    assert line.options == [(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))]


def test_an_answer_that_is_complete_cannot_break_off():
    """It would be an error of ours."""
    with pytest.raises(BadAnswerError):
        written(start(), body(b"hi"), BREAK_OFF)


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
