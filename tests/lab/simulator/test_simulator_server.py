"""The simulator as a server: connections, callers who leave, its own end."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from sparekey.lab.simulator import TEXT, Simulator, faults, unit_vector

if TYPE_CHECKING:
    from sparekey.lab.simulator import Provider

CHAT = {"model": "sim-chat", "messages": [{"role": "user", "content": "hello"}]}


def post(connection: http.client.HTTPConnection, provider: Provider, body: Any = CHAT, path: str = "/v1/chat/completions") -> Any:
    """Send a request on a connection and return the response, unread."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", f"/{provider.name}{path}", data, {"authorization": "Bearer sk-sim-1", "content-type": "application/json"})
    return connection.getresponse()


def connect(provider: Provider) -> http.client.HTTPConnection:
    """Open a plain connection."""
    return http.client.HTTPConnection("127.0.0.1", provider.port, timeout=10)


def ask(provider: Provider, body: Any = CHAT, path: str = "/v1/chat/completions") -> tuple[int, bytes]:
    """Ask once on a connection of its own."""
    with closing(connect(provider)) as connection:
        response = post(connection, provider, body, path)
        return response.status, response.read()


def test_requests_are_seen_as_the_provider_would_see_them(simulator: Simulator):
    """Path without the simulator's prefix, headers in lower case, the body as bytes and as JSON."""
    provider = simulator.provider("first")
    ask(provider, path="/v1/chat/completions?tag=a%20b")
    (seen,) = provider.requests
    assert (seen.method, seen.path, seen.query) == ("POST", "/v1/chat/completions", {"tag": "a b"})
    assert seen.headers["authorization"] == "Bearer sk-sim-1"
    assert seen.json == json.loads(seen.body) == CHAT


def test_seen_requests_do_not_show_keys(simulator: Simulator):
    """The representation of a request holds no header."""
    provider = simulator.provider("first")
    ask(provider)
    assert "sk-sim-1" not in repr(provider.requests)


def test_a_connection_serves_many_requests(simulator: Simulator):
    """Healthy answers, errors and streams leave the connection open for the next request."""
    provider = simulator.provider("first")
    provider.script([None, faults.quota(), None])
    with closing(connect(provider)) as connection:
        for body in (CHAT, CHAT, {**CHAT, "stream": True}):
            post(connection, provider, body).read()
    assert len({seen.client for seen in provider.requests}) == 1


def test_connections_are_counted_until_they_are_closed(simulator: Simulator):
    """An idle connection counts; a closed one does not."""
    provider = simulator.provider("first")
    with closing(connect(provider)) as connection:
        post(connection, provider).read()
        assert provider.open_connections == simulator.open_connections == 1
    assert simulator.wait_closed()


def test_a_reset_is_a_reset(simulator: Simulator):
    """The client's socket is told of a reset, not of an end."""
    provider = simulator.provider("first")
    provider.fail(faults.reset())
    with pytest.raises(ConnectionResetError):
        ask(provider)


def test_a_cut_body_is_noticed_by_http(simulator: Simulator):
    """Fewer bytes than stated."""
    provider = simulator.provider("first")
    provider.fail(faults.cut(after=0))
    with pytest.raises(http.client.IncompleteRead):
        ask(provider)


def test_an_unplugged_provider_refuses_connections(simulator: Simulator):
    """Open connections are cut, new ones refused; plugged in again it answers on the same port."""
    provider = simulator.provider("first")
    address = provider.base_url
    with closing(connect(provider)) as connection:
        post(connection, provider).read()
        provider.unplug()
        assert provider.open_connections == 0
    with pytest.raises(ConnectionRefusedError):
        ask(provider)
    provider.plug_in()
    assert provider.base_url == address
    assert ask(provider)[0] == 200


def test_a_caller_who_leaves_is_noticed(simulator: Simulator):
    """A request whose client goes away during a silence is written down as abandoned."""
    provider = simulator.provider("first")
    provider.fail(faults.stall(after=3))
    with closing(connect(provider)) as connection:
        response = post(connection, provider, {**CHAT, "stream": True})
        response.read1(1)
    response.close()
    assert provider.wait_for(lambda p: p.abandoned == p.requests)
    assert simulator.wait_closed()


def test_waiting_for_what_never_comes_ends(simulator: Simulator):
    """The wait has its limit."""
    assert not simulator.provider("first").wait_for(lambda p: bool(p.requests), timeout=0.01)


def test_faults_may_be_scaled_down():
    """With a time scale a silence of an hour is a short one."""
    with Simulator(time_scale=1e-5) as simulator:
        provider = simulator.provider("first")
        provider.fail(faults.slow_start(3600))
        assert ask(provider)[0] == 200


