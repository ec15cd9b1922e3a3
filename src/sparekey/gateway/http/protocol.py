"""A client's connection: uvicorn's protocol with the limits that a server on the internet needs.

Every wait for a client has a limit in seconds: the headers of a request, its body, the next
request, and a client that does not read its answer. One timer serves the first three. When it
rings, the gateway closes the connection (with a 408 if it was waiting for a body and has sent
nothing yet).

A connection is a *stranger's* until a request on it carries a valid key. Strangers get at most
half of all connections. When that half is full, the gateway closes the oldest stranger's
connection in favour of the new one, so that idle strangers cannot keep known clients out.

The gateway answers pipelined requests in order. While it answers one, it reads only a few more.

A client that has ended its side may have left, or may still wait for its answer: `half_closed` finds
out.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, unquote

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from sparekey.engine.lazy_timer import LazyTimer
from sparekey.gateway.http.cycle import Cycle
from sparekey.gateway.http.half_closed import watch
from sparekey.gateway.http.request_body import LEAVING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


MOST_HEADERS: Final = 64 * 1024
MOST_PIPELINED: Final = 64
"""The most pipelined requests that wait behind the current one. A client that sends more gets
answers to these; the gateway ignores the rest and closes the connection after the last answer."""
_READ_AHEAD: Final = 4
"""Waiting requests at which the gateway stops reading from the connection. Below that it goes on
reading, which is how it notices at once that a client has gone."""
STRANGERS_SHARE: Final = 0.5
_STRANGERS_TIME: Final = 1.0
"""Seconds for which a new stranger's connection is never closed in favour of a newer one: its
first request may still be on its way."""
KNOWN: Final = "sparekey.known"
"""Key in the ASGI scope: a function that the application calls once it knows the sender."""
ATTEMPT: Final = "sparekey.attempt"
"""Key in the ASGI scope: an attempt that was made for this request before the application got it."""
STARTED: Final = "sparekey.started"
"""Key in the ASGI scope: the `RequestStart` of a request whose head was whole before the application got it."""
REFUSED: Final = "sparekey.refused"
"""Key in the ASGI scope: the status with which the connection has refused the rest of this request."""
_PLAIN: Final = "/:@!$&'()*+,;=~"
"""Signs that a path holds as they are (RFC 3986), beside letters, digits and -._"""
_VERSIONS: Final = frozenset({"1.0", "1.1"})
_UPGRADING: Final = frozenset({b"connection", b"upgrade", b"http2-settings"})
LIMITS: Final = "sparekey_limits"
"""The attribute of uvicorn's configuration that holds our `ProtocolLimits`; workers inherit it."""


class Part(Enum):
    """What the client sends next.

    `IGNORED`: it pipelined too many requests; the rest is discarded.
    """

    IDLE = 0
    HEAD = 1
    BODY = 2
    IGNORED = 3


class ProtocolLimits(NamedTuple):
    """The limits of a connection that uvicorn does not have.

    Attributes:
        header_timeout: seconds until the headers of a request must be complete.
        body_timeout: seconds until its body must be complete.
        write_timeout: seconds that a client may leave its answer unread.
        stop_timeout: seconds that running requests get when the server stops.
        connections: the most connections at once.
    """

    header_timeout: float
    body_timeout: float
    write_timeout: float
    stop_timeout: float
    connections: int


class RequestStart(NamedTuple):
    """With what a request began when its head was whole.

    Attributes:
        state: the application's state then.
        at: the time, on `time.perf_counter`.
    """

    state: Any
    at: float


class _Nowhere(list[tuple[bytes, bytes]]):
    """A list that stays empty, for trailers.

    Headers after the body are neither checked nor bounded in number, so they are dropped.
    """

    def append(self, _: object) -> None:
        """Drop the header."""


