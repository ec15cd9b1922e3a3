"""Who may use the gateway, and what is refused before any provider hears of it."""

import contextlib
import gzip
import hashlib
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from gateway_play import KEYS, SETTINGS, both, chain, question

from sparekey.config import Config
from sparekey.errors import ConfigError
from sparekey.gateway.upstream import messages

CLIENT = "spk-client-0123456789abcdef"
ADMIN = "spk-admin-0123456789abcdef"
DIGEST = hashlib.sha256(CLIENT.encode()).hexdigest()


def raw(port, data, wait=5):
    """Send bytes, return what comes back until the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as one:
        one.sendall(data)
        got = b""
        while piece := one.recv(65536):
            got += piece
    return got


@pytest.fixture
def guarded(serve, pair):
    """A gateway with keys: one client for one chain, one whose key is over."""
    more = f"""
[[gateway.clients]]
name = "app"
key_sha256 = "{DIGEST}"
chains = ["chat"]
[[gateway.clients]]
name = "old"
key_sha256 = "{hashlib.sha256(b"spk-old-key-0123456789abcdef").hexdigest()}"
expires = 2020-01-31
"""
    other = "\n[gateway.chat.secret]" + chain("gateway.chat.secret", pair).partition("]")[2]
    return serve(chain("vlm", pair) + SETTINGS + more + other)


@pytest.mark.parametrize(
    "sent", [{"authorization": f"Bearer {CLIENT}"}, {"x_api_key": CLIENT}, {"api_key": CLIENT}, {"x_goog_api_key": CLIENT}], ids=str
)
def test_each_sdks_way_to_send_a_key(guarded, sent):
    """The key is taken from wherever an SDK puts it."""
    assert guarded.ask("GET", "/v1/models", **sent)[0] == 200


@pytest.mark.parametrize("sent", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Bearer spk-old-key-0123456789abcdef"}], ids=str)
def test_without_a_good_key_nothing_is_asked(guarded, pair, sent):
    """No key, a wrong one, an expired one: 401, and no provider hears of it."""
    status, _, body = guarded.ask(body=question(), **sent)
    assert status == 401
    assert body["error"]["message"]
    assert not pair[0].requests


def test_a_client_sees_its_own_chains_only(guarded, pair):
    """A chain that is not the client's does not exist for it."""
    key = {"authorization": f"Bearer {CLIENT}"}
    _, _, body = guarded.ask("GET", "/v1/models", **key)
    assert [m["id"] for m in body["data"]] == ["chat"]
    assert guarded.ask(body=question(model="secret"), **key)[0] == 404
    assert guarded.ask(body=question(), **key)[0] == 200
    assert guarded.last(3).client == "app"


def test_the_clients_key_never_goes_to_a_provider(guarded, pair):
    """Only the credential's own key does."""
    guarded.ask(body=question(), authorization=f"Bearer {CLIENT}", x_api_key=CLIENT, cookie=f"a={CLIENT}")
    assert CLIENT not in str(pair[0].requests[0].headers)


def test_a_key_in_the_query_stays_here(guarded, pair):
    """A key that stands there all the same is taken out; it lets nobody in, but on Gemini's paths."""
    for path in ("/v1/chat/completions", "/openai/deployments/chat/chat/completions"):
        assert guarded.ask(path=f"{path}?a=b&key={CLIENT}&c=d", body=question(), authorization=f"Bearer {CLIENT}")[0] == 200
        assert guarded.ask(path=f"{path}?key={CLIENT}", body=question())[0] == 401
        assert guarded.ask(path=f"{path}?k%65y={CLIENT}", body=question())[0] == 401
    assert [one.query for one in pair[0].requests] == [{"a": "b", "c": "d"}] * 2


def test_a_geminis_key_in_the_query_is_replaced(serve, sim):
    """The credential's key stands where the client's stood."""
    one = sim.provider("first", wire="gemini")
    client = f'[[gateway.clients]]\nname = "app"\nkey_sha256 = "{DIGEST}"\n'
    running = serve(chain("vlm", [one], provider="gemini", model="gemini-2.5-flash") + SETTINGS + client)
    body = {"contents": [{"parts": [{"text": "Hello"}]}]}
    assert running.ask(path=f"/v1beta/models/chat:generateContent?key={CLIENT}", body=body)[0] == 200
    assert one.requests[0].query == {"key": KEYS[0]}


def test_a_stranger_sends_no_body(guarded):
    """The key is looked at before the body is read."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n"
    assert raw(guarded.port, head).startswith(b"HTTP/1.1 401")


def test_strangers_need_keys():
    """Any address but this machine's own is refused without clients, when the file is read."""
    with pytest.raises(ConfigError, match=r"gateway\.host: 0\.0\.0\.0 can be reached by others"):
        Config.model_validate({"gateway": {"host": "0.0.0.0"}})


def test_a_web_page_cannot_use_an_open_gateway(running, pair):
    """Without keys, pages of other hosts are refused, also under a name that was made to point here."""
    assert running.ask(body=question(), origin="https://evil.example")[0] == 403
    assert running.ask(body=question(), host="rebound.example")[0] == 403
    assert not pair[0].requests


