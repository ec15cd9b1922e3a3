"""Connections made by pyreqwest (Rust) for sync transports, with the interface of the library's own transports.

What pyreqwest cannot do as the library does goes through the library's own transport instead: a process forked after the first
request, and more different time limits than clients are kept for (pyreqwest's limits belong to a client).

Theory of the repeat. A request that met a closed idle connection is written once more. pyreqwest tells neither whether a connection was
used before nor whether half a header had come: a request counts as one that met an idle connection if this client kept one of its host
within the time that it keeps them. The repeat goes out through a client made for it, which takes the place of the first one, so that what
was idle there is closed; streams that run on it run on.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pyreqwest.exceptions as faults
from pyreqwest.client import SyncClientBuilder
from pyreqwest.proxy import ProxyBuilder

from sparekey.wire.network import Address
from sparekey.wire.writes import unwritten, was_stale, written_again

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.wire.network import Network

_MOST_CLIENTS: Final = 8
_IDLE: Final = 100
"""Idle connections kept for one host."""
_IDLE_SECONDS: Final = 5.0
_CONNECTING: Final = "client error (Connect)"
"""Stands among the causes where no connection came about; the class alone says so for whatever comes before the response."""
_CLOSED: Final = ("before message completed", "unexpected EOF", "end of file before message")
_LOST: Final = (*_CLOSED, "reset by peer", "Broken pipe", "close_notify", "os error 104", "os error 32", "os error 10053", "os error 10054")
"""How a connection ends that is closed or reset instead of answering."""
_NAMES: Final = (
    (faults.PoolTimeoutError, "PoolTimeout"),
    (faults.WriteTimeoutError, "WriteTimeout"),
    (faults.RequestTimeoutError, "ReadTimeout"),
    (faults.WriteError, "WriteError"),
    (faults.NetworkError, "ReadError"),
    (faults.BuilderError, "LocalProtocolError"),
    (faults.DecodeError, "RemoteProtocolError"),
)


def mapped(fault: faults.PyreqwestError, lib: Any) -> Exception:
    """Return the library's own exception, to be raised without pyreqwest's: its classes say of most faults that nobody was reached."""
    causes = [cause["message"] for cause in (getattr(fault, "details", None) or {}).get("causes") or ()]
    text = causes[-1] if causes else fault.message
    if _CONNECTING in causes:
        name = "ConnectTimeout" if isinstance(fault, faults.RequestTimeoutError) else "ConnectError"
    elif any(sign in text for sign in _CLOSED):
        name = "RemoteProtocolError"
    else:
        name = next((name for cls, name in _NAMES if isinstance(fault, cls)), "NetworkError")
    made: Exception = getattr(lib, name)(text)
    return made


class _Client:
    """A client of pyreqwest, the limits that it belongs to, and when it last kept a connection of each host."""

    __slots__ = ("kept", "key", "made")

    def __init__(self, key: tuple[float | None, ...], made: Any) -> None:
        self.key, self.made = key, made
        self.kept: dict[Address, float] = {}

    def may_have_idle(self, host: Address) -> bool:
        """Whether a request to a host that begins now may meet a connection that was used before."""
        return time.monotonic() - self.kept.get(host, -_IDLE_SECONDS) < _IDLE_SECONDS


class _Clients:
    """One client for each set of time limits, the first eight; None where the library has to do it."""

    def __init__(self, verify: bool, proxy: str | None, most: int) -> None:
        self._verify, self._proxy, self._most = verify, proxy, most
        self._lock, self._pid = threading.Lock(), os.getpid()
        self._made: dict[tuple[float | None, ...], _Client] = {}

    def get(self, key: tuple[float | None, ...]) -> _Client | None:
        """Return the client for time limits in seconds: to connect, to read, to wait for a place."""
        found = self._made.get(key)
        if self._pid != os.getpid():
            return None
        if found is None:
            with self._lock:
                if key not in self._made and len(self._made) < _MOST_CLIENTS:
                    self._made[key] = _Client(key, self._make(*key))
                found = self._made.get(key)
        return found

    def instead(self, lost: _Client) -> _Client:
        """Return a client without a connection; the next requests use it instead of the lost one, whose idle connections end with it."""
        made = _Client(lost.key, self._make(*lost.key))
        with self._lock:
            if self._made.get(lost.key) is lost:
                self._made[lost.key] = made
        return made

    def take(self) -> list[Any]:
        """Return all clients and forget them."""
        with self._lock:
            found = [one.made for one in self._made.values()] if self._pid == os.getpid() else []
            self._made.clear()
        return found

    def _make(self, connect: float | None, read: float | None, pool: float | None) -> Any:
        made = SyncClientBuilder().follow_redirects(False).referer(False).no_proxy().http1_lower_case_headers()
        made = made.gzip(False).brotli(False).zstd(False).deflate(False).danger_accept_invalid_certs(not self._verify)
        made = made.max_connections(self._most).pool_max_idle_per_host(_IDLE).pool_idle_timeout(timedelta(seconds=_IDLE_SECONDS))
        if self._proxy:
            made = made.proxy(ProxyBuilder.all(self._proxy))
        for name, seconds in (("connect_timeout", connect), ("read_timeout", read), ("pool_timeout", pool)):
            made = getattr(made, name)(timedelta(seconds=seconds)) if seconds is not None else made
        return made.build()


def _prepared(client: Any, request: Any, body: bytes) -> Any:
    headers = [(name.decode("ascii"), value.decode("utf-8")) for name, value in request.headers.raw]
    made = client.request(request.method, str(request.url)).headers(headers)
    # without this limit a whole stream of events is held back
    return (made.body_bytes(body) if body else made).streamed_read_buffer_limit(0).build_streamed()


def _headers(answer: Any) -> list[tuple[bytes, bytes]]:
    try:
        return [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    except ValueError:  # a value that is not ASCII: pyreqwest does not show it
        return [(name.encode(), value.encode()) for name in dict.fromkeys(answer.headers.keys()) for value in _values(answer, name)]


def _values(answer: Any, name: str) -> list[str]:
    try:
        found: list[str] = answer.headers.getall(name)
    except ValueError:
        return []
    return found


def _lost(fault: faults.PyreqwestError) -> bool:
    """Return whether the connection was closed or reset before an answer; one that never came about was not."""
    causes = [cause["message"] for cause in (getattr(fault, "details", None) or {}).get("causes") or ()]
    return bool(causes) and _CONNECTING not in causes and any(sign in causes[-1] for sign in _LOST)


def _response(lib: Any, answer: Any, stream: Any) -> Any:
    return lib.Response(answer.status, headers=_headers(answer), stream=stream, extensions={"http_version": answer.version.encode()})


def _stream_type(lib: Any) -> Any:
    """Return the class of a response's body, made for one library."""

    class Stream(lib.SyncByteStream):  # type: ignore[misc]
        def __init__(self, sent: Any, answer: Any, kept: dict[Address, float], host: Address) -> None:
            self._sent, self._reader, self._kept, self._host = sent, answer.body_reader, kept, host

        def __iter__(self) -> Iterator[bytes]:
            try:
                while (chunk := self._reader.read_chunk()) is not None:
                    yield bytes(chunk)
            except faults.PyreqwestError as fault:
                raise mapped(fault, lib) from None
            self._kept[self._host] = time.monotonic()

        def close(self) -> None:
            sent, self._sent = self._sent, None
            if sent is not None:
                sent.__exit__(None, None, None)

    return Stream