class GatewayProtocol(HttpToolsProtocol):
    """One connection of a client.

    When the client goes, the connection calls every function in `_leaving` at once. No task has to
    wait for that.

    Attributes:
        _patience: ends the current wait for the client; one timer serves all requests.
        _part: what comes next from the client: a request (`IDLE`), the rest of its headers, or of its body.
        _head_bytes: bytes of the current request's headers so far; None: they are complete.
        _hosts: number of `Host` headers of the current request; it must be one.
        strangers: the connections of strangers, by when they came.
        _leaving: functions to call when the client goes; the scope holds the same list.
        _running: the request that is being answered, or the last one that was.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Create the connection with uvicorn's arguments; the configuration holds our limits."""
        super().__init__(*args, **kwargs)
        self._limits: ProtocolLimits = getattr(self.config, LIMITS)
        self._stuck: asyncio.TimerHandle | None = None
        self._patience = LazyTimer(self.loop, self._overdue)
        self._head_bytes: int | None = 0
        self._leaving: list[Callable[[], None]] = []
        self._hosts = 0
        self._running: Cycle | None = None
        self._part = Part.IDLE
        self.strangers: dict[GatewayProtocol, float] = vars(self.server_state).setdefault("sparekey_strangers", {})

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request; refuse the connection with a 503 if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections or not self._has_room():
            self._refuse(503, b"too_many_connections", b"too many connections; come again in a moment", b"retry-after: 1\r\n")
        else:
            self.strangers[self] = self.loop.time()
            self._patience.within(self._limits.header_timeout)

    def _has_room(self) -> bool:
        """Return whether one more stranger's connection fits; close the oldest one's if need be."""
        if len(self.strangers) < self._limits.connections * STRANGERS_SHARE:
            return True
        oldest, since = next(iter(self.strangers.items()))
        if self.loop.time() - since < _STRANGERS_TIME:
            return False
        oldest.acquainted()
        oldest.transport.abort()
        return True

    def acquainted(self) -> None:
        """Stop counting this connection as a stranger's: its client has shown a valid key."""
        self.strangers.pop(self, None)

    def data_received(self, data: bytes) -> None:
        """Parse bytes from the client.

        Headers that are too long get a 431, what is no HTTP a 400.
        """
        if self._part is Part.IGNORED:
            return
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEADERS and b"\r\n\r\n" not in data[: MOST_HEADERS + 4]:
                self._reject(431, b"headers_too_large", b"the headers are too long")
                return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._not_upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """Start a request.

        Its headers have `header_timeout` seconds once the last one is answered.
        """
        if self._part is Part.IGNORED:
            return
        super().on_message_begin()
        if self._head_bytes is None:
            self._head_bytes = 0
        self._hosts, self._part = 0, Part.HEAD
        if len(self.pipeline) >= _READ_AHEAD:
            self.flow.pause_reading()
        self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, its name in lower case."""
        name = name.lower()
        if name == b"host":
            self._hosts += 1
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Start to answer the request, or queue it behind one that is not answered yet.

        Raises:
            httptools.HttpParserError: the version or the `Host` header is wrong; the client gets a
                400.
        """
        if self.parser.should_upgrade() or self._part is Part.IGNORED:
            return
        self._head_bytes = None
        parser, scope = self.parser, self.scope
        version = parser.get_http_version()
        if version not in _VERSIONS or self._hosts > 1 or (version == "1.1" and not self._hosts):
            raise httptools.HttpParserError("not HTTP/1.1 with one Host header, nor HTTP/1.0")
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version
        scope["raw_path"], scope["query_string"] = url.path, url.query or b""
        if "%" in path:  # whoever reads the path reads the same: what is escaped without need is written out for providers, too
            path = unquote(path)
            scope["raw_path"] = quote(path, safe=_PLAIN).encode("ascii")
        scope["path"] = path
        scope[LEAVING] = self._leaving  # type: ignore[typeddict-unknown-key]  # a key of our own
        if self in self.strangers:
            scope[KNOWN] = self.acquainted  # type: ignore[typeddict-unknown-key]  # as above
        self.headers = _Nowhere()
        before = self.cycle
        if len(self.pipeline) >= MOST_PIPELINED:
            self.pipeline[0][0].keep_alive = False  # the newest: the connection ends behind its answer
            self._part = Part.IGNORED
            return
        self._part = Part.BODY
        keep_alive = version != "1.0" and parser.should_keep_alive()
        self.cycle = Cycle(self, keep_alive=keep_alive, on_response=self.on_response_complete)
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
            self._wait()
        else:
            self.pipeline.appendleft((self.cycle, self.app))

    def on_message_complete(self) -> None:
        """Note that the request is complete: no timeout runs until it is answered, and its client may leave."""
        if self.parser.should_upgrade() or self._part is Part.IGNORED:
            return
        self._part = Part.IDLE
        super().on_message_complete()
        if len(self.pipeline) < _READ_AHEAD:
            self.flow.resume_reading()  # a long body stopped it; who does not read does not see the client leave
        self._wait()

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body to the request; drop the bodies of ignored requests."""
        if self._part is Part.BODY:
            super().on_body(body)

    def on_response_complete(self) -> None:
        """Start the next pipelined request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        self._wait()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Start to answer a request, and note that it is this one: behind it others may wait."""
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # uvicorn never keeps a connection that the client has ended
        """Keep the connection if a whole request waits for its answer; close it otherwise."""
        waits = self._part is Part.IDLE and self._is_answering() and self.transport.get_extra_info("sslcontext") is None
        running = self._running
        if not waits or running is None or running.is_stream or self.scope["http_version"] == "1.0":
            return None
        self.cycle.keep_alive = False
        watch(self.transport, self.loop, answered=running.response_started)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timers and tell the functions in `_leaving` that the client has gone."""
        self._patience.close()
        self.acquainted()
        self.resume_writing()
        if (running := self._running) is not None and not running.response_complete:
            running.disconnected = True  # uvicorn tells only the newest of pipelined requests
            running.message_event.set()
        super().connection_lost(exc)
        self._leave()

    def _leave(self) -> None:
        for leave in self._leaving:
            leave()

    def pause_writing(self) -> None:
        """Stop writing to a client that reads slowly; cut it off if that lasts `write_timeout`."""
        super().pause_writing()
        self._stuck = self._stuck or self.loop.call_later(self._limits.write_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """Write again: the client reads, so its write timeout stops."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _not_upgraded(self, rest: bytes) -> None:
        """Serve a request that offers to switch protocols as plain HTTP/1.1.

        Java's client offers HTTP/2 this way and accepts an HTTP/1.1 answer. `CONNECT` gets a 400.

        Args:
            rest: bytes behind the request's headers.
        """
        method, url, headers = self.parser.get_method(), self.url, self.headers
        self.parser = httptools.HttpRequestParser(self)
        if method == b"CONNECT":
            self.send_400_response("")
            return
        kept = [b"%b: %b\r\n" % pair for pair in headers if pair[0] not in _UPGRADING]
        kept += [b"connection: close\r\n" for name, value in headers if name == b"connection" and b"close" in value.lower()]
        self.data_received(b"%b %b HTTP/1.1\r\n%b\r\n" % (method, url, b"".join(kept)) + rest)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not (self.cycle.response_complete and not self.pipeline)

    def _wait(self) -> None:
        """Set the limit for what the client sends next.

        While a request is being answered, only the rest of its body has one.
        """
        if self._part is Part.BODY and not self.pipeline:
            self._patience.within(self._body_timeout)
        elif self._is_answering() or self._part is Part.IGNORED:
            self._patience.due = None
        else:
            self._patience.within(self._limits.header_timeout if self._part is Part.HEAD else self.timeout_keep_alive)

    @property
    def _body_timeout(self) -> float:
        """Seconds for a body; a reload may have changed them."""
        found: float | None = getattr(self.config.app, "body_timeout", None)
        return self._limits.body_timeout if found is None else found

    def _overdue(self) -> None:
        """Close the connection, since the client was waited for in vain."""
        if self.transport.is_closing():
            return
        if self._part is Part.BODY and not self.cycle.response_started:
            self.cycle.scope[REFUSED] = 408  # type: ignore[typeddict-unknown-key]  # a key of our own
            self._refuse(408, b"slow_body", b"the body was not complete in time")
        else:
            self.transport.close()

    def _reject(self, status: int, code: bytes, words: bytes) -> None:
        """Refuse what the client sends now; close the connection, but answer the whole requests before it first."""
        running = self._running
        if running is None or running.response_complete or running.more_body:
            self._refuse(status, code, words)
            return
        self._part = Part.IGNORED
        if self.pipeline and self.pipeline[0][0].more_body:  # the newest: it is the one that is wrong
            self.pipeline.popleft()
        self.cycle = self.pipeline[0][0] if self.pipeline else running
        self.cycle.keep_alive = False

    def _refuse(self, status: int, code: bytes, words: bytes, headers: bytes = b"") -> None:
        """Answer with an error in OpenAI's format, then close the connection.

        Args:
            status: the HTTP status.
            code: the cause in one word.
            words: the message for people.
            headers: further header lines, each with its line break.
        """
        body = b'{"error": {"message": "%b", "type": "invalid_request_error", "param": null, "code": "%b"}}' % (words, code)
        head = STATUS_LINE[status] + b"content-type: application/json\r\nconnection: close\r\n" + headers
        self.transport.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no HTTP request with a 400, without uvicorn's text `msg`."""
        del msg
        self._reject(400, b"bad_request", b"this is no HTTP request")
