"""Exceptions by their structure: real ones of real libraries, over real sockets where they need one."""

import asyncio
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sparekey.classify import Classifier, classify
from sparekey.errors import AllCredentialsFailedError, CircuitBreakerOpen, CredentialParkedError, DeadlineExceeded
from sparekey.types import ErrorClass, Scope

QUOTA = {"error": {"message": "You exceeded your current quota.", "type": "insufficient_quota", "code": "insufficient_quota"}}
RATE = {"error": {"message": "Rate limit reached on requests per min.", "type": "requests", "code": "rate_limit_exceeded"}}
KEY = {"error": {"message": "Incorrect API key provided.", "type": "invalid_request_error", "code": "invalid_api_key"}}
ANSWERS = {
    "quota": (429, {}, QUOTA),
    "rate": (429, {"Retry-After": "7"}, RATE),
    "key": (401, {}, KEY),
    "down": (503, {}, "<html>503 Service Unavailable</html>"),
}
EXPECTED = {"quota": ErrorClass.QUOTA_EXCEEDED, "rate": ErrorClass.TRANSIENT, "key": ErrorClass.AUTH, "down": ErrorClass.TRANSIENT}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, body = ANSWERS[self.path.split("/")[1]]
        payload = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(payload))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    """Return the base URL of a server that answers with the error that the path names."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http.server_address[1]}"
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def closed_port():
    """Return a port at which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def caught(call):
    with pytest.raises(Exception) as info:
        call()
    return info.value


def with_openai(base, timeout=5):
    import openai

    with openai.OpenAI(api_key="sk-x", base_url=base, max_retries=0, timeout=timeout) as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])


def with_anthropic(base):
    import anthropic

    with anthropic.Anthropic(api_key="sk-x", base_url=base, max_retries=0) as client:
        client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}])


def with_gemini(base):
    from google import genai

    client = genai.Client(api_key="x", http_options={"base_url": base})
    try:
        client.models.generate_content(model="m", contents="x")
    finally:
        client.close()


def with_httpx(base):
    import httpx

    httpx.post(base).raise_for_status()


def with_httpx2(base):
    import httpx2

    httpx2.post(base).raise_for_status()


def with_requests(base):
    import requests

    requests.post(base, timeout=5).raise_for_status()


def with_aiohttp(base):
    import aiohttp

    async def call():
        async with aiohttp.ClientSession() as session, session.post(base) as response:
            response.raise_for_status()

    asyncio.run(call())


def with_urllib(base):
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        urlopen(base, data=b"x", timeout=5).close()
    except HTTPError as exc:
        exc.close()
        raise


SDKS = [with_openai, with_anthropic, with_gemini]
HTTP = [with_httpx, with_httpx2, with_requests, with_aiohttp, with_urllib]


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("call", SDKS)
def test_what_an_sdk_raises_for_an_answer(call, kind, server):
    """The SDK's own exception gives class, status and wait."""
    failure = classify(caught(lambda: call(f"{server}/{kind}")))
    assert (failure.error_class, failure.status) == (EXPECTED[kind], ANSWERS[kind][0])
    if kind == "rate" and call is not with_gemini:  # its SDK drops the headers of the answer
        assert failure.retry_after == 7


@pytest.mark.parametrize("kind", ["rate", "key", "down"])
@pytest.mark.parametrize("call", HTTP)
def test_what_an_http_client_raises_for_an_answer(call, kind, server):
    """A bare HTTP client's status error has at least the status, and its wait."""
    failure = classify(caught(lambda: call(f"{server}/{kind}")))
    assert (failure.error_class, failure.status) == (EXPECTED[kind], ANSWERS[kind][0])
    assert failure.retry_after == (7 if kind == "rate" else None)


@pytest.mark.parametrize("call", [*SDKS, *HTTP])
def test_nobody_listens(call, closed_port):
    """A refused connection reached nobody, whichever library tells it."""
    failure = classify(caught(lambda: call(f"http://127.0.0.1:{closed_port}/x")))
    assert (failure.error_class, failure.unreached, failure.timed_out) == (ErrorClass.TRANSIENT, True, False)


@pytest.mark.parametrize("library", ["httpx", "httpx2", "openai"])
def test_silence_is_a_timeout(library):
    """A server that accepts and says nothing is a timeout, and was reached."""
    import httpx
    import httpx2

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        calls = {
            "httpx": lambda: httpx.get(url, timeout=0.05),
            "httpx2": lambda: httpx2.get(url, timeout=0.05),
            "openai": lambda: with_openai(url, timeout=0.05),
        }
        failure = classify(caught(calls[library]))
    assert (failure.error_class, failure.timed_out, failure.unreached) == (ErrorClass.TRANSIENT, True, False)


def test_botocore_client_error():
    """A client error of botocore hides code and status in its response dictionary."""
    from botocore.exceptions import ClientError, EndpointConnectionError

    meta = {"HTTPStatusCode": 400, "HTTPHeaders": {"retry-after": "3"}}
    failure = classify(
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "Too many requests"}, "ResponseMetadata": meta}, "Converse")
    )
    assert (failure.error_class, failure.status, failure.retry_after) == (ErrorClass.TRANSIENT, 400, 3)
    assert classify(EndpointConnectionError(endpoint_url="https://x")).unreached


