"""The gateway as an ASGI application: a request comes in, a chain answers it.

What is on the hot path is plain ASGI: reading the path, the key and the body, one walk through a chain, and its answer's bytes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from contextlib import aclosing
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.errors import AllCredentialsFailedError, DeadlineExceeded, SparekeyError
from sparekey.gateway import answers, routes
from sparekey.gateway.access import ANYBODY, Access, Caller
from sparekey.gateway.answers import RefusalError, Reply
from sparekey.gateway.intake import ClientGoneError, Present, body_of, checked
from sparekey.gateway.ledger import Ledger, current
from sparekey.gateway.lib import ByteStream, TransportError
from sparekey.gateway.reads import METHODS, read
from sparekey.gateway.served import REAL, Served, Timing, serve
from sparekey.transport.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from sparekey.config import Config
    from sparekey.config.gateway import GatewayConfig
    from sparekey.gateway.lib import Raw, Response
    from sparekey.gateway.upstream import Client
    from sparekey.gateway.writer import Writer
    from sparekey.transport.following import Item
    from sparekey.types import Attempt, Usage
    from sparekey.wire.model import Call

logger = logging.getLogger("sparekey")

Scope = dict[str, Any]
_KEPT_BACK: Final = frozenset(
    {
        *(b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"upgrade", b"trailer", b"te", b"date", b"server"),
        *(b"set-cookie", b"www-authenticate", b"proxy-authenticate", b"alt-svc", b"strict-transport-security", b"location"),
        *(b"openai-organization", b"openai-project", b"x-should-retry", b"clear-site-data"),
        *(b"x-sparekey-credential", b"x-sparekey-attempts", b"x-sparekey-request-id"),
    }
)
"""Headers of a provider that say nothing to the client: about its connection, or about whose account it is; and those that are ours."""
_ADMIN: Final = ("/admin", "/console", "/metrics")


class Finished(NamedTuple):
    """One request, when all is over.

    Attributes:
        request_id: its number in the log and in the answer's headers.
        client: the name of the client; "" where no keys are asked for.
        chain: the name of the chain; "" if it came to none.
        method: the HTTP method.
        path: its path, without the query.
        status: the status of the answer; 499 if the client left before there was one.
        stream: whether the answer came in events.
        attempts: the ledger.
        credential: who answered, or "".
        seconds: from its headers to the end of the answer.
        overhead: seconds of that which no provider is to blame for.
        usage: the tokens that the provider counted.
        left: whether the client went before the end.
        first_content: seconds to the first content of a stream; None of other answers.
    """

    request_id: str
    client: str = ""
    chain: str = ""
    method: str = ""
    path: str = ""
    status: int = 0
    stream: bool = False
    attempts: tuple[Attempt, ...] = ()
    credential: str = ""
    seconds: float = 0.0
    overhead: float = 0.0
    usage: Usage | None = None
    left: bool = False
    first_content: float | None = None


class State(NamedTuple):
    """What a configuration gives: it is replaced as a whole, and requests keep the one with which they began."""

    config: GatewayConfig
    access: Access
    chains: Mapping[str, Served]
    by_name: Mapping[str, Served]
    loaded_at: float
    fault: str = ""
    """Why a later configuration was refused; "" if none was."""


class Gateway:
    """Serves the chains of a configuration over HTTP.

    Attributes:
        state: chains, access and limits; `reload` replaces them.
        draining: whether it is about to stop: `/readyz` says so, new requests are refused.
        admin: takes what is below `/admin`, `/console` and `/metrics`; None: nothing is there.
        observers: called with each finished request.
        newcomers: called with each chain of a configuration that is read anew, before it is served.
        log: writes its log, if it has one of its own.
    """

    def __init__(self, config: Config, client: Client, *, store: Any = None, timing: Timing = REAL) -> None:
        """Take a configuration and the connections to the providers.

        Args:
            config: the configuration, with a key at each reference.
            client: the connections; the gateway closes them when it stops.
            store: keeps the state of the chains, from `sparekey.stores.open_store`; None: this process does.
            timing: how the chains see time and chance; for the drill.

        Raises:
            ConfigError: it cannot be served.
        """
        self.client, self.store, self._timing = client, store, timing
        self.draining = False
        self.admin: Any = None
        self.observers: list[Callable[[Finished], None]] = []
        self.newcomers: list[Callable[[Served], None]] = []
        self.log: Writer | None = None
        self._prefix, self._count = secrets.token_hex(4), count(1)
        self.running = 0
        self.state = self._made(config, None)

    @property
    def chains(self) -> Mapping[str, Served]:
        """The chains by name."""
        return self.state.chains

    def reload(self, config: Config) -> None:
        """Serve another configuration from now on. Requests that run go on with the one they began with.

        Raises:
            ConfigError: it cannot be served; the old one stays.
        """
        self.state = self._made(config, self.state.chains)

    def refuse(self, fault: str) -> None:
        """Note that a later configuration cannot be used: the old one stays, and says so."""
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
        """Serve one connection's request, as ASGI has it."""
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
            await _whole(send, _HEALTH[path](self))
            return
        elif self.admin is not None and path.startswith(_ADMIN):
            await self.admin(scope, receive, send)
            return
        visit = Visit(self, scope, receive, send, f"{self._prefix}-{next(self._count):x}")
        self.running += 1
        try:
            await visit.serve()
        finally:
            self.running -= 1
            finished = visit.finished()
            for observer in self.observers:
                observer(finished)

    def healthy(self) -> Reply:
        """Say that the process lives."""
        return Reply(200, [answers.JSON], b'{"status":"ok"}')

    def ready(self) -> Reply:
        """Say whether requests may come, and whether the last configuration was refused."""
        body = {"status": "draining" if self.draining else "ready", "chains": list(self.state.chains)}
        if self.state.fault:
            body["configuration"] = "the changed configuration was refused, the one before is in use; the log says why"
        return Reply(503 if self.draining else 200, [answers.JSON], json.dumps(body).encode())


