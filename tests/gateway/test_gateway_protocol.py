"""HTTP to the letter, over raw sockets: what is framed doubtfully is refused, what is only unusual is served, nobody hogs."""

import contextlib
import json
import select
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gateway_play import KEYS, SETTINGS, chain, question

from sparekey.lab.simulator import faults

BODY = json.dumps(question()).encode()
SIZE = b"Content-Length: %d\r\n" % len(BODY)
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
BEHIND = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
"""A request that hides behind another one."""


def posted(headers=SIZE, body=BODY, *, version=b"1.1", path=b"/v1/chat/completions"):
    return b"POST %b HTTP/%b\r\nHost: 127.0.0.1\r\nConnection: close\r\n%b\r\n%b" % (path, version, headers, body)


def connected(running):
    return socket.create_connection(("127.0.0.1", running.port), timeout=5)


def everything(one):
    got = b""
    with contextlib.suppress(ConnectionError):
        while piece := one.recv(65536):
            got += piece
    return got


def told(running, data):
    """Send bytes; return what comes until the gateway closes."""
    with connected(running) as one:
        with contextlib.suppress(ConnectionError):
            one.sendall(data)
        return everything(one)


def closed(one, seconds):
    """Tell whether the other side closes within so many seconds."""
    end = time.monotonic() + seconds
    while select.select([one], [], [], max(0.0, end - time.monotonic()))[0]:
        try:
            if not one.recv(65536):
                return True
        except ConnectionError:
            return True
    return False


