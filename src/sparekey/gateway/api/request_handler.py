"""One request of a client, from its headers to the last byte of its answer."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.engine.limits import CLIENT
from sparekey.engine.made import MADE
from sparekey.errors import AllCredentialsFailedError, DeadlineExceeded, OverloadedError, SparekeyError
from sparekey.gateway.api import replies, routes
from sparekey.gateway.api.access import ANYBODY, WRONG_KEY_SECONDS, Caller, presented
from sparekey.gateway.api.get_routes import read
from sparekey.gateway.api.replies import BREAK_OFF, GatewayReply, RefusalError
from sparekey.gateway.api.response_headers import handed_on
from sparekey.gateway.http.off_loop import off_loop
from sparekey.gateway.http.protocol import ATTEMPT, KNOWN, REFUSED, STARTED, RequestStart
from sparekey.gateway.http.request_body import ClientGoneError, Present, body_of, checked
from sparekey.gateway.observe.request_ledger import RequestLedger, current
from sparekey.gateway.upstream.messages import ByteStream, TransportError
from sparekey.transport.event_filter import StreamBreak
from sparekey.transport.refusals import Refused, UnservableError
from sparekey.wire.large_json import is_slow

if TYPE_CHECKING:
    from sparekey.engine.stream import AsyncStream
    from sparekey.gateway.api.app import Gateway, State
    from sparekey.gateway.api.served_chains import Served
    from sparekey.gateway.quick.attempt import QuickAttempt
    from sparekey.gateway.upstream.messages import Raw, Response
    from sparekey.transport.event_filter import Item
    from sparekey.types import Attempt, Usage
    from sparekey.wire.request import WireRequest

logger = logging.getLogger("sparekey")

Scope = dict[str, Any]
_NO_CONTENT: Final = 204
_APART: Final = 0.2
"""Seconds between the last pieces of a stream that broke off, so that they arrive one by one.

A busy client reads late: with 0.05 s Gemini CLI took two pieces for one on a loaded machine.
"""


class Finished(NamedTuple):
    """A finished request, as the log, the metrics and the traces see it.

    Attributes:
        request_id: its number in the log and in the answer's headers.
        client: the name of the client; "" where no keys are asked for.
        chain: the name of the chain; "" if it reached none.
        method: the HTTP method.
        path: its path, without the query.
        status: the status of the answer; 499 if the client left before there was one.
        stream: whether the answer came in events.
        attempts: the ledger: its attempts in order.
        credential: the id of the credential that answered; "" if none did.
        seconds: from the request's headers to the end of the answer.
        overhead: the part of `seconds` in which no provider was working.
        usage: the tokens that the provider counted; None if it sent none.
        left: whether the client left before the end.
        first_content: seconds to the first content of a stream; None for other answers.
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


def chain_of(state: State, caller: Caller, call: WireRequest) -> Served:
    """Return the chain that a request's `model` names.

    Raises:
        RefusalError: there is no such chain for this client, or it is of the wrong kind.
    """
    found = state.by_name.get(call.model)
    if found is None or not caller.may(found.name):
        known = ", ".join(name for name in state.chains if caller.may(name))
        raise RefusalError(404, "model_not_found", f"there is no model {call.model[:100]!r} here; there are: {known}")
    if found.wire != call.dialect:
        raise RefusalError(400, "wrong_format", f"the model {found.name!r} speaks the {found.wire} format, not {call.dialect}'s")
    if call.kind != found.kind and (call.kind != "other" or found.kind == "embed"):
        wanted = "embeddings" if found.kind == "embed" else "chat"
        raise RefusalError(400, "wrong_kind", f"the model {found.name!r} is for {wanted}")
    return found


