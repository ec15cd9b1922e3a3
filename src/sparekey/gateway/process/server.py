"""A process of the gateway: it listens, reloads its configuration, and stops in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from sparekey.config.gateway import GatewayConfig
from sparekey.errors import ConfigError
from sparekey.gateway.api.app import Gateway
from sparekey.gateway.http.protocol import LIMITS, ProtocolLimits
from sparekey.gateway.observe.access_log import AccessLog
from sparekey.gateway.observe.log_thread import Writer, logging_through
from sparekey.gateway.process import systemd
from sparekey.gateway.process.draining import Server
from sparekey.gateway.process.listening import address, file_limit, log_to_stderr, raise_file_limit
from sparekey.gateway.process.serve_settings import ServeSettings
from sparekey.gateway.process.tls import Tls, stamp
from sparekey.gateway.process.workers import Workers, shared
from sparekey.gateway.quick.path import opened
from sparekey.gateway.quick.protocol import QuickProtocol
from sparekey.gateway.upstream.clients import client_of

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sparekey.config import Config
    from sparekey.gateway.observe.console_host import GatewayHost
    from sparekey.gateway.process.state_files import StateFiles
    from sparekey.gateway.quick.path import QuickPath
    from sparekey.stores.address import StoreAddress

logger = logging.getLogger("sparekey")

LOOK_SECONDS: Final = 1.0
"""Seconds between two looks at the configuration file."""
_BACKLOG: Final = 4096
_SIGN_OF_LIFE: Final = 10
"""Seconds that the parent waits for a worker's answer to a ping."""
_AT_ONCE: Final = frozenset({"clients", "admin_key", "admin_key_sha256", "max_body_mb", "body_timeout", "chat", "embedding"})
"""Settings that a reload changes; the rest of the section needs a restart."""


Settings = ServeSettings
"""The former name of `ServeSettings`, for programs that embed the gateway; it goes after 1 June 2027."""


