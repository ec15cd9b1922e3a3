"""A small host for the console: real chains over the simulator, real requests through them, uvicorn on a free port."""

import shutil
import socket
import threading
import time
from contextlib import contextmanager
from hashlib import sha256

import httpx2
import uvicorn

from sparekey import Chain, Credential, FailoverTransport, Secret
from sparekey.gateway.api.admin import Admin
from sparekey.gateway.console.access import Door
from sparekey.gateway.console.host import ProbeResult, Watched
from sparekey.stats.chain_stats import ChainStats

KEYS = {"team-a": "sim-secret-4f9a1c77", "team-b": "sim-secret-b2d08e13", "elsewhere": "sim-secret-77aa90c1"}
ADMIN_KEY = "an-admin-key-of-many-characters"
BROWSER = shutil.which("chromium")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


class Stage:
    """The host: two chains, `chat` with three credentials and `embedding` with one."""

    def __init__(self, simulator, name="", clock=time.time, keys=KEYS):
        self.clock, self.keys = clock, keys
        self.providers = {i: simulator.provider(f"{name}{n}", keys=[key]) for n, (i, key) in enumerate(keys.items())}
        self.said = {"path": "sparekey.toml", "loaded_at": time.time(), "error": None}
        self.kept = {"kind": "memory", "away": None}
        self.watched = {"chat": self.watch(keys, "gpt-4.1-mini"), "embedding": self.watch([*keys][1:2], "text-embedding-3-small")}

    def watch(self, ids, model):
        """Return a chain of these credentials with its stats."""

        def credential(i):
            return Credential(
                i, "openai", model, account=f"acme-{i[-1]}", endpoint=self.providers[i].base_url, api_key=Secret(self.keys[i])
            )

        credentials = [credential(i) for i in ids]
        chain, stats = Chain(credentials), ChainStats(self.clock)
        chain.add_hook(stats)
        return Watched(chain, stats, "openai", {i: self.providers[i] for i in ids})

    # what the console asks a host for

    stopping = False

    @property
    def chains(self):
        return self.watched

    def config(self):
        return self.said

    def store(self):
        return self.kept

    async def trial(self, chain, credential):
        """As the gateway does it: a real request, and the chain's own reading of what came."""
        watched, provider = self.watched[chain], self.providers[credential]
        start = time.perf_counter()
        body = {"model": "m", "messages": [{"role": "user", "content": "yes?"}]}
        async with httpx2.AsyncClient(headers={"authorization": f"Bearer {self.keys[credential]}"}) as client:
            response = await client.post(f"{provider.base_url}/chat/completions", json=body)
        try:
            response.raise_for_status()
        except httpx2.HTTPStatusError as exc:
            return ProbeResult(time.perf_counter() - start, watched.chain.classify(exc))
        return ProbeResult(time.perf_counter() - start)

    # what tests do with it

    @property
    def chat(self):
        return self.watched["chat"].chain

    def ask(self, times=1, *, stream=False):
        """Send requests through the chain; return the last status."""
        body = {"model": "m", "messages": [{"role": "user", "content": "Where is the key?"}], "stream": stream}
        with httpx2.Client(transport=FailoverTransport(self.chat), base_url="http://chain.invalid/v1") as client:
            for _ in range(times):
                response = client.post("/chat/completions", json=body)
        return response.status_code


@contextmanager
def serving(app, port=0):
    """Serve an ASGI application, on a free port or on one that was served before; yield its URL."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=2))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.005)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            if hasattr(app, "close"):
                app.close()
            server.should_exit = True
            thread.join()


@contextmanager
def console(stage, *, key="", metrics=None, port=0):
    """Serve the console of a stage; yield its URL."""
    digest = sha256(key.encode()).hexdigest() if key else ""
    with serving(Admin(stage, Door(lambda: digest, pause=0.0, clock=stage.clock), metrics=metrics), port) as url:
        yield url
