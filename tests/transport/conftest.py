"""A simulator, and providers whose connections must be closed when a test ends."""

import gzip
import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

from sparekey.lab.simulator import Simulator

_numbers = itertools.count()


@pytest.fixture(scope="package")
def simulator():
    """One simulator for all tests here."""
    with Simulator(time_scale=0.01) as made:
        yield made


@pytest.fixture
def provide(simulator):
    """Start providers `first1`, `second1` ...; each takes only its own key and model. Afterwards no connection may be open."""
    made = []

    def start(*names, wire="openai", **fields):
        for name in names:
            unique = f"{name}{next(_numbers)}"
            made.append(simulator.provider(unique, wire=wire, **{"keys": (f"key-{unique}",), "models": (f"model-{unique}",), **fields}))
        return made[-len(names) :]

    yield start
    for provider in made:
        # far more than the five seconds for which an engine may keep an idle connection
        assert provider.wait_for(lambda p: p.open_connections == 0, timeout=15.0), f"{provider.name} still has connections"


@pytest.fixture
def gzip_proxy():
    """Give the URL of a proxy that compresses what a provider says; paths with `/redirect` are sent elsewhere."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Gzip) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.bases = {}

        def start(base_url):
            name = f"p{len(server.bases)}"
            server.bases[name] = base_url
            return f"http://127.0.0.1:{server.server_port}/{name}"

        yield start
        server.shutdown()
        thread.join()


class _Gzip(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if "/redirect" in self.path:
            self.send_response(307)
            self.send_header("location", "http://127.0.0.2:9/v1/chat/completions")
            self.end_headers()
            return
        name, _, path = self.path[1:].partition("/")
        headers = {"authorization": self.headers["authorization"], "content-type": "application/json"}
        answer = httpx2.post(f"{self.server.bases[name]}/{path}", content=body, headers=headers)
        packed = gzip.compress(answer.content)
        self.send_response(answer.status_code)
        self.send_header("content-type", answer.headers["content-type"])
        self.send_header("content-encoding", "gzip")
        self.send_header("content-length", str(len(packed)))
        self.end_headers()
        self.wfile.write(packed)

    def log_message(self, *args):
        """Say nothing."""