class Application:
    """The ASGI application of one process. It creates its gateway when its event loop runs."""

    def __init__(self, settings: ServeSettings, *, tls: Tls | None = None, owns_process: bool = False) -> None:
        """Create the application; `start` creates its gateway.

        Args:
            settings: the configuration and the options over it.
            tls: the certificate, which it watches for changes; None: plain HTTP.
            owns_process: whether the process is the gateway's alone. Then a thread writes all of
                its log, so that no request waits for it.
        """
        self.settings, self._tls, self._owns_process = settings, tls, owns_process
        self.tell: Callable[[str], object] = _nobody
        self.gateway: Gateway | None = None
        self._kept: GatewayHost | None = None
        self._orphan = False
        self._seen: tuple[int, int, int] | None = None
        self._keys: dict[Path, tuple[int, int, int] | None] = {}
        self._watching: asyncio.Task[None] | None = None
        self._tracing: Any = None
        self._open: contextlib.ExitStack | None = None

    @property
    def quick(self) -> QuickPath | None:
        """What serves ordinary requests; None: the gateway's application serves all."""
        return None if self.gateway is None else self.gateway.quick

    @property
    def body_timeout(self) -> float | None:
        """Seconds for the body of a request, as the configuration says now; None: the gateway has not started."""
        return None if self.gateway is None else self.gateway.state.config.body_timeout

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one ASGI request, traced if the configuration says so, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif self._tracing is not None:
            await self._tracing(scope, receive, send)
        elif self.gateway is not None:
            await self.gateway(scope, receive, send)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            self.start()
        except Exception as exc:  # noqa: BLE001 - whatever it is, the process must not serve
            self._close_log()
            await send({"type": "lifespan.startup.failed", "message": str(exc)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    def start(self) -> None:
        """Create the gateway, and watch its configuration and certificate for changes."""
        raise_file_limit()
        if self.settings.reports is not None:
            log_to_stderr()  # a worker is a process of its own
        config, settings = self.settings.read()
        self._keys = _stamps(config)
        place = self.settings.place()
        log, self._open = Writer(), contextlib.ExitStack()
        self._open.callback(log.close)
        if self._owns_process:
            self._open.enter_context(logging_through(log))
        self.gateway = Gateway(config, client_of(settings), store=_store(place.store))
        self.gateway.log = log
        if settings.access_log:
            self.gateway.observers.append(AccessLog(log))
        self._kept = _host(self.gateway, self.settings.file, place, self.settings.reports)
        self.gateway.admin = self._kept.admin()
        self._tracing = _traced(self.gateway) if settings.opentelemetry else None
        self.gateway.quick = opened(self.gateway)
        self._watching = asyncio.create_task(self._watch())
        gc.freeze()  # what exists now stays: the collector need not look at it again
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError, AttributeError):  # Windows, or not the main thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)

    async def stop(self) -> None:
        """Close the gateway, its store and its log, and stop watching."""
        gc.unfreeze()  # a program that embeds the gateway lives on, and so does its garbage
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        if self.gateway is not None:
            if self.gateway.quick is not None:
                self.gateway.quick.batch.flush()
            self.gateway.admin.close()
            await self.gateway.client.aclose()
            if self._kept is not None:
                await asyncio.to_thread(self._kept.close)
            if self._tracing is not None:
                await asyncio.to_thread(self._tracing.close)
            if callable(close := getattr(self.gateway.store, "close", None)):
                await asyncio.to_thread(close)
        if self._orphan and self.settings.reports is not None:
            shutil.rmtree(self.settings.reports, ignore_errors=True)  # its parent is gone
        await asyncio.to_thread(self._close_log)

    def _close_log(self) -> None:
        """Write the waiting lines, and give `logging` its former handlers back."""
        if self._open is not None:
            self._open.close()

    def reload(self) -> None:
        """Reload configuration and certificate; if one is bad, log why and keep the old one."""
        assert self.gateway is not None
        self._seen = stamp(self.settings.file)
        self.tell(systemd.reloading())
        if self._tls is not None:
            self._tls.renew()
        try:
            config, found = self.settings.read()
            before = self.gateway.state.config
            self._keys = _stamps(config)
            self.gateway.reload(config)
        except Exception as exc:  # noqa: BLE001 - whatever is wrong with a file must not stop what runs
            self.gateway.refuse(str(exc))
            logger.error("the changed configuration is refused, the one before stays in use: %s", exc)  # noqa: TRY400 - the words say it all
        else:
            logger.warning("configuration read anew: %s", ", ".join(self.gateway.chains))
            if late := [
                name for name in GatewayConfig.model_fields if name not in _AT_ONCE and getattr(before, name) != getattr(found, name)
            ]:
                logger.warning("changed, but in use only after a restart: gateway.%s", ", gateway.".join(late))
        self.tell("READY=1")

    async def _watch(self) -> None:
        """Check the files for changes every second: mounted folders send no notifications."""
        self._seen, shown = stamp(self.settings.file), self._tls and self._tls.stamp
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.tell("WATCHDOG=1")
            self._look_for_parent()
            if stamp(self.settings.file) not in {None, self._seen} or self._has_a_new_key():
                self.reload()
            if self._tls is not None and self._tls.stamp not in {None, shown}:
                shown = self._tls.stamp
                self._tls.renew()

    def _has_a_new_key(self) -> bool:
        """Return whether a file that holds a key has changed since it was read, or has come."""
        now = {file: _stamp_of_key(file) for file in self._keys}
        new = any(shown not in {None, self._keys[file]} for file, shown in now.items())
        self._keys |= {file: shown for file, shown in now.items() if shown is not None}
        return new

    def _look_for_parent(self) -> None:
        """Stop this worker if its parent was killed: it would block the next gateway's port."""
        if self.settings.parent not in {None, os.getppid()} and not self._orphan:
            logger.warning("the gateway's parent process is gone, this worker stops")
            self._orphan = True
            signal.raise_signal(signal.SIGTERM)


def _stamps(config: Config) -> dict[Path, tuple[int, int, int] | None]:
    """Return the files that hold keys, as they are now."""
    return {file: _stamp_of_key(file) for file in config.key_files()}


def _stamp_of_key(file: Path) -> tuple[int, int, int] | None:
    """Return what changes with the key in a file; None while it is not there, or empty because it is being written."""
    found = stamp(file)
    return found if found and found[1] else None


def server_config(application: Any, settings: GatewayConfig, tls: Tls | None = None) -> uvicorn.Config:
    """Return uvicorn's configuration for these settings."""
    config = uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=QuickProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=round(settings.idle_timeout),
        timeout_graceful_shutdown=round(settings.stop_timeout),
        timeout_worker_healthcheck=_SIGN_OF_LIFE,
        ssl_context_factory=tls,
    )
    most = min(settings.max_connections, max(16, file_limit() // 2 - 64))  # each may take two files, one of them towards a provider
    setattr(
        config, LIMITS, ProtocolLimits(settings.header_timeout, settings.body_timeout, settings.write_timeout, settings.stop_timeout, most)
    )
    return config


@contextlib.asynccontextmanager
async def running(settings: ServeSettings) -> AsyncIterator[tuple[Server, Application, str]]:
    """Serve in this event loop while the `with` block runs; yield server, application, address.

    It is for tests and for programs that embed the gateway.
    """
    _, found = settings.read()
    tls = Tls(found) if found.certfile else None
    application = Application(settings, tls=tls)
    server = Server(server_config(application, found, tls), application)
    task = asyncio.create_task(server._serve())  # noqa: SLF001 - `serve` takes the process's signals, which are not ours here
    try:
        while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn has a flag for it, and no event
            await asyncio.sleep(0.005)
        if task.done():
            await task
            raise ConfigError("the gateway did not start; the log says why")
        yield server, application, address(found, server.servers[0].sockets[0])
    finally:
        server.should_exit = True
        await task


def run(settings: ServeSettings, bound: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ConfigError: the configuration is wrong.
    """
    _, found = settings.read()
    tls = Tls(found) if found.certfile else None
    application = Application(settings, tls=tls, owns_process=True)
    config = server_config(application, found, tls)
    if found.workers == 1:
        application.tell = systemd.notify
        Server(config, application).run(sockets=[bound])
    else:
        with shared(settings):
            workers = Workers(config, sockets=[bound])
            workers.run()
        if workers.failed:
            sys.exit(STARTUP_FAILURE)  # as with one process


def _nobody(_: str) -> None:
    """Drop the message: systemd does not watch this process."""


def _store(url: StoreAddress | None) -> Any:
    if url is None:
        return None
    from sparekey import stores  # noqa: PLC0415 - only those who name one need it

    opened: Any = stores.open_store(url)
    return opened


def _host(gateway: Gateway, file: Path, place: StateFiles, reports: Path | None) -> GatewayHost:
    """Return the gateway as the console, the admin API and the metrics see it."""
    from sparekey.gateway.observe.console_host import GatewayHost  # noqa: PLC0415 - as above
    from sparekey.stats.history import History  # noqa: PLC0415 - as above
    from sparekey.stats.worker_reports import WorkerReports  # noqa: PLC0415 - starlette and what else is loaded when the server starts, not with this module

    history = None if place.history is None else History(place.history)
    return GatewayHost(gateway, file, history=history, reports=None if reports is None else WorkerReports(reports))


def _traced(gateway: Gateway) -> Any:
    """Return an ASGI application that traces the gateway's requests."""
    from sparekey.gateway.observe.tracing import traced  # noqa: PLC0415 - its library is an extra

    return traced(gateway)
