"""One loop: sync transport, asynchronous transport and gateway write the same request to the same hosts equally often."""

import asyncio
import json
import socket
import struct
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest
from gateway_play import SETTINGS, Running

from sparekey.config import EmbeddingModelConfig, VLMConfig
from sparekey.transport import http_client

SEATS = "abc"
CHAT = {"messages": [{"role": "user", "content": "hi"}]}
CHOICE = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Under the mat."}}
ANSWERS = {
    "chat/completions": {"id": "c", "object": "chat.completion", "model": "m", "choices": [CHOICE]},
    "embeddings": {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]},
    "images/generations": {"created": 1, "data": [{"b64_json": "aGk="}]},
    "audio/transcriptions": {"text": "Under the mat."},
    "files": {"id": "file-1", "object": "file", "bytes": 2, "created_at": 1, "filename": "a", "purpose": "batch"},
}
REQUESTS = {
    "chat": ("chat/completions", CHAT),
    "stream": ("chat/completions", {**CHAT, "stream": True}),
    "embeddings": ("embeddings", {"input": "hi"}),
    "images": ("images/generations", {"prompt": "a key"}),
    "speech": ("audio/speech", {"input": "hi", "voice": "alloy"}),
    "transcriptions": ("audio/transcriptions", {"file": b"wav"}),
    "files": ("files", {"file": b"{}", "purpose": "batch"}),
}
"""What is asked for: a resource with its fields; bytes are a file of a form."""
FAULTS = {
    "503": (503, {"message": "The server is overloaded.", "type": "server_error", "code": None}),
    "429": (429, {"message": "Rate limit reached.", "type": "requests", "code": "rate_limit_exceeded"}),
    "401": (401, {"message": "Incorrect API key provided.", "type": "invalid_request_error", "code": "invalid_api_key"}),
    "404": (404, {"message": "Not found.", "type": "invalid_request_error", "code": None}),
    "400": (400, {"message": "Invalid value for 'prompt'.", "type": "invalid_request_error", "param": "prompt", "code": "invalid_value"}),
}
FAULTY = (*FAULTS, "reset", "cut")
DOWN = ("a", "ab", "abc")
"""Whose hosts have the fault."""
CASES = [(kind, fault, DOWN) for kind in REQUESTS for fault in FAULTY] + [(kind, "silent", "a") for kind in ("chat", "stream", "images")]
SETTING = {"backoff": 0.01, "max_backoff": 0.01, "retry_delay": 0.01}
TIMEOUT = {"silent": 1.5}
GATEWAY_LACKS = {"files"}


class Host(BaseHTTPRequestHandler):
    """`/CHAIN/SEAT/v1/RESOURCE`: `CHAIN` is KIND~FAULT~DOWN~WAY; counts what was written to it, by chain and seat."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        _, chain, seat, _, resource = self.path.split("/", 4)
        _, fault, down, _ = chain.split("~")
        self.server.written[chain, seat] += 1
        if seat not in down:
            return self.answer(resource, stream=b'"stream":true' in body.replace(b" ", b""))
        if fault in FAULTS:
            status, error = FAULTS[fault]
            return self.say(json.dumps({"error": error}).encode(), status=status)
        self.close_connection = True
        if fault == "silent":
            self.server.awake.wait(20)
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault == "cut":
            self.wfile.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n{"id"')
        return None

    def answer(self, resource, *, stream):
        if resource == "audio/speech":
            self.say(bytes(999), "audio/mpeg")
        elif stream:
            choice = {"index": 0, "delta": {"content": "Under the mat."}, "finish_reason": "stop"}
            event = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}
            self.say(f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode(), "text/event-stream")
        else:
            self.say(json.dumps(ANSWERS[resource]).encode())

    def say(self, data, media_type="application/json", status=200):
        self.send_response(status)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(data)))
        self.send_header("connection", "close")  # an idle connection that is lost would be one more write
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        """Say nothing."""


class Hosts(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *args):
        """A client that leaves is expected."""


@pytest.fixture(scope="module")
def hosts():
    """Three hosts, one a credential; what is written to them is counted in one place."""
    made, written, awake = [Hosts(("127.0.0.1", 0), Host) for _ in SEATS], Counter(), threading.Event()
    threads = [threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01}) for one in made]
    for one, thread in zip(made, threads, strict=True):
        one.written, one.awake = written, awake
        thread.start()
    yield made
    awake.set()
    for one, thread in zip(made, threads, strict=True):
        one.shutdown()
        thread.join()
        one.server_close()


def chain_name(kind, fault, down, way):
    return f"{kind}~{fault}~{down}~{way}"


def base(host, name, seat):
    return f"http://127.0.0.1:{host.server_port}/{name}/{seat}/v1"


def timeout(name):
    """Seconds of silence after which an attempt has failed: a host that is well must answer within them, however busy the machine is."""
    return TIMEOUT.get(name.partition("~")[2].partition("~")[0], 20.0)


def configured(hosts, kind, name):
    """A chain for the transports, with the settings that the gateway's have."""
    rows = [
        {"id": seat, "api_key": f"sk-{seat}-0123456789", "api_base": base(host, name, seat)}
        for seat, host in zip(SEATS, hosts, strict=True)
    ]
    fields = {"provider": "openai", "model": "our-own", "timeout": timeout(name), **SETTING, "credentials": rows}
    return EmbeddingModelConfig.model_validate(fields) if kind == "embeddings" else VLMConfig.model_validate(fields)