def blocking_engine(  # noqa: C901 - a class, made for one library
    lib: Any, own: Any, network: Network, *, verify: bool, proxy: str | None, most: int
) -> Any:
    """Return a sync transport.

    Args:
        lib: the library whose responses and exceptions it speaks in.
        own: the library's own transport, for what pyreqwest cannot do; closed with this one.
        network: how long a connection may take.
        verify: whether certificates are verified.
        proxy: the URL of a proxy, or None.
        most: connections at most.
    """
    clients, stream_type = _Clients(verify, proxy, most), _stream_type(lib)
    unreached = (lib.ConnectError, lib.ConnectTimeout, lib.PoolTimeout)

    class Engine(lib.BaseTransport):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:
            host, limits = Address(request.url.host, request.url.port), request.extensions.get("timeout") or {}
            connect = network.limit(host)
            if (given := limits.get("connect")) is not None:
                connect = min(connect, given)
            client = clients.get((connect, limits.get("read"), limits.get("pool")))
            if client is None:
                return own.handle_request(request)
            body, reused, begun = b"".join(request.stream), client.may_have_idle(host), time.monotonic()
            try:
                return self._written(client, request, body, host)
            except faults.PyreqwestError as fault:
                if not was_stale(reused=reused, heard=not _lost(fault), seconds=time.monotonic() - begun):
                    raised = self._raised(fault, host, connect)
                    if isinstance(raised, unreached):
                        unwritten()
                    raise raised from None
            try:
                response = self._written(clients.instead(client), request, body, host)
            except faults.PyreqwestError as fault:
                raised = self._raised(fault, host, connect)
                if not isinstance(raised, unreached):
                    written_again()
                raise raised from None
            written_again()
            return response

        def _written(self, client: _Client, request: Any, body: bytes, host: Address) -> Any:
            sent = _prepared(client.made, request, body)
            answer = sent.__enter__()
            network.suspected_until = 0.0
            return _response(lib, answer, stream_type(sent, answer, client.kept, host))

        def _raised(self, fault: faults.PyreqwestError, host: Address, connect: float) -> Exception:
            """Return the library's own exception for a request without an answer."""
            raised = mapped(fault, lib)
            if isinstance(raised, lib.ConnectTimeout):
                network.silent(host, connect)
            return raised

        def close(self) -> None:
            for client in clients.take():
                client.close()
            own.close()

    return Engine()