def test_grpc_error(closed_port):
    """A gRPC error tells its code and details by methods."""
    import grpc

    with grpc.insecure_channel(f"127.0.0.1:{closed_port}") as channel:
        exc = caught(lambda: channel.unary_unary("/x/y")(b"", timeout=2))
    assert classify(exc).error_class == ErrorClass.TRANSIENT


@pytest.mark.parametrize(
    "exc",
    [
        FileNotFoundError(2, "No such file", "a.png"),
        PermissionError(13, "Permission denied"),
        IsADirectoryError(21, "x"),
        NotADirectoryError(20, "x"),
    ],
)
def test_file_system_errors_are_permanent_also_as_a_cause(exc):
    """No other credential finds the file."""
    wrapper = RuntimeError("could not read the image")
    wrapper.__cause__ = exc
    assert classify(exc).error_class == classify(wrapper).error_class == ErrorClass.PERMANENT


def test_an_explicit_cause_decides_for_a_wrapper_without_structure():
    """A plain wrapper says nothing: the provider's exception behind it does."""
    import httpx
    import openai

    answer = httpx.Response(401, json=KEY, request=httpx.Request("POST", "http://x"))
    cause = openai.AuthenticationError("Incorrect API key provided", response=answer, body=KEY["error"])
    wrapper = RuntimeError("the answer could not be made")
    wrapper.__cause__ = cause
    assert classify(wrapper).error_class == classify(cause).error_class == ErrorClass.AUTH


def test_what_was_being_handled_does_not_overrule():
    """The second provider's 400 is not read as the first one's 401 that was being handled."""
    first, second = type("E", (Exception,), {"status_code": 401})("no"), type("E", (Exception,), {"status_code": 400})("Bad request")
    second.__context__ = first
    assert classify(second).error_class == ErrorClass.PERMANENT
    vague = type("E", (Exception,), {"status_code": 400})("bad thing")
    vague.__context__ = first
    assert classify(vague).error_class in {ErrorClass.PERMANENT, ErrorClass.UNKNOWN}


@pytest.mark.parametrize(
    ("exc", "reason"), [(asyncio.CancelledError(), "cancelled"), (GeneratorExit(), "cancelled"), ("pool", "pool_timeout")]
)
def test_what_blames_nobody(exc, reason):
    """Cancellation and our own limit of connections blame the request, no credential."""
    import httpx

    failure = classify(httpx.PoolTimeout("pool") if exc == "pool" else exc)
    assert (failure.error_class, failure.reason, failure.scope) == (ErrorClass.TRANSIENT, reason, Scope.REQUEST)


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["auth", "transient"], "transient"),
        (["auth", "quota_exceeded"], "quota_exceeded"),
        (["auth", "auth"], "auth"),
        (["auth", "model_not_found"], "unknown"),
        ([], "unknown"),
    ],
)
def test_an_exhausted_chain_is_read_from_its_entries(classes, expected):
    """Transient if any is, quota if any is, auth only if all are."""
    exc = AllCredentialsFailedError([(f"c{i}", c, ValueError("x"), i) for i, c in enumerate(classes)], retry_after=12)
    assert (classify(exc).error_class, classify(exc).retry_after) == (expected, 12)


def test_our_own_exceptions():
    """Parked, open and late are passing; late is a timeout."""
    assert classify(CredentialParkedError("a", "quota", 9)).retry_after == 9
    assert classify(CircuitBreakerOpen("open")).error_class == ErrorClass.TRANSIENT
    assert classify(DeadlineExceeded("late")).timed_out


@pytest.mark.parametrize("exc", [ValueError("x"), TypeError("y is undefined"), KeyError("z"), RuntimeError(), Exception("")])
def test_a_bug_is_unknown(exc):
    """An exception that tells nothing of a provider is not made into something."""
    assert classify(exc).error_class == ErrorClass.UNKNOWN


def test_hostile_exceptions_are_read_all_the_same():
    """Failing `__str__`, failing properties and circular causes do no harm."""

    class HostileError(Exception):
        status_code = 429

        def __str__(self):
            raise ValueError("no")

        @property
        def body(self):
            raise RuntimeError("no")

    exc = HostileError("too many")
    exc.__cause__ = exc
    assert classify(exc).error_class == ErrorClass.TRANSIENT


def test_the_path_to_the_verdict_is_told_on_request():
    """With `trace`, every level of evidence and the deciding rule are lines."""
    failure = Classifier().classify(RuntimeError(f"Error code: 429 - {QUOTA}"), trace=True)
    assert any("insufficient_quota" in line for line in failure.trace)
    assert failure.trace[-1].startswith("decided by code: insufficient_quota")
    assert classify(RuntimeError("x")).trace == ()


def test_a_key_that_cannot_stand_in_a_header_is_a_bad_key(server):
    """Such a key is refused by httpx before it is sent, and the SDK calls that a connection error."""
    import openai

    def call():
        with openai.OpenAI(api_key="sk-x\n", base_url=f"{server}/down", max_retries=0) as client:
            client.models.list()

    assert classify(caught(call)).error_class == ErrorClass.AUTH