class RequestHandler:
    """One request and its answer."""

    __slots__ = (
        *("_attempt", "_began", "_caller", "_page", "_chain", "_credential", "_dialect", "_gateway", "_ledger", "_left", "_receive"),
        *("_scope", "_send", "_state", "_status", "_stream", "request_id"),
    )

    def __init__(self, gateway: Gateway, scope: Scope, receive: Any, send: Any, request_id: str) -> None:
        """Create the handler with ASGI's arguments and the gateway's id for the request."""
        attempt: QuickAttempt | None = scope.get(ATTEMPT)
        self._attempt = attempt
        if attempt is not None:
            started = RequestStart(attempt.state, attempt.sent.began)
        else:
            started = scope.get(STARTED) or RequestStart(gateway.state, time.perf_counter())
        self._state: State = started.state
        self._began, self.request_id = started.at, request_id
        self._gateway, self._scope, self._receive, self._send = gateway, scope, receive, send
        self._ledger = RequestLedger()
        self._caller: Caller = ANYBODY
        self._chain = self._credential = ""
        self._dialect = "openai"
        self._page: Raw = []
        seen = attempt is not None and attempt.seen is not None
        self._status, self._stream, self._left = 200 if seen else 0, seen, False

    async def serve(self) -> None:
        """Read the request, send it through its chain and answer the client, unless it leaves."""
        try:
            if (asked := await self._asked()) is not None:
                with Present(self._scope, self._receive):
                    if (found := await self._forwarded(*asked)) is not None:
                        await self._streamed(*found)
        except RefusalError as error:
            await self._whole(replies.refusal(self._dialect, error, self.request_id), close=error.status in {408, 413, 503})
        except ClientGoneError:
            refused = self._scope.get(REFUSED)
            self._left = refused is None
            self._status = self._status or refused or 499
        except asyncio.CancelledError:
            if not self._gateway.draining or self._status:
                self._left = True
                raise
            late = RefusalError(503, "stopping", "the gateway had to stop before the answer was there; ask again, another one will answer")
            await self._whole(replies.refusal(self._dialect, late, self.request_id), close=True)
        except Exception:
            logger.exception("request %s: an error of the gateway itself", self.request_id)
            if self._status:
                raise
            bug = RefusalError(500, "gateway_error", "the gateway met an error of its own; its log says more")
            await self._whole(replies.refusal(self._dialect, bug, self.request_id), close=True)
        finally:
            if self._attempt is not None:
                self._attempt.close()

    async def _asked(self) -> tuple[Served, WireRequest] | None:
        """Return the chain that the request names, and the request.

        Returns None if the request asks no model: then it has been answered here.

        Raises:
            RefusalError: the gateway does not pass it on.
            ClientGoneError: the client left before it was complete.
        """
        scope, state = self._scope, self._state
        headers: Raw = scope["headers"]
        path, method = scope["path"], scope["method"]
        named = dict(headers)
        self._dialect = routes.dialect_of(path, named)
        checked(named)
        if self._gateway.draining and self._attempt is None and STARTED not in scope:
            raise RefusalError(503, "stopping", "the gateway is stopping; ask again, another one will answer")
        cross_origin = state.access.cross_origin
        self._page = cross_origin.headers(named)
        if (reply := cross_origin.preflight(method, named)) is not None:
            await self._whole(reply)
            return None
        query = scope["query_string"] if self._dialect == "gemini" else b""  # Gemini's key
        if method != "POST":
            known = state.access.reader if path == routes.DESCRIPTION else state.access.caller
            try:
                self._caller = known(named, query)
            except RefusalError:
                if path == routes.DESCRIPTION:  # takes the admin key, too: slow down guessing
                    await asyncio.sleep(WRONG_KEY_SECONDS)
                raise
            self._acquainted()
            names = [name for name, one in state.by_name.items() if self._caller.may(one.name)]
            await self._whole(read(path, method, self._dialect, names))
            return None
        self._caller = state.access.caller(named, query) if self._attempt is None else self._attempt.caller
        self._acquainted()
        asked = routes.asked(path)
        self._dialect = asked.dialect
        if self._attempt is None:
            body = await body_of(self._receive, named, state.config.max_body_mb << 20, state.config.body_timeout)
        else:
            body = self._attempt.body
            MADE.set(self._attempt.made)
        query = scope["query_string"]
        target = scope["raw_path"] + b"?" + query if query else scope["raw_path"]
        parts = asked, method, target, headers, named, body, b"" if state.access.is_open else presented(named, query)
        call = await off_loop(routes.read, *parts) if is_slow(body) else routes.read(*parts)
        served = chain_of(state, self._caller, call)
        self._chain = served.name
        current.set(self._ledger)
        CLIENT.set(self._caller.name)
        return served, call

    def _acquainted(self) -> None:
        """Tell the connection that its client has shown a valid key."""
        if acquainted := self._scope.get(KNOWN):
            acquainted()

    async def _forwarded(self, served: Served, call: WireRequest) -> tuple[WireRequest, Response | None, AsyncStream[Item]] | None:
        """Send a request through its chain, and the answer to the client.

        A stream is returned instead, once its first content has come, for `_streamed` to send; without its response if the client has
        seen that.
        """
        forwarder = served.side_forwarder if call.kind == "other" else served.forwarder
        if self._attempt is not None and self._attempt.seen is not None:
            self._credential = self._attempt.credential
            return call, None, forwarder.rest(call, self._attempt, self._attempt.seen)
        try:
            response, items, _ = await forwarder.forward(call, self._attempt)
        except (Refused, AllCredentialsFailedError, OverloadedError) as exc:
            await self._whole(replies.told(call.dialect, exc, self.request_id, dict(call.headers).get(b"user-agent", b"")))
            return None
        except DeadlineExceeded as error:
            raise RefusalError(504, "deadline_exceeded", str(error)) from None
        except UnservableError as error:
            raise RefusalError(400, "wrong_dimensions", str(error)) from None
        except TransportError as error:
            raise RefusalError(502, "upstream", str(error)) from None
        self._credential = response.credential_id
        if items is not None:
            return call, response, items
        if isinstance(response.stream, ByteStream):
            await self._whole(GatewayReply(response.status_code, handed_on(response.headers.raw), response.stream.data))
        else:
            await self._passed(response)
        return None

    async def _streamed(self, call: WireRequest, response: Response | None, items: AsyncStream[Item]) -> None:
        """Pass a stream on. A fault within it is reported by an error event and a missing end."""
        self._stream, broken = True, StreamBreak(call)
        async with aclosing(items):
            if response is not None:
                await self._start(response.status_code, handed_on(response.headers.raw))
            send, heard = self._send, self._ledger.heard
            try:
                async for item in items:
                    heard()
                    if broken.counts:
                        broken.passed(item)
                    await send({"type": "http.response.body", "body": item.data, "more_body": True})
                    item.sent()
            except (SparekeyError, Refused, TransportError, ValueError) as exc:
                await self._broken(broken.pieces(exc, request_id=self.request_id))
            else:
                await send({"type": "http.response.body", "body": b""})

    async def _broken(self, pieces: tuple[bytes, ...]) -> None:
        """Send the last pieces of a stream that broke off, apart in time.

        Some clients take pieces that arrive together for one.
        """
        for piece in pieces:
            if len(pieces) > 1:
                await asyncio.sleep(_APART)
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send(BREAK_OFF)

    async def _passed(self, response: Response) -> None:
        """Pass an answer on that is not JSON (audio, a file), unread."""
        try:
            await self._start(response.status_code, handed_on(response.headers.raw))
            async for chunk in response.stream:
                self._ledger.heard()
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        except TransportError as exc:  # the missing end tells the client that this is not all
            logger.warning("request %s: %s broke off in its middle: %s", self.request_id, response.credential_id, exc)
            await self._send(BREAK_OFF)
        else:
            await self._send({"type": "http.response.body", "body": b""})
        finally:
            await response.stream.aclose()

    async def _start(self, status: int, headers: Raw) -> None:
        self._status = status
        headers.append((b"x-sparekey-request-id", self.request_id.encode()))
        headers += self._page
        if self._chain:
            headers.append((b"x-sparekey-attempts", b"%d" % self._ledger.number))
            if self._credential:
                headers.append((b"x-sparekey-credential", self._credential.encode("ascii", "replace")))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _whole(self, reply: GatewayReply, *, close: bool = False) -> None:
        headers = [*reply.headers]
        if reply.status != _NO_CONTENT:
            headers.append((b"content-length", b"%d" % len(reply.body)))
        if close:
            headers.append((b"connection", b"close"))
        await self._start(reply.status, headers)
        await self._send({"type": "http.response.body", "body": reply.body})

    def finished(self) -> Finished:
        """Return the finished request for the observers."""
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