_HEALTH: Final[dict[str, Callable[[Gateway], Reply]]] = {"/healthz": Gateway.healthy, "/readyz": Gateway.ready}


class Visit:
    """One request and its answer."""

    __slots__ = (
        *("_began", "_caller", "_chain", "_credential", "_dialect", "_gateway", "_ledger", "_left", "_receive", "_scope"),
        *("_send", "_state", "_status", "_stream", "request_id"),
    )

    def __init__(self, gateway: Gateway, scope: Scope, receive: Any, send: Any, request_id: str) -> None:
        """Take what ASGI gives."""
        self._began = time.perf_counter()
        self._gateway, self._scope, self._receive, self._send = gateway, scope, receive, send
        self.request_id, self._state = request_id, gateway.state
        self._ledger = Ledger()
        self._caller: Caller = ANYBODY
        self._chain = self._credential = ""
        self._dialect = "openai"
        self._status, self._stream, self._left = 0, False, False

    async def serve(self) -> None:
        """Answer it."""
        try:
            await self._answered()
        except RefusalError as error:
            await self._whole(answers.refusal(self._dialect, error, self.request_id), close=error.status in {408, 413, 503})
        except ClientGoneError:
            self._left = True
            self._status = self._status or 499
        except asyncio.CancelledError:
            if not self._gateway.draining or self._status:
                self._left = True
                raise
            late = RefusalError(503, "stopping", "the gateway had to stop before the answer was there; ask again, another one will answer")
            await self._whole(answers.refusal(self._dialect, late, self.request_id), close=True)
        except Exception:
            logger.exception("request %s: an error of the gateway itself", self.request_id)
            if self._status:
                raise
            bug = RefusalError(500, "gateway_error", "the gateway met an error of its own; its log says more")
            await self._whole(answers.refusal(self._dialect, bug, self.request_id), close=True)

    async def _answered(self) -> None:
        scope, state = self._scope, self._state
        headers: Raw = scope["headers"]
        path, method = scope["path"], scope["method"]
        named = dict(headers)
        self._dialect = routes.dialect_of(path, named)
        checked(named)
        if self._gateway.draining:
            raise RefusalError(503, "stopping", "the gateway is stopping; ask again, another one will answer")
        if method != "POST":
            known = state.access.reader if path == routes.DESCRIPTION else state.access.caller
            self._caller = known(named, scope["query_string"])
            names = [name for name, one in state.by_name.items() if self._caller.may(one.name)]
            await self._whole(read(path, method, self._dialect, names))
            return
        self._caller = state.access.caller(named, scope["query_string"])
        asked = routes.asked(path)
        self._dialect = asked.dialect
        body = await body_of(self._receive, named, state.config.max_body_mb << 20, state.config.body_timeout)
        query = scope["query_string"]
        target = scope["raw_path"] + b"?" + query if query else scope["raw_path"]
        call = routes.read(asked, method, target, headers, named, body)
        served = self._served(call)
        self._chain = served.name
        current.set(self._ledger)
        with Present(scope, self._receive):
            await self._relayed(served, call)

    def _served(self, call: Call) -> Served:
        """Return the chain that the client's `model` names.

        Raises:
            RefusalError: there is none, or not for this.
        """
        found = self._state.by_name.get(call.model)
        if found is None or not self._caller.may(found.name):
            known = ", ".join(name for name in self._state.chains if self._caller.may(name))
            raise RefusalError(404, "model_not_found", f"there is no model {call.model[:100]!r} here; there are: {known}")
        if found.wire != call.dialect:
            raise RefusalError(400, "wrong_format", f"the model {found.name!r} speaks the {found.wire} format, not {call.dialect}'s")
        if call.kind != found.kind and (call.kind != "other" or found.kind == "embed"):
            wanted = "embeddings" if found.kind == "embed" else "chat"
            raise RefusalError(400, "wrong_kind", f"the model {found.name!r} is for {wanted}")
        return found

    async def _relayed(self, served: Served, call: Call) -> None:
        relay = served.aside if call.kind == "other" else served.relay
        try:
            response, items = await relay.send(call)
        except Refused as refused:
            await self._whole(answers.handed(call.dialect, refused, self.request_id))
        except AllCredentialsFailedError as error:
            await self._whole(answers.exhausted(call.dialect, error, self.request_id))
        except DeadlineExceeded as error:
            raise RefusalError(504, "deadline_exceeded", str(error)) from None
        except TransportError as error:
            raise RefusalError(502, "upstream", str(error)) from None
        else:
            self._credential = response.credential_id
            if items is not None:
                await self._streamed(call, response, items)
            elif isinstance(response.stream, ByteStream):
                await self._whole(Reply(response.status_code, self._kept(served, response), response.stream.data))
            else:
                await self._passed(served, response)

    async def _streamed(self, call: Call, response: Response, items: AsyncGenerator[Item]) -> None:
        """Send a stream on. After its beginning a fault can only be told by an event."""
        self._stream = True
        async with aclosing(items):
            await self._start(response.status_code, self._kept(None, response))
            send = self._send
            try:
                async for item in items:
                    await send({"type": "http.response.body", "body": item.data, "more_body": True})
                    item.parts = ()  # it is out: nobody has to keep its events while the next one is waited for
            except (SparekeyError, Refused, TransportError, ValueError) as exc:
                await send({"type": "http.response.body", "body": answers.broken(call.dialect, call.resource, exc, self.request_id)})
            else:
                await send({"type": "http.response.body", "body": b""})

    async def _passed(self, served: Served, response: Response) -> None:
        """Send an answer on that needs no reading: audio, a file."""
        try:
            await self._start(response.status_code, self._kept(served, response))
            async for chunk in response.stream:
                self._ledger.heard()
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        except TransportError as exc:  # without its end the client knows that this is not all
            logger.warning("request %s: %s broke off in its middle: %s", self.request_id, response.credential_id, exc)
        else:
            await self._send({"type": "http.response.body", "body": b""})
        finally:
            await response.stream.aclose()

    def _kept(self, served: Served | None, response: Response) -> Raw:
        del served
        return [pair for pair in response.headers.raw if pair[0] not in _KEPT_BACK]

    async def _start(self, status: int, headers: Raw) -> None:
        self._status = status
        headers.append((b"x-sparekey-request-id", self.request_id.encode()))
        if self._chain:
            headers.append((b"x-sparekey-attempts", b"%d" % self._ledger.number))
            if self._credential:
                headers.append((b"x-sparekey-credential", self._credential.encode("ascii", "replace")))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _whole(self, reply: Reply, *, close: bool = False) -> None:
        headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
        if close:
            headers.append((b"connection", b"close"))
        await self._start(reply.status, headers)
        await self._send({"type": "http.response.body", "body": reply.body})

    def finished(self) -> Finished:
        """Return what became of it."""
        now, ledger = time.perf_counter(), self._ledger
        seconds = now - self._began
        return Finished(
            self.request_id,
            self._caller.name,
            self._chain,
            self._scope["method"],
            self._scope["path"],
            self._status,
            self._stream,
            tuple(ledger.attempts),
            self._credential,
            seconds,
            max(0.0, seconds - (ledger.last - ledger.first)),
            ledger.usage,
            self._left,
            ledger.content - self._began if ledger.content else None,
        )


async def _whole(send: Any, reply: Reply) -> None:
    length = (b"content-length", b"%d" % len(reply.body))
    await send({"type": "http.response.start", "status": reply.status, "headers": [*reply.headers, length]})
    await send({"type": "http.response.body", "body": reply.body})
