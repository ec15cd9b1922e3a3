"""C and M11: hostile and mistaken callers of the gateway, and a key that changes under load."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.drill.crowds import C02, C04
from sparekey.lab.drill.fixtures import rotated
from sparekey.lab.drill.in_process_gateway import BEARER
from sparekey.lab.drill.outcome import whole
from sparekey.lab.drill.row import THROUGH, Row
from sparekey.lab.drill.verdict import Check
from sparekey.lab.simulator import faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.lab.drill.context import RowContext

_IN_FLIGHT: Final = 100
_CHAT: Final = "/v1/chat/completions"
_HUNDRED_MB: Final = 100 * 10**6


def _m11(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True)
    first = scenario.seats[0]
    scenario.fail(0, faults.slow(before=3), times=_IN_FLIGHT)
    calls = [scenario.start() for _ in range(_IN_FLIGHT)]
    yield Check("100 requests are in flight", first.provider.wait_for(lambda _: scenario.tries(0) == _IN_FLIGHT, 60))
    scenario.change({"api_key": rotated(first.key)})
    yield from whole(scenario.ask())
    yield Check("a new request goes out with the new key", scenario.chain.active_index == 0 and scenario.tries(0) == _IN_FLIGHT)
    served = [scenario.wait(call).complete for call in calls]
    yield Check("the old key drains: no request fails", all(served))
    yield from whole(scenario.ask())
    yield Check("no request after it has the old key, none goes to the spare", scenario.tries() == _IN_FLIGHT)


def _c01(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2)
    chain = scenario.gateway.served.name
    wrong: dict[str, dict[str, Any]] = {
        "no JSON": {"body": b"where is the spare key?"},
        "a list": {"body": b"[1]"},
        "no model": {"body": b'{"messages": []}'},
        "a model that is a number": {"body": b'{"model": 5}'},
        "an unknown model": {"body": json.dumps({"model": "no-such-model", "messages": []}).encode()},
        "an unknown path": {"path": "/v1/nothing", "body": json.dumps({"model": chain}).encode()},
        "no key": {"body": json.dumps({"model": chain}).encode(), "authorization": ""},
        "a wrong key": {"body": json.dumps({"model": chain}).encode(), "authorization": "Bearer spk-somebody-elses-key"},
        "100 MB": {"body": b" " * _HUNDRED_MB},
        "100 MB in chunks of no stated length": {"body": iter([b" " * 10**6] * 100)},
    }
    statuses = []
    for name, request in wrong.items():
        status, _, text = scenario.gateway.knock(**{"authorization": BEARER, "content_type": "application/json", **request})
        statuses.append(f"{name} {status}")
        yield Check(f"{name}: refused with 4xx (not {status})", 400 <= status < 500)
        yield Check(f"{name}: an error in OpenAI's shape", _is_openai_error(text))
    context.notes.append(", ".join(statuses))
    yield Check("no provider is asked", scenario.tries() == 0)
    yield from whole(scenario.ask())


def _is_openai_error(text: str) -> bool:
    with suppress(ValueError, LookupError, TypeError):
        error = json.loads(text)["error"]
        return bool(error["message"]) and {"type", "param", "code"} <= error.keys()
    return False


def _c03(context: RowContext) -> Iterator[Check]:
    scenario = context.chat(seats=2, apart=True)
    elsewhere = context.simulator.provider("elsewhere", wire=scenario.seats[0].provider.wire.name)
    there = elsewhere.origin.removeprefix("http://").encode()
    body = json.dumps({"model": scenario.gateway.served.name, "messages": []}).encode()
    for name, (target, headers) in _hostile(there).items():
        status = _sent_by_hand(scenario.gateway.port, target, headers, body)
        passed_on = [seen for seat in scenario.seats for seen in seat.provider.requests if there in str(seen).encode()]
        yield Check(f"{name}: refused, or passed on without it ({status})", status is not None and not passed_on)
        yield Check(f"{name}: nothing goes elsewhere", not elsewhere.requests)
    before = scenario.tries()
    for path in _PATHS:
        status = _sent_by_hand(scenario.gateway.port, path, b"", body)
        yield Check(f"{path.decode()}: refused with 4xx (not {status})", status is not None and 400 <= status < 500)
    yield Check("no path leads to a provider", scenario.tries() == before)
    with _redirecting(elsewhere.base_url) as url:
        scenario.change({"api_base": url})
        yield from whole(scenario.ask())
        yield Check("the redirected one is not the one that serves", scenario.chain.active_index == 1)
        for seat in range(len(scenario.seats)):
            scenario.change({"api_base": url}, seat)
        error: Any = scenario.ask().error
        headers_back = getattr(getattr(error, "response", None), "headers", {"location": ""})
        yield Check("the client is not sent elsewhere", error is not None and "location" not in headers_back)
    yield Check("no redirect is followed", not elsewhere.requests)


def _hostile(there: bytes) -> dict[str, tuple[bytes, bytes]]:
    """Return requests that name another host: the target and the headers of each, by its name."""
    chat = _CHAT.encode()
    return {
        "an absolute target": (b"http://" + there + chat, b""),
        "another host": (chat, b"Host: " + there + b"\r\n"),
        "a forwarded host": (chat, b"X-Forwarded-Host: " + there + b"\r\nForwarded: host=" + there + b"\r\n"),
        "a base URL in a header": (chat, b"X-Base-Url: http://" + there + b"\r\nOpenAI-Base-Url: http://" + there + b"\r\n"),
        "a line break in a header": (chat, b"X-A: a\rHost: " + there + b"\r\n"),
        "a second request in a header": (chat, b"X-A: a\r\n b: c\nGET http://" + there + b"/ HTTP/1.1\r\n"),
    }


_PATHS: Final = (
    b"/v1/../../etc/passwd",
    b"/v1/chat/completions/../../files",
    b"/v1/%2e%2e/chat/completions",
    b"/v1//chat/completions",
    b"/v1/chat/completions%00",
    b"/v1beta/models/..%2f..%2fx:generateContent",
    b"/openai/deployments/../../chat/completions",
    b"//elsewhere.example/v1/chat/completions",
)


def _sent_by_hand(port: int, target: bytes, headers: bytes, body: bytes) -> int | None:
    """Send a request that no HTTP library would send; return the answer's status.

    None: there was no answer, or it was not HTTP.
    """
    usual = b"" if b"Host:" in headers else b"Host: 127.0.0.1\r\n"
    head = b"POST " + target + b" HTTP/1.1\r\n" + usual + headers + b"Authorization: " + BEARER.encode() + b"\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        one.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        first = one.makefile("rb").readline()
    return int(first.split()[1]) if first.startswith(b"HTTP/1.1 ") else None


@contextmanager
def _redirecting(elsewhere: str) -> Iterator[str]:
    """Serve a provider that redirects each request to `elsewhere`; hand out its base URL."""

    class Pointing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(307)
            self.send_header("location", elsewhere)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Keep the server from writing to standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Pointing) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


_REFUSED: Final = "4xx with a clear error in OpenAI's shape"
ROTATION: Final = (
    Row(
        "M11",
        "a key rotated with 100 requests in flight",
        "none fails",
        "the old key drains, the new one follows",
        _m11,
        THROUGH,
        alone=True,
    ),
)
ROWS: Final = (
    Row("C01", "no JSON, wrong type, 100 MB, unknown model, no key", _REFUSED, "no request", _c01, THROUGH),
    C02,
    Row("C03", "injected headers, strange paths, a redirect elsewhere", "refused", "no credential at another host", _c03, THROUGH),
    C04,
)