def section(hosts, kind, name):
    """The same in a gateway's file."""
    table = f'gateway.{"embedding" if kind == "embeddings" else "chat"}."{name}"'
    settings = "".join(f"{field} = {value}\n" for field, value in {"timeout": timeout(name), **SETTING}.items())
    rows = "".join(
        f'[[{table}.credentials]]\nid = "{seat}"\napi_key = "sk-{seat}-0123456789"\napi_base = "{base(host, name, seat)}"\n'
        for seat, host in zip(SEATS, hosts, strict=True)
    )
    return f'[{table}]\nprovider = "openai"\nmodel = "our-own"\n{settings}{rows}'


@pytest.fixture(scope="module")
def gateway(hosts, tmp_path_factory):
    file = tmp_path_factory.mktemp("writes") / "sparekey.toml"
    file.write_text(SETTINGS + section(hosts, "chat", "chat"))
    made = Running(file)
    with httpx2.Client(verify=False, timeout=20) as made.client:
        yield made
    made.stop()


def path(kind):
    return f"/v1/{REQUESTS[kind][0]}"


def fields(kind, model):
    """Return the body of a request as httpx takes it: JSON, or a form."""
    given = {"model": model, **REQUESTS[kind][1]}
    files = {name: ("a", value) for name, value in given.items() if isinstance(value, bytes)}
    return {"files": files, "data": {n: v for n, v in given.items() if n not in files}} if files else {"json": given}


def through_sync(chain, kind):
    with http_client(chain, verify=False) as client:  # it costs much to read certificates, and nobody needs them here
        return client.post("http://any.example" + path(kind), **fields(kind, "m")).status_code


def through_async(chain, kind):
    async def asked():
        async with http_client(chain, asynchronous=True, verify=False) as client:
            return (await client.post("http://any.example" + path(kind), **fields(kind, "m"))).status_code

    return asyncio.run(asked())


def through_gateway(gateway, kind, name):
    return gateway.client.post(gateway.url + path(kind), **fields(kind, name)).status_code


def asked(hosts, gateway, kind, name, way):
    """Ask once; return how often each host was written to, and the status, or what was raised."""
    try:
        if way == "gateway":
            told = through_gateway(gateway, kind, name)
        else:
            told = (through_sync if way == "sync" else through_async)(configured(hosts, kind, name), kind)
    except httpx2.HTTPError as exc:
        told = type(exc).__name__
    return [hosts[0].written[name, seat] for seat in SEATS], told


@pytest.mark.parametrize(("kind", "fault", "downs"), CASES, ids=[f"{kind}-{fault}" for kind, fault, _ in CASES])
def test_every_way_in_writes_equally_often(hosts, gateway, kind, fault, downs):
    """No host is written to more than twice, and the same ones are, whichever way the request came in."""
    ways = ["sync", "async"] if kind in GATEWAY_LACKS else ["sync", "async", "gateway"]
    if "gateway" in ways:
        gateway.write(SETTINGS + "".join(section(hosts, kind, chain_name(kind, fault, down, "gateway")) for down in downs))
    with ThreadPoolExecutor() as pool:
        jobs = {
            (down, way): pool.submit(asked, hosts, gateway, kind, chain_name(kind, fault, down, way), way) for down in downs for way in ways
        }
    found = {down: {way: jobs[down, way].result() for way in ways} for down in downs}
    writes = {down: [written for written, _ in each.values()] for down, each in found.items()}
    assert {down: found[down] for down, each in writes.items() if max(each) != min(each) or max(map(max, each)) > 2} == {}
