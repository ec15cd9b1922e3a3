"""Connections made by pyreqwest (Rust), for sync transports; behind the face of the library's own transports.

What pyreqwest cannot do as the library does goes through the library's own transport instead: a process forked after the first
request, and more different time limits than clients are kept for (pyreqwest's limits belong to a client).
"""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pyreqwest.exceptions as faults
from pyreqwest.client import SyncClientBuilder
from pyreqwest.proxy import ProxyBuilder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MOST_CLIENTS: Final = 8
_IDLE: Final = 100
"""Idle connections kept for one host."""
_CONNECTING: Final = "client error (Connect)"
"""Stands among the causes where no connection came about; the class alone says so for whatever comes before the response."""
_CLOSED: Final = ("before message completed", "unexpected EOF", "end of file before message")
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
    """Return the library's own exception for one of pyreqwest's."""
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


class _Clients:
    """One client for each set of time limits, the first eight; None where the library has to do it."""

    def __init__(self, verify: bool, proxy: str | None, most: int) -> None:
        self._verify, self._proxy, self._most = verify, proxy, most
        self._lock, self._pid = threading.Lock(), os.getpid()
        self._made: dict[tuple[Any, ...], Any] = {}

    def get(self, limits: Mapping[str, float | None]) -> Any:
        """Return the client for time limits in seconds."""
        key = (limits.get("connect"), limits.get("read"), limits.get("pool"))
        found = self._made.get(key)
        if self._pid != os.getpid():
            return None
        if found is None:
            with self._lock:
                if key not in self._made and len(self._made) < _MOST_CLIENTS:
                    self._made[key] = self._make(*key)
                found = self._made.get(key)
        return found

    def take(self) -> list[Any]:
        """Return all clients and forget them."""
        with self._lock:
            found = list(self._made.values()) if self._pid == os.getpid() else []
            self._made.clear()
        return found

    def _make(self, connect: float | None, read: float | None, pool: float | None) -> Any:
        made = SyncClientBuilder().follow_redirects(False).referer(False).no_proxy().http1_lower_case_headers()
        made = made.gzip(False).brotli(False).zstd(False).deflate(False).danger_accept_invalid_certs(not self._verify)
        made = made.max_connections(self._most).pool_max_idle_per_host(_IDLE).pool_idle_timeout(timedelta(seconds=5))
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


def _response(lib: Any, answer: Any, stream: Any) -> Any:
    return lib.Response(answer.status, headers=_headers(answer), stream=stream, extensions={"http_version": answer.version.encode()})


def blocking_engine(  # noqa: C901 - two classes, made for one library
    lib: Any, own: Any, *, verify: bool, proxy: str | None, most: int
) -> Any:
    """Return a sync transport.

    Args:
        lib: the library whose responses and exceptions it speaks in.
        own: the library's own transport, for what pyreqwest cannot do; closed with this one.
        verify: whether certificates are verified.
        proxy: the URL of a proxy, or None.
        most: connections at most.
    """
    clients = _Clients(verify, proxy, most)

    class Stream(lib.SyncByteStream):  # type: ignore[misc]
        def __init__(self, sent: Any, answer: Any) -> None:
            self._sent, self._reader = sent, answer.body_reader

        def __iter__(self) -> Iterator[bytes]:
            try:
                while (chunk := self._reader.read_chunk()) is not None:
                    yield bytes(chunk)
            except faults.PyreqwestError as fault:
                raise mapped(fault, lib) from fault

        def close(self) -> None:
            sent, self._sent = self._sent, None
            if sent is not None:
                sent.__exit__(None, None, None)

    class Engine(lib.BaseTransport):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:
            client = clients.get(request.extensions.get("timeout") or {})
            if client is None:
                return own.handle_request(request)
            try:
                sent = _prepared(client, request, b"".join(request.stream))
                answer = sent.__enter__()
            except faults.PyreqwestError as fault:
                raise mapped(fault, lib) from fault
            return _response(lib, answer, Stream(sent, answer))

        def close(self) -> None:
            for client in clients.take():
                client.close()
            own.close()

    return Engine()