CHUNKED = b"Transfer-Encoding: chunked\r\n"
REFUSED = {
    "length and chunks": (SIZE + CHUNKED, CHUNKS + BEHIND),
    "chunks and length": (CHUNKED + SIZE, CHUNKS + BEHIND),
    "two lengths": (SIZE + b"Content-Length: 5\r\n", BODY),
    "one length twice": (SIZE + SIZE, BODY),
    "a list of lengths": (b"Content-Length: 67, 67\r\n", BODY),
    "a length with a sign": (b"Content-Length: +67\r\n", BODY),
    "a negative length": (b"Content-Length: -1\r\n", BODY),
    "a length in hexadecimal": (b"Content-Length: 0x43\r\n", BODY),
    "a length beyond all numbers": (b"Content-Length: 99999999999999999999999\r\n", BODY),
    "a space before the colon": (b"Content-Length : 67\r\n", BODY),
    "an unknown coding": (b"Transfer-Encoding: xchunked\r\n", CHUNKS),
    "chunks, but not last": (b"Transfer-Encoding: chunked, identity\r\n", CHUNKS),
    "chunks twice": (CHUNKED + CHUNKED, CHUNKS),
    "a coding behind a control character": (b"Transfer-Encoding:\x0bchunked\r\n", CHUNKS),
    "a chunk beyond all numbers": (CHUNKED, b"ffffffffffffffffff\r\n" + BODY),
    "a negative chunk": (CHUNKED, b"-43\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk with words behind its size": (CHUNKED, b"43 x\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunks between bare line feeds": (CHUNKED, CHUNKS.replace(b"\r\n", b"\n")),
    "a bare line feed": (SIZE + b"X-A: a\nX-B: b\r\n", BODY),
    "a bare carriage return": (SIZE + b"X-A: a\rX-B: b\r\n", BODY),
    "a folded header": (SIZE + b"X-A: a\r\n b\r\n", BODY),
    "a null byte": (SIZE + b"X-A: a\0b\r\n", BODY),
    "a header without a colon": (SIZE + b"X-A\r\n", BODY),
    "a space in a header's name": (SIZE + b"X A: a\r\n", BODY),
}


def test_what_two_servers_could_read_in_two_ways_is_refused(running, pair):
    """C03: 400 in the shape of other errors, the connection is closed, and no provider hears of it."""
    for name, (headers, sent) in REFUSED.items():
        answer = told(running, posted(headers, sent))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400"), name
        assert json.loads(body)["error"]["type"] == "invalid_request_error", name
        assert answer.count(b"HTTP/1.1 ") == 1, name
        assert not pair[0].requests, name


def test_headers_that_do_not_end_are_refused(running, pair):
    """Neither one long header nor many short ones fill the memory."""
    for headers in (b"X-A: " + b"a" * 70_000 + b"\r\n", b"X-A: a\r\n" * 9000):
        assert told(running, posted(SIZE + headers)).startswith(b"HTTP/1.1 431")
    assert not pair[0].requests


SERVED = {
    "chunks": (CHUNKED, CHUNKS),
    "chunks with extensions": (CHUNKED, CHUNKS.replace(b"\r\n", b";a=b\r\n", 1)),
    "HTTP/2 if possible": (SIZE + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n", BODY),
    "nothing that we know is expected": (SIZE + b"Expect: a-miracle\r\n", BODY),
}


def test_what_is_only_unusual_is_served(running, pair):
    """The provider gets the body with a length, and nothing of how it came."""
    for name, (headers, body) in SERVED.items():
        assert told(running, posted(headers, body)).startswith(b"HTTP/1.1 200"), name
        seen = pair[0].requests[-1]
        assert len(seen.body) == int(seen.headers["content-length"]), name
        assert not {"transfer-encoding", "upgrade", "http2-settings", "expect"} & seen.headers.keys(), name
    assert len(pair[0].requests) == len(SERVED)


def test_a_second_request_on_the_line_is_a_request_of_its_own(running, pair):
    """What stands behind the length is answered after it, by the gateway itself, with all checks."""
    head = posted().replace(b"Connection: close\r\n", b"")
    answer = told(running, head + BEHIND)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert len(pair[0].requests) == 1


def test_trailers_are_no_headers(running, pair):
    """What comes behind the body was not there when the request was checked."""
    trailers = b"X-Trailer: a\r\nAuthorization: Bearer b\r\n"
    assert told(running, posted(CHUNKED, CHUNKS[:-2] + trailers * 2000 + b"\r\n")).startswith(b"HTTP/1.1 200")
    seen = pair[0].requests[0].headers
    assert "x-trailer" not in seen
    assert seen["authorization"] == f"Bearer {KEYS[0]}"


def test_what_is_about_the_connection_or_the_client_stays_here(running, pair):
    """Neither hop-by-hop headers (those that `Connection` names, too) nor keys, cookies, addresses and baggage go on."""
    here = ["te: trailers", "keep-alive: 5", "proxy-authorization: Basic a", "x-private: a", "cookie: a=b", "x-sparekey-admin-key: a"]
    here += ["baggage: user=7", "tracestate: a=b", "authorization: Bearer mine", "x-api-key: mine", "openai-organization: mine"]
    lines = "".join(f"{line}\r\n" for line in [*here, "x-kept: a", "user-agent: mine"]).encode()
    data = posted(SIZE + lines).replace(b"Connection: close", b"Connection: close, X-Private")
    assert told(running, data).startswith(b"HTTP/1.1 200")
    seen = pair[0].requests[0].headers
    assert not {line.partition(":")[0] for line in here} - {"authorization"} & seen.keys()
    assert "mine" not in seen["authorization"]
    assert (seen["x-kept"], seen["user-agent"]) == ("a", "mine")


def test_http_1_0_gets_no_chunks(running):
    """The end of the connection ends the answer, a stream's as well."""
    for stream in (False, True):
        body = json.dumps(question(stream=stream)).encode()
        head, _, raw = told(running, posted(b"Content-Length: %d\r\n" % len(body), body, version=b"1.0")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"transfer-encoding" not in head.lower()
        assert raw.startswith(b"data: {") if stream else json.loads(raw)


def test_a_body_is_asked_for_when_it_is_wanted(running, pair):
    """`Expect: 100-continue`: 100 first; for a body that is too long the refusal comes instead."""
    with connected(running) as one:
        one.sendall(posted(SIZE + b"Expect: 100-continue\r\n", b""))
        assert one.recv(100).startswith(b"HTTP/1.1 100")
        one.sendall(BODY)
        assert everything(one).startswith(b"HTTP/1.1 200")
    answer = told(running, posted(b"Content-Length: 999999999\r\nExpect: 100-continue\r\n", b""))
    assert answer.startswith(b"HTTP/1.1 413")
    assert len(pair[0].requests) == 1


def test_a_connection_that_does_nothing_is_closed(serve, pair):
    """At its beginning and after an answer alike: idle, or with the beginning of a request that does not come."""
    running = serve(chain("vlm", pair) + SETTINGS + "header_timeout = 0.3\nidle_timeout = 1\n")
    with contextlib.ExitStack() as crowd:
        pairs = {}
        for sent in (b"", b"\r\n", b"\r\n\r\n", b"POST"):
            one, used = pairs[sent] = [crowd.enter_context(connected(running)) for _ in range(2)]
            one.sendall(sent)
            used.sendall(posted().replace(b"Connection: close\r\n", b""))
            assert used.recv(65536).startswith(b"HTTP/1.1 200")
            used.sendall(sent)
        for sent, both in pairs.items():
            assert all(closed(one, 5) for one in both), sent


def test_there_is_a_limit_of_connections(serve, pair):
    """More than `max_connections` are refused at once, and those that are there are served."""
    running = serve(chain("vlm", pair) + SETTINGS + "max_connections = 20\n")
    with contextlib.ExitStack() as crowd:
        some = []
        for _ in range(20):
            some.append(crowd.enter_context(connected(running)))
            some[-1].sendall(b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert some[-1].recv(65536).startswith(b"HTTP/1.1 200")
        answer = told(running, b"")
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in answer
        some[0].sendall(posted())
        assert everything(some[0]).startswith(b"HTTP/1.1 200")


class Endless(BaseHTTPRequestHandler):
    """A provider that speaks for ever."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "audio/mpeg")
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"x" * 65536)
        self.server.cut.set()

    def log_message(self, *_):
        """Say nothing."""


def test_a_client_that_does_not_read_is_cut_off(serve):
    """It holds no provider's connection longer than `write_timeout`, and the provider waits meanwhile, not the memory."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as host:
        host.cut, host.name, host.base_url = threading.Event(), "first", f"http://127.0.0.1:{host.server_port}/v1"
        threading.Thread(target=host.serve_forever).start()
        try:
            running = serve(chain("vlm", [host]) + SETTINGS + "write_timeout = 0.3\n")
            with connected(running) as one:
                body = b'{"model": "chat", "input": "a", "voice": "a"}'
                one.sendall(posted(b"Content-Length: %d\r\n" % len(body), body, path=b"/v1/audio/speech"))
                assert host.cut.wait(5)
        finally:
            host.shutdown()
    assert running.last(1).left


def test_a_client_that_pipelines_and_leaves_is_noticed(running, pair):
    """M04: the provider's call ends, also where another request stands behind the one that runs."""
    pair[0].fail(faults.hang())
    one = connected(running)
    one.sendall(posted().replace(b"Connection: close\r\n", b"") * 2)
    assert pair[0].wait_for(lambda p: p.requests)
    one.close()
    assert pair[0].wait_for(lambda p: p.abandoned, 1.0)


def test_what_is_wrong_behind_a_request_does_not_take_its_answer(running, pair):
    """A client pipelines a request and then something that is none: the request is answered, in its turn, and the connection ends."""
    pair[0].fail(faults.slow(before=0.3), times=2)
    whole = posted().replace(b"Connection: close\r\n", b"")
    for behind in (b"NONSENSE\r\n\r\n", whole[:-20].replace(b"Content-Length", b"Content-Length: 1\r\nContent-Length"), b"X" * 70_000):
        answer = told(running, whole + behind)
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        assert answer.count(b"HTTP/1.1 ") == 1


def test_a_client_that_has_ended_its_side_gets_its_answer(running, pair):
    """As `nc` does it: a half-closed connection still takes answers, of pipelined requests, too; an interim 100 comes before them."""
    pair[0].fail(faults.slow(before=0.3), times=2)
    whole = posted().replace(b"Connection: close\r\n", b"")
    with connected(running) as one:
        one.sendall(whole + whole)
        one.shutdown(socket.SHUT_WR)
        answer = everything(one)
    assert answer.count(b"HTTP/1.1 200") == 2, answer


def test_a_client_that_has_left_is_told_from_one_that_waits(running, pair):
    """It closes both sides: its call at the provider ends at once."""
    pair[0].fail(faults.hang(20))
    with connected(running) as one:
        one.sendall(posted().replace(b"Connection: close\r\n", b""))
        assert pair[0].wait_for(lambda _: len(pair[0].requests) == 1)
    assert running.last(1).left


def test_an_escaped_path_is_read_and_passed_on_as_the_plain_one(running, pair):
    """Letters and slashes that are escaped without need hide nothing: the provider gets the plain path, and the credential's model."""
    for path in (b"/v1/chat%2Fcompletions", b"/v1/%63hat/complet%69ons", b"/%76%31/chat/completions"):
        assert told(running, posted(path=path)).startswith(b"HTTP/1.1 200")
        seen = pair[0].requests[-1]
        assert seen.path.endswith("/v1/chat/completions")
        assert "%" not in seen.path
        assert seen.json["model"] == "gpt-4o-mini"
    for path in (
        b"/v1/chat/completions%2F..%2F..",
        b"/v1/%2e%2e/v1/chat/completions",
        b"/v1/chat/completions%3Fa=b",
        b"/v1/chat/completions%00",
    ):
        assert told(running, posted(path=path)).startswith((b"HTTP/1.1 404", b"HTTP/1.1 400"))
    assert len(pair[0].requests) == 3
