"""A gateway as clients meet it: uvicorn on a free port in a thread of its own, simulated providers behind it, real sockets around it."""

import asyncio
import contextlib
import http.client
import json
import threading
import time
from hashlib import sha256

import pytest

server = pytest.importorskip("sparekey.gateway.process.server", reason="the extra `gateway` is not installed (uvicorn, uvloop, httptools)")

both = pytest.mark.parametrize("upstream", ["httptools", "aiohttp"])
"""Whatever connects to providers must do alike."""
KEYS = ("sk-first-00000000000000", "sk-second-1111111111111", "sk-third-222222222222222")


ADMIN_KEY = "an-admin-key-of-many-characters"
"""The key of a gateway with `ADMIN` in its section; what asks for its state here always sends it."""
ADMIN = f'admin_key_sha256 = "{sha256(ADMIN_KEY.encode()).hexdigest()}"\n'


class Running:
    """A gateway that runs. Its methods may be called from the test's thread."""

    def __init__(self, file):
        self.file, self.url, self.application, self.server = file, "", None, None
        self.finished, self.fault = [], None
        self._up, self._down, self._loop = threading.Event(), None, None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._up.wait(60)
        if self.fault:
            raise self.fault

    @property
    def gateway(self):
        return self.application.gateway

    @property
    def port(self):
        return int(self.url.rpartition(":")[2])

    def _run(self):
        try:
            asyncio.run(self._serve())
        except Exception as exc:
            self.fault = exc
        finally:
            self._up.set()

    async def _serve(self):
        self._loop, self._down = asyncio.get_running_loop(), asyncio.Event()
        async with server.running(server.ServeSettings(self.file)) as (self.server, self.application, self.url):
            self.gateway.observers.append(self.finished.append)
            self._up.set()
            await self._down.wait()

    def do(self, fn):
        """Call something in the gateway's own thread."""

        async def called():
            return fn()

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result(10)

    def write(self, text):
        """Change the configuration's file and have it read."""
        self.file.write_text(text)
        self.do(self.application.reload)

    def ask(self, method="POST", path="/v1/chat/completions", body=None, **headers):
        """Make one request; return status, headers and JSON (or bytes)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            data = json.dumps(body).encode() if isinstance(body, dict) else body
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            if path.startswith(("/admin", "/metrics")):
                sent = {"authorization": f"Bearer {ADMIN_KEY}", **sent}
            connection.request(method, path, data, {"content-type": "application/json", **sent})
            response = connection.getresponse()
            raw = response.read()
            told = {name.lower(): value for name, value in response.getheaders()}
            return response.status, told, json.loads(raw) if raw and "json" in told.get("content-type", "") else raw

    def last(self, count):
        """Return the last request once so many have ended: the answer may be here a little before its entry."""
        deadline = time.monotonic() + 5
        while len(self.finished) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.finished[-1]

    def stop(self):
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._down.set)
        self._thread.join(30)
        assert not self._thread.is_alive()


def chain(section, providers, *, model="gpt-4o-mini", provider="openai", keys=KEYS, extra=""):
    """Return a chain in TOML whose credentials go to simulated providers."""
    rows = [
        f'[[{section}.credentials]]\nid = "{one.name}"\napi_key = "{key}"\napi_base = "{one.base_url}"\n'
        for one, key in zip(providers, keys, strict=False)
    ]
    return f'[{section}]\nprovider = "{provider}"\nmodel = "{model}"\n{extra}\n' + "\n".join(rows)


SETTINGS = "\n[gateway]\nport = 0\naccess_log = false\n"


def question(**more):
    """Return a chat request."""
    return {"model": "chat", "messages": [{"role": "user", "content": "Where is the spare key?"}], **more}