def test_what_is_wrong_is_said_in_the_shape_of_openai(running, pair):
    """C01: not JSON, wrong type, no model, unknown model, unknown path: 4xx, clear, and no provider asked."""
    asked = [
        ({"body": b"not json"}, 400, "not_json"),
        ({"body": b"[1]"}, 400, "not_json"),
        ({"body": b'{"messages": []}'}, 400, "no_model"),
        ({"body": b'{"model": 5}'}, 400, "wrong_type"),
        ({"body": question(model="gpt-99")}, 404, "model_not_found"),
        ({"body": question(), "path": "/v1/nothing"}, 404, "unknown_path"),
        ({"body": question(), "path": "/v1/embeddings"}, 400, "wrong_kind"),
        ({"body": question(), "method": "PUT"}, 405, "wrong_method"),
    ]
    for request, status, code in asked:
        found, _, body = running.ask(**request)
        assert (found, body["error"]["code"]) == (status, code)
        assert body["error"]["message"]
        assert body["error"]["type"] == "invalid_request_error"
    assert not pair[0].requests


def test_a_body_that_is_too_long_is_not_read(running, pair):
    """C01: 100 MB are refused by their length, at once; chunks that do not end are refused when they are too many."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    answer = raw(running.port, head + b"Content-Length: 104857600\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 413")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "body_too_large"
    assert not pair[0].requests


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/../../etc/passwd",
        b"/v1/chat/completions/../../files",
        b"/v1/%2e%2e/chat/completions",
        b"/v1beta/models/..%2f..%2fx:generateContent",
    ],
)
def test_no_path_leads_elsewhere(running, pair, path):
    """C03: what is no known path, to the letter, is nothing."""
    body = b'{"model": "chat"}'
    answer = raw(running.port, b"POST " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 17\r\n\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 4")
    assert not pair[0].requests


def test_headers_cannot_be_smuggled_in(running, pair):
    """C03: a line break in a header's value ends the request, not the header."""
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX-A: a\rX-B: b\r\nContent-Length: 2\r\n\r\n{}"
    assert raw(running.port, head).startswith(b"HTTP/1.1 400")
    assert not pair[0].requests


class Stubborn(BaseHTTPRequestHandler):
    """A provider that answers with the status, headers and body of its server."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.server.status)
        for name, value in self.server.headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        """Say nothing."""


@contextlib.contextmanager
def stubborn(status, headers, body=b""):
    """Run a provider of that kind."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Stubborn) as host:
        host.status, host.headers, host.body = status, headers, body
        host.name, host.base_url = "first", f"http://127.0.0.1:{host.server_port}/v1"
        threading.Thread(target=host.serve_forever).start()
        try:
            yield host
        finally:
            host.shutdown()


@both
def test_a_redirect_is_not_followed(serve, sim, upstream):
    """C03: no credential goes where a provider points, and the client is not sent there either."""
    elsewhere = sim.provider("elsewhere")
    with stubborn(307, [("location", elsewhere.base_url)]) as host:
        status, headers, _ = serve(chain("vlm", [host]) + SETTINGS + f'upstream = "{upstream}"\n').ask(body=question())
    assert status >= 400
    assert "location" not in headers
    assert not elsewhere.requests


ANSWER = json.dumps(
    {"id": "a", "object": "chat.completion", "choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]}
).encode()


def test_a_provider_says_nothing_to_the_client_about_itself(serve):
    """Neither cookies nor challenges nor whose account it is; and what the gateway says of itself nobody else says."""
    own = [
        "set-cookie",
        "www-authenticate",
        "alt-svc",
        "openai-organization",
        "x-sparekey-credential",
        "x-sparekey-request-id",
        "keep-alive",
    ]
    with stubborn(
        200, [("content-type", "application/json"), ("x-ratelimit-kept", "a"), *((name, "forged") for name in own)], ANSWER
    ) as host:
        status, headers, _ = serve(chain("vlm", [host]) + SETTINGS).ask(body=question())
    assert (status, headers["x-ratelimit-kept"], headers["x-sparekey-credential"]) == (200, "a", "first")
    assert "forged" not in headers.values()


def test_a_packed_answer_does_not_fill_the_memory(serve):
    """A small body that unpacks to a huge one is given up; one of an ordinary size is read, though nobody asked for it packed."""
    assert messages.Response(200, {"content-encoding": "gzip"}, gzip.compress(ANSWER)).content == ANSWER
    packed = [("content-type", "application/json"), ("content-encoding", "gzip")]
    with stubborn(200, packed, gzip.compress(ANSWER + b" " * 2**24)) as host:
        assert serve(chain("vlm", [host], extra="max_retries = 0") + SETTINGS).ask(body=question())[0] == 503


def test_logs_hold_no_key(running, pair, caplog):
    """What is logged of a failure names the credential, not its key."""
    from sparekey.gateway.observe.access_log import as_dict
    from sparekey.lab.simulator import faults

    pair[0].fail(faults.echo_key())
    running.ask(body=question(), authorization=f"Bearer {CLIENT}")
    line = json.dumps(as_dict(running.last(1)))
    assert not any(key in caplog.text + line for key in (*KEYS, CLIENT))
    assert [a["outcome"] for a in json.loads(line)["attempts"]] == ["failed", "succeeded"]


def test_the_clients_key_goes_to_no_provider_in_any_header(guarded, pair):
    """Some programs send their key in a header of their own as well."""
    more = {"authorization": f"Bearer {CLIENT}", "x_litellm_api_key": f"Bearer {CLIENT}", "x_my_key": CLIENT, "x_kept": "a"}
    assert guarded.ask(body=question(), **more)[0] == 200
    sent = dict(pair[0].requests[-1].headers)
    assert CLIENT not in str(sent)
    assert {name.lower() for name in sent} >= {"x-kept"}
