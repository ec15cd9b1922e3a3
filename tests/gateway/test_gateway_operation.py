"""Clients that leave, files that change, a process that stops, crowds."""

import concurrent.futures
import socket
import time

import pytest
from gateway_play import SETTINGS, both, chain, question

from real_servers import wait_until
from sparekey.lab.simulator import faults


def opened(running, body, *, stream):
    """Send a request on a socket of one's own."""
    import json

    data = json.dumps(question(stream=stream) if body is None else body).encode()
    one = socket.create_connection(("127.0.0.1", running.port), timeout=10)
    one.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
    return one


@both
@pytest.mark.parametrize(
    ("fault", "stream"),
    [(faults.hang(), False), (faults.hang(), True), (faults.stall(after=5), True), (faults.slow(each=0.2), True)],
    ids=["before headers", "before headers of a stream", "stalled", "mid-stream"],
)
def test_a_client_that_leaves_takes_the_provider_along(running, pair, fault, stream):
    """M04: the call is cancelled at the provider within a second, and nobody is blamed."""
    pair[0].fail(fault)
    one = opened(running, None, stream=stream)
    assert pair[0].wait_for(lambda p: p.requests)
    if stream and fault != faults.hang():
        assert one.recv(100)
    one.close()
    assert pair[0].wait_for(lambda p: p.abandoned, 1.0)
    pair[0].heal()
    assert running.ask(body=question())[1]["x-sparekey-credential"] == "first"
    gone = (running.last(2), running.finished[0])[1]
    assert gone.left
    assert [str(a.outcome) for a in gone.attempts] == ["abandoned"] or gone.stream
    assert not any(c.until for c in running.gateway.chains["chat"].chain.state.breakers.values())


@both
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("size", [100_000, 700_000])
def test_so_does_one_that_sent_a_long_body(running, pair, size, stream):
    """The connection is read on when the body is whole: else nobody would see it end."""
    pair[0].fail(faults.hang())
    message = {"role": "user", "content": "x" * size}
    one = opened(running, {**question(stream=stream), "messages": [message]}, stream=stream)
    assert pair[0].wait_for(lambda p: p.requests)
    one.close()
    assert pair[0].wait_for(lambda p: p.abandoned, 1.0)
    assert running.last(1).left


def test_a_key_is_rotated_under_load(serve, pair):
    """M11: with 100 requests in flight none fails, and the new key is used afterwards."""
    running = serve(chain("vlm", pair) + SETTINGS)
    pair[0].fail(faults.slow(before=0.5), times=100)
    with concurrent.futures.ThreadPoolExecutor(100) as crowd:
        asked = [crowd.submit(running.ask, body=question()) for _ in range(100)]
        assert pair[0].wait_for(lambda p: len(p.requests) >= 100, 10)
        running.write(chain("vlm", pair, keys=("sk-rotated-9999999999999", "sk-second-1111111111111")) + SETTINGS)
        running.ask(body=question())
        assert {one.result()[0] for one in asked} == {200}
    assert pair[0].requests[-1].headers["authorization"] == "Bearer sk-rotated-9999999999999"
    assert not pair[1].requests


def test_what_is_known_survives_a_reload(serve, pair):
    """A parked credential stays parked if it is unchanged, and starts afresh with another key."""
    running = serve(chain("vlm", pair) + SETTINGS)
    pair[0].fail(faults.auth())
    running.ask(body=question())
    pair[0].heal()
    running.write(chain("vlm", pair, extra="patience = 1.0") + SETTINGS)
    assert running.ask(body=question())[1]["x-sparekey-credential"] == "second"
    running.write(chain("vlm", pair, keys=("sk-rotated-9999999999999", "sk-second-1111111111111")) + SETTINGS)
    assert running.ask(body=question())[1]["x-sparekey-credential"] == "first"


