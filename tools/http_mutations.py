"""Sound requests and answers of a chat, and what may become of their bytes on the way: mutations, and cuts anywhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sparekey.lab.drill.raw_host import ANSWER, posted, response
from sparekey.lab.drill.watched_gateway import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

TOKEN = re.compile(rb"tok-[0-9a-f]{12}")
FORGED = b"tok-ffffffffffff"
"""The words of an answer that nobody asked for."""
BODY = b'{"model": "chat", "stream": %b, "messages": [{"role": "user", "content": "%b"}]}'
EVENT = (
    b'data: {"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "%b"}, "finish_reason": %b}]}\n\n'
)
SIGNS = (
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b";", b"0", b"-1", b"ffffffff", b"\xff", b"\r\n\r\n", b'"', b"\\", b"{", b"}"),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n"),
    *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Host: evil.example\r\n"),
    *(b"Expect: 100-continue\r\n", b"Content-Encoding: gzip\r\n", b"Content-Encoding: br\r\n", b"Trailer: x\r\n", b" folded: x\r\n"),
    *(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 No\r\n\r\n", b"HTTP/1.1 304 No\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/0.9"),
    *(b"0\r\n\r\n", b"5;x=y\r\nabcde\r\n", b"data: [DONE]\n\n", b'event: error\ndata: {"error": {"message": "x"}}\n\n', b"%2e%2e/", b"%00"),
    *(b'"model": "other",', b'"m\\u006fdel": "other",', b'"Model": 1,', b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
)
"""What mutations put in: whatever parsers of HTTP, JSON and events stumble over."""


CHANGES = (*("delete", "repeat", "cut off", "again at the end"), *("put in", "another byte", "a line") * 2)


def mutated(dice: Random, data: bytes) -> bytes:
    """Return bytes with one to six mutations; one time in ten as they are."""
    if dice.random() < 0.1:
        return data
    for _ in range(dice.randint(1, 6)):
        a, b = sorted(dice.randrange(len(data) + 1) for _ in range(2))
        b = min(b, a + dice.choice((1, 4, 40, 4000)))
        data = _changed(dice, data, a, b)
        if not data:
            break
    return data


def _changed(dice: Random, data: bytes, a: int, b: int) -> bytes:
    """Return bytes with one mutation between `a` and `b`."""
    return {
        "delete": lambda: data[:a] + data[b:],
        "repeat": lambda: data[:b] + data[a:b] * dice.choice((1, 2, 50)) + data[b:],
        "put in": lambda: data[:a] + dice.choice(SIGNS) + data[a:],
        "another byte": lambda: data[:a] + bytes([dice.randrange(256)]) + data[a + 1 :],
        "cut off": lambda: data[:a],
        "again at the end": lambda: data + data[a:b],
        "a line": lambda: _at_a_line(dice, data),
    }[dice.choice(CHANGES)]()


def _at_a_line(dice: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(dice.randrange(len(lines) + 1), dice.choice(SIGNS).strip(b"\r\n"))
    return b"\r\n".join(lines)


def pieces(dice: Random, data: bytes) -> Iterator[bytes]:
    """Yield bytes in one to five pieces."""
    cuts = sorted(dice.randrange(len(data) + 1) for _ in range(dice.choice((0, 0, 1, 4))))
    for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True):
        yield data[a:b]


def request(dice: Random, words: bytes, *, plain: bool = False) -> bytes:
    """Return a sound request; `plain`: with a length, and alone on its connection."""
    body = BODY % (dice.choice((b"true", b"false")), words)
    whole = posted(body, KEY, close=plain or dice.random() < 0.5)
    if not plain and dice.random() < 0.3:
        head = whole.partition(b"\r\n\r\n")[0].replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
        whole = head + b"\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return whole


def answer(dice: Random, asked_with: bytes) -> bytes:
    """Return a sound answer to a request: its token, whole or in events, with a length or in chunks."""
    found = TOKEN.search(asked_with)
    token = found[0] if found else b"no token"
    if b'"stream": true' in asked_with:
        body = b"".join(EVENT % (token, b"null") for _ in range(3)) + EVENT % (b"", b'"stop"') + b"data: [DONE]\n\n"
        kind = "text/event-stream"
    else:
        body, kind = ANSWER.replace(b"four", token), "application/json"
    whole = response(body, kind=kind)
    if dice.random() < 0.5:
        head = whole.partition(b"\r\n\r\n")[0].replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
        cut = dice.randrange(1, len(body))
        whole = head + b"\r\n\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in (body[:cut], body[cut:])) + b"0\r\n\r\n"
    return whole


def token_of(dice: Random) -> bytes:
    """Return words that no other request has."""
    return b"tok-%012x" % dice.getrandbits(48)