@pytest.mark.parametrize("fault", [faults.hang(), faults.stall(after=5), faults.keepalive(), faults.slow_start(3600)])
def test_closing_ends_every_answer(fault: faults.Fault):
    """Whatever is being played, closing comes to its end, and neither thread nor socket is left."""
    before = set(threading.enumerate())
    with Simulator() as simulator:
        provider = simulator.provider("first")
        provider.fail(fault)
        connection = socket.create_connection(("127.0.0.1", provider.port))
        body = json.dumps({**CHAT, "stream": True}).encode()
        connection.sendall(b"POST /first/v1/chat/completions HTTP/1.1\r\nhost: sim\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        assert provider.wait_for(lambda p: bool(p.requests))
    connection.close()
    assert simulator.open_connections == 0
    assert not {t for t in set(threading.enumerate()) - before if t.name == "sparekey-simulator"}


def test_closing_twice_does_no_harm():
    """The second call does nothing."""
    with Simulator() as simulator:
        simulator.close()


def test_a_closed_simulator_takes_no_provider():
    """A provider needs the thread."""
    with Simulator() as simulator:
        pass
    with pytest.raises(RuntimeError, match="not running"):
        simulator.provider("late")


def test_names_are_unique(simulator: Simulator):
    """Two providers of one name would share their addresses."""
    simulator.provider("first")
    with pytest.raises(ValueError, match="'first' already"):
        simulator.provider("first")


def test_unknown_wires_are_named_with_the_known_ones(simulator: Simulator):
    """The message lists what there is."""
    with pytest.raises(ValueError, match=r"'telex'.*anthropic.*openai"):
        simulator.provider("first", wire="telex")


@pytest.mark.parametrize(
    ("body", "path", "status"),
    [
        (b"{no json", "/v1/chat/completions", 400),
        (b"[]", "/v1/chat/completions", 400),
        ({"model": "m"}, "/v1/chat/completions", 400),
        ({"model": "m", "messages": []}, "/v1/chat/completions", 400),
        ({"model": "m", "messages": ["no object"]}, "/v1/chat/completions", 400),
        ({"model": "m", "input": []}, "/v1/embeddings", 400),
        ({"model": "m", "input": ["a", ""]}, "/v1/embeddings", 400),
        (CHAT, "/v1/nowhere", 404),
        ({"model": "gone", "messages": CHAT["messages"]}, "/v1/chat/completions", 404),
        ({"model": "sim-chat", "input": "one two three four"}, "/v1/embeddings", 400),
    ],
)
def test_wrong_requests_are_refused_as_the_provider_does_it(simulator: Simulator, body: Any, path: str, status: int):
    """Malformed, empty, misdirected, too long, for a model that is not there: each with the provider's own status and shape."""
    provider = simulator.provider("first", models=["sim-chat"], max_input_tokens=3)
    told, answer = ask(provider, body, path)
    assert told == status
    assert set(json.loads(answer)["error"]) == {"message", "type", "param", "code"}


def test_what_is_no_http_ends_the_connection(simulator: Simulator):
    """Garbage is answered by closing."""
    provider = simulator.provider("first")
    with socket.create_connection(("127.0.0.1", provider.port), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        assert connection.recv(10) == b""


def test_garbage_behind_a_request_spoils_only_itself(simulator: Simulator):
    """The request is answered, then the connection ends."""
    provider = simulator.provider("first")
    with socket.create_connection(("127.0.0.1", provider.port), timeout=10) as connection, connection.makefile("rb") as reader:
        connection.sendall(b"GET /first/v1/models HTTP/1.1\r\nhost: sim\r\n\r\n\x16\x03 no HTTP\r\n\r\n")
        assert reader.read().startswith(b"HTTP/1.1 200")


def test_a_client_may_ask_before_it_sends_its_body(simulator: Simulator):
    """`Expect: 100-continue` is answered before the body comes."""
    provider = simulator.provider("first")
    with socket.create_connection(("127.0.0.1", provider.port), timeout=10) as connection, connection.makefile("rb") as reader:
        head = b"POST /first/v1/embeddings HTTP/1.1\r\nhost: sim\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
        connection.sendall(head)
        assert reader.readline() == b"HTTP/1.1 100 \r\n"
        reader.readline()
        connection.sendall(b"{}")
        assert reader.readline().startswith(b"HTTP/1.1 400")


def test_a_client_that_does_not_read_holds_up_only_itself(simulator: Simulator):
    """A long answer waits for its slow reader while another client is served, and is whole in the end."""
    provider = simulator.provider("first", text="word " * 40_000)
    with closing(connect(provider)) as slow:
        response = post(slow, provider, {**CHAT, "stream": True})
        assert ask(provider)[0] == 200
        assert response.read().count(b"data:") == 40_003


def test_two_providers_know_nothing_of_each_other(simulator: Simulator):
    """Each has its own port, faults, text and vectors."""
    first, second = simulator.provider("first"), simulator.provider("second", text="Another answer.", dimension=4, space="other")
    first.fail(faults.overloaded())
    assert ask(first)[0] == 503
    assert json.loads(ask(second)[1])["choices"][0]["message"]["content"] == "Another answer."
    vector = json.loads(ask(second, {"model": "m", "input": "x"}, "/v1/embeddings")[1])["data"][0]["embedding"]
    assert vector == unit_vector("x", 4, space="other")
    assert first.port != second.port


def test_a_dead_key_leaves_its_neighbour_alive(simulator: Simulator):
    """Faults of one key and model do not touch others at the same address."""
    provider = simulator.provider("first")
    provider.fail(faults.model_not_found(), key="sk-sim-1", model="other")
    assert ask(provider)[0] == 200
    assert ask(provider, {**CHAT, "model": "other"})[0] == 404


def test_a_hundred_streams_at_once(simulator: Simulator):
    """Many clients at a time get whole answers from one thread."""
    provider = simulator.provider("first")
    body = json.dumps({**CHAT, "stream": True}).encode()
    head = b"POST /first/v1/chat/completions HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)

    async def one() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
        writer.write(head + body)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    async def many() -> list[bytes]:
        return await asyncio.gather(*(one() for _ in range(100)))

    answers = asyncio.run(many())
    assert len(provider.requests) == 100
    assert all(answer.count(b'"content": "') == 61 and b"[DONE]" in answer for answer in answers)
    assert TEXT.split()[-1].encode() in answers[-1]
    assert simulator.wait_closed()


def test_a_bug_in_a_wire_shows_and_does_not_hang(simulator: Simulator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch):
    """The request is written to the log and its connection reset."""
    provider = simulator.provider("first")
    monkeypatch.setattr(type(provider.wire), "completion", lambda *_: 1 / 0)
    with pytest.raises(ConnectionResetError):
        ask(provider)
    assert "failed on POST /v1/chat/completions" in caplog.text