def test_a_key_in_a_file_is_read_anew_when_it_changes(serve, pair, tmp_path):
    """Nobody touches the configuration: a new key, and one that comes later, is used at the next look, and its parks are forgotten.

    A file that is empty, since it is being written, and one that is gone change nothing.
    """
    first, spare = tmp_path / "first.key", tmp_path / "spare.key"
    first.write_text("sk-old-00000000000000\n")
    running = serve(chain("vlm", pair, keys=("file:first.key", f"file:{spare}")) + SETTINGS)
    assert [c.id for c in running.gateway.chains["chat"].chain.credentials] == ["first"], "the spare has no key yet"
    pair[0].fail(faults.auth())
    assert running.ask(body=question())[0] == 502
    pair[0].heal()
    first.write_text("sk-new-22222222222222")
    spare.write_text("sk-spare-11111111111111")
    assert wait_until(lambda: len(running.gateway.chains["chat"].chain.credentials) == 2, 10)
    assert running.ask(body=question())[1]["x-sparekey-credential"] == "first"
    assert pair[0].requests[-1].headers["authorization"] == "Bearer sk-new-22222222222222"
    first.write_text("")
    spare.unlink()
    assert not running.do(running.application._has_a_new_key)


def test_a_bad_file_is_refused_visibly(running, pair, caplog):
    """The old configuration stays, the log and /readyz say so, and a good file ends it."""
    good = running.file.read_text()
    running.write("[vlm]\nmodle = 'x'\n")
    assert "modle" in caplog.text
    assert running.ask(body=question())[0] == 200
    status, _, body = running.ask("GET", "/readyz")
    assert (status, "refused" in body["configuration"]) == (200, True)
    assert "modle" in running.gateway.state.fault
    running.write(good)
    assert "configuration" not in running.ask("GET", "/readyz")[2]


def test_two_formats_in_one_chain_are_refused(running, pair, sim, caplog):
    """All credentials of a chain speak one format, and the message names who does not."""
    claude = sim.provider("claude", wire="anthropic")
    row = f'\n[[vlm.credentials]]\nid = "claude"\nprovider = "anthropic"\nmodel = "c"\napi_key = "k"\napi_base = "{claude.base_url}"\n'
    running.write(chain("vlm", pair) + row + SETTINGS)
    assert "first speaks openai, claude speaks anthropic" in running.gateway.state.fault


@both
def test_running_streams_finish_when_it_stops(running, pair):
    """A stop lets what runs come to its end, and refuses what comes."""
    pair[0].fail(faults.slow(each=0.02))
    one = opened(running, None, stream=True)
    got = one.recv(100)
    running.server.handle_exit(15, None)
    with one:
        while piece := one.recv(65536):
            got += piece
    assert got.rstrip().endswith(b"0") or b"[DONE]" in got
    assert b"[DONE]" in got
    with pytest.raises(OSError, match=r"refused|reset|timed out"):
        socket.create_connection(("127.0.0.1", running.port), timeout=2).recv(1)


def test_a_crowd_of_idle_connections_hinders_nobody(serve, pair):
    """C02: 1,000 connections that send nothing, half a header or half a body: others are served, and they are closed in time."""
    running = serve(chain("vlm", pair) + SETTINGS + "header_timeout = 2.0\nbody_timeout = 2.0\n")
    beginnings = (
        b"",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000\r\n\r\n{",
    )
    crowd = [socket.create_connection(("127.0.0.1", running.port), timeout=10) for _ in range(1000)]
    try:
        for i, one in enumerate(crowd):
            one.sendall(beginnings[i % 3])
        for _ in range(5):
            assert running.ask(body=question())[0] == 200
        for one in crowd:
            last = b""
            while piece := one.recv(4096):
                last += piece
            assert last == b"" or last.startswith(b"HTTP/1.1 408")
    finally:
        for one in crowd:
            one.close()


def test_health(running):
    """A living process says so, a ready one names its chains."""
    assert running.ask("GET", "/healthz")[0] == 200
    assert running.ask("GET", "/readyz")[2] == {"status": "ready", "chains": ["chat"], "levels": {"chat": "ok"}}
    running.gateway.draining = True
    assert running.ask("GET", "/readyz")[0] == 503
    assert running.ask(body=question())[0] == 503


def test_many_streams_at_once(running, pair):
    """C04, in small: 200 streams at once all come to their end, and leave nothing behind."""
    pair[0].fail(faults.slow(each=0.002))
    streams = [opened(running, None, stream=True) for _ in range(200)]
    for one in streams:
        with one:
            got = b""
            while b"[DONE]" not in got:
                piece = one.recv(65536)
                assert piece
                got += piece
    deadline = time.monotonic() + 5
    while running.gateway.running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running.gateway.running == 0
