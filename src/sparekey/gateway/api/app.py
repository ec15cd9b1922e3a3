"""The gateway as an ASGI application: it takes requests and has chains answer them.

The hot path is plain ASGI without a framework: read path, key and body, send the request through
its chain, pass on the answer's bytes.
"""

from __future__ import annotations

import json
import secrets
import time
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.gateway.api import replies
from sparekey.gateway.api.access import Access
from sparekey.gateway.api.get_routes import METHODS
from sparekey.gateway.api.replies import GatewayReply
from sparekey.gateway.api.request_handler import RequestHandler
from sparekey.gateway.api.served_chains import REAL, Served, Timing, serve
from sparekey.gateway.http.protocol import ATTEMPT
from sparekey.gateway.observe.chain_health import Level, health

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sparekey.config import Config
    from sparekey.config.gateway import GatewayConfig
    from sparekey.gateway.api.request_handler import Finished, Scope
    from sparekey.gateway.observe.log_thread import Writer
    from sparekey.gateway.quick.attempt import QuickAttempt
    from sparekey.gateway.quick.path import QuickPath
    from sparekey.gateway.upstream.pool import UpstreamClient
    from sparekey.stats.chain_stats import End

_ADMIN: Final = ("/admin", "/console", "/metrics")


class State(NamedTuple):
    """What the gateway makes of a configuration.

    A reload replaces it as a whole; a running request keeps the one with which it began.
    """

    config: GatewayConfig
    access: Access
    chains: Mapping[str, Served]
    by_name: Mapping[str, Served]
    loaded_at: float
    fault: str = ""
    """Why a newer configuration was refused; "" if none was."""


class Gateway:
    """Serves the chains of a configuration over HTTP, as an ASGI application.

    Attributes:
        state: chains, access and limits; `reload` replaces them.
        draining: whether it is about to stop: `/readyz` says so, and it refuses new requests.
        admin: the application for `/admin`, `/console` and `/metrics`; None: they do not exist.
        observers: called with each finished request.
        newcomers: called with each chain of a reloaded configuration before it is served.
        quick: serves ordinary requests without this application; None: it serves all.
        log: the thread that writes its log; None: it has none of its own.
        ends: returns how the last calls of a chain ended, by its name; empty without statistics.
    """

    def __init__(self, config: Config, client: UpstreamClient, *, store: Any = None, timing: Timing = REAL) -> None:
        """Create a gateway for a configuration.

        Args:
            config: the configuration; each reference to a key must point to one.
            client: the connections to the providers; the gateway closes them when it stops.
            store: keeps the chains' state, from `sparekey.stores.open_store`; None: in memory.
            timing: clock and randomness of the chains; the drill replaces them.

        Raises:
            ConfigError: the configuration cannot be served.
        """
        self.client, self.store, self._timing = client, store, timing
        self.draining = False
        self.admin: Any = None
        self.observers: list[Callable[[Finished], None]] = []
        self.newcomers: list[Callable[[Served], None]] = []
        self.log: Writer | None = None
        self.quick: QuickPath | None = None
        self.ends: Callable[[str], Sequence[End]] = lambda _: ()
        self._prefix, self._count = secrets.token_hex(4), count(1)
        self.running = 0
        self.state = self._made(config, None)

    @property
    def chains(self) -> Mapping[str, Served]:
        """The chains by name."""
        return self.state.chains

    def reload(self, config: Config) -> None:
        """Serve another configuration from now on. Running requests keep the one they began with.

        Raises:
            ConfigError: it cannot be served; the old one stays in use.
        """
        self.state = self._made(config, self.state.chains)

    def refuse(self, fault: str) -> None:
        """Note why a newer configuration cannot be used; `/readyz` shows it. The old one stays."""
        self.state = self.state._replace(fault=fault)

    def _made(self, config: Config, old: Mapping[str, Served] | None) -> State:
        from sparekey.config.gateway import GatewayConfig  # noqa: PLC0415 - pydantic models are made when they are needed

        settings = config.gateway or GatewayConfig()
        access = Access(settings)
        chains = serve(config, self.client, self.store, old, self._timing)
        for newcomer in self.newcomers:
            for served in chains.values():
                newcomer(served)
        return State(settings, access, chains, {name: one for one in chains.values() for name in one.names}, time.time())

    async def __call__(self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        """Serve one ASGI request, or the application's lifespan."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})

    async def _lifespan(self, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self.client.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})

    async def _http(self, scope: Scope, receive: Any, send: Any) -> None:
        path: str = scope["path"]
        if path.startswith("/v1"):
            pass
        elif path in _HEALTH and scope["method"] in METHODS:
            await _whole(send, _HEALTH[path](self, scope["query_string"]))
            return
        elif self.admin is not None and path.startswith(_ADMIN):
            if self.quick is not None:
                self.quick.batch.flush()
            await self.admin(scope, receive, send)
            return
        if self.quick is not None:
            self.quick.batch.flush()
        attempt: QuickAttempt | None = scope.get(ATTEMPT)
        handler = RequestHandler(self, scope, receive, send, self.number() if attempt is None else attempt.request_id)
        self.running += 1
        try:
            await handler.serve()
        finally:
            self.running -= 1
            finished = handler.finished()
            for observer in self.observers:
                observer(finished)

    def number(self) -> str:
        """Return the number of one more request."""
        return f"{self._prefix}-{next(self._count):x}"

    def healthy(self, _query: bytes = b"") -> GatewayReply:
        """Return the answer of `/healthz`: 200 as long as the process runs."""
        return GatewayReply(200, [replies.JSON], b'{"status":"ok"}')

    def ready(self, query: bytes = b"") -> GatewayReply:
        """Return the answer of `/readyz`: readiness, each chain's level, a refused configuration.

        A chain that is down does not make the gateway unready: its providers are to blame, and only
        requests can find out that they work again. With `?chains=strict`, for monitoring, a chain
        that is down gives a 503.
        """
        levels = self.levels()
        strict = b"chains=strict" in query.split(b"&")
        status = "draining" if self.draining else "down" if strict and Level.DOWN in levels.values() else "ready"
        body = {"status": status, "chains": list(levels), "levels": levels}
        if self.state.fault:
            body["configuration"] = "the changed configuration was refused, the one before is in use; the log says why"
        return GatewayReply(200 if status == "ready" else 503, [replies.JSON], json.dumps(body).encode())

    def levels(self) -> dict[str, Level]:
        """Return the level of each chain by its name."""
        wall = time.time()
        chains = ((name, one.chain) for name, one in self.state.chains.items())
        return {name: health(chain.pool, chain.state, chain.clock(), self.ends(name), wall).level for name, chain in chains}


_HEALTH: Final[dict[str, Callable[[Gateway, bytes], GatewayReply]]] = {"/healthz": Gateway.healthy, "/readyz": Gateway.ready}


async def _whole(send: Any, reply: GatewayReply) -> None:
    length = (b"content-length", b"%d" % len(reply.body))
    await send({"type": "http.response.start", "status": reply.status, "headers": [*reply.headers, length]})
    await send({"type": "http.response.body", "body": reply.body})
