"""The process of the gateway: it listens, reads its configuration anew, and stops in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from sparekey.config import load_config
from sparekey.config.gateway import GatewayConfig, open_to_all
from sparekey.errors import ConfigError
from sparekey.gateway import notify
from sparekey.gateway.access_log import AccessLog
from sparekey.gateway.app import Gateway
from sparekey.gateway.connecting import client_of, proxies_of
from sparekey.gateway.draining import Server
from sparekey.gateway.protocol import LIMITS, GatewayProtocol, Limits
from sparekey.gateway.tls import Tls, stamp
from sparekey.gateway.writer import Writer, logging_through

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

logger = logging.getLogger("sparekey")

LOOK_SECONDS: Final = 1.0
"""Seconds between two looks at the configuration file."""
_BACKLOG: Final = 4096
_AT_ONCE: Final = frozenset({"clients", "admin_key", "admin_key_sha256", "max_body_mb", "body_timeout", "chat", "embedding"})
"""What a reload changes; the rest of the section is settled when the process starts."""


class Settings:
    """What the command line says, over what the configuration says; passed on to workers as it is."""

    def __init__(
        self,
        file: Path,
        *,
        host: str | None = None,
        port: int | None = None,
        workers: int | None = None,
        store: str | None = None,
    ) -> None:
        """Take the configuration's file, and what stands above it."""
        self.file = file
        self._host, self._port, self._workers, self._store = host, port, workers, store

    def read(self) -> tuple[Any, GatewayConfig]:
        """Return the configuration and the settings of the gateway in it.

        Raises:
            ConfigError: it is wrong, or would let strangers in.
        """
        config = load_config(self.file)
        given = {"host": self._host, "port": self._port, "workers": self._workers, "store": self._store}
        found = config.gateway or GatewayConfig()
        found = found.model_copy(update={name: value for name, value in given.items() if value is not None})
        if fault := open_to_all(found.host, has_clients=bool(found.clients)):
            raise ConfigError(f"{self.file}: gateway.host: {fault}")
        proxies_of(found)
        config.gateway = found
        return config, found


class Application:
    """The ASGI application of one process: made when its event loop runs, so that workers make their own."""

    def __init__(self, settings: Settings, *, tls: Tls | None = None, owns_process: bool = False) -> None:
        """Take the settings.

        Args:
            settings: the configuration's file, and what stands above it.
            tls: the certificate, which is watched; None: the gateway speaks plain HTTP.
            owns_process: whether the process is the gateway's alone: then all that it logs is written without waiting.
        """
        self.settings, self._tls, self._owns_process = settings, tls, owns_process
        self.tell: Callable[[str], object] = _nobody
        self.gateway: Gateway | None = None
        self._watching: asyncio.Task[None] | None = None
        self._tracing: Any = None
        self._open: contextlib.ExitStack | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve."""
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
        """Make the gateway, and watch its configuration."""
        raise_file_limit()
        config, settings = self.settings.read()
        store = _store(settings.store)
        log, self._open = Writer(), contextlib.ExitStack()
        self._open.callback(log.close)
        if self._owns_process:
            self._open.enter_context(logging_through(log))
        self.gateway = Gateway(config, client_of(settings), store=store)
        self.gateway.log = log
        if settings.access_log:
            self.gateway.observers.append(AccessLog(log))
        self.gateway.admin = _admin(self.gateway, self.settings.file)
        self._tracing = _traced(self.gateway) if settings.opentelemetry else None
        self._watching = asyncio.create_task(self._watch())
        gc.freeze()  # what is there now stays: no collection needs to look at it again
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError, AttributeError):  # Windows, or not the main thread
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)

    async def stop(self) -> None:
        """Close what is open."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        if self.gateway is not None:
            self.gateway.admin.close()
            await self.gateway.client.aclose()
            if self._tracing is not None:
                await asyncio.to_thread(self._tracing.close)
            if callable(close := getattr(self.gateway.store, "close", None)):
                await asyncio.to_thread(close)
        await asyncio.to_thread(self._close_log)

    def _close_log(self) -> None:
        """Write what waits, and let the log be written as before."""
        if self._open is not None:
            self._open.close()

    def reload(self) -> None:
        """Read the configuration and the certificate anew; a bad one is refused, and the old one stays."""
        assert self.gateway is not None
        self.tell(notify.reloading())
        if self._tls is not None:
            self._tls.renew()
        try:
            config, found = self.settings.read()
            before = self.gateway.state.config
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
        """Look at the files now and then: their folder may be a mounted one, of which nobody tells."""
        seen, shown = stamp(self.settings.file), self._tls and self._tls.stamp
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.tell("WATCHDOG=1")
            now = stamp(self.settings.file)
            if now not in {None, seen}:
                seen = now
                self.reload()
            if self._tls is not None and self._tls.stamp not in {None, shown}:
                shown = self._tls.stamp
                self._tls.renew()


class Workers(notify.Announced):
    """Several processes on one port. A SIGHUP goes on to each: they read their configuration anew, and none is started anew for it."""

    def handle_hup(self) -> None:
        """Pass it on to those that have started; the others read the configuration as they start, and would die of it before."""
        for process in self.processes:
            if process.pid is not None and process.is_ready(timeout=1):
                os.kill(process.pid, signal.SIGHUP)


def server_config(application: Any, settings: GatewayConfig, tls: Tls | None = None) -> uvicorn.Config:
    """Return how uvicorn is to serve."""
    config = uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=GatewayProtocol,
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
        ssl_context_factory=tls,
    )
    most = min(settings.max_connections, max(16, file_limit() // 2 - 64))  # each may take two files, one of them towards a provider
    setattr(config, LIMITS, Limits(settings.header_timeout, settings.write_timeout, settings.stop_timeout, most))
    return config


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple[Server, Application, str]]:
    """Serve within the block, in this event loop; hand out server, application and address. For tests and for those who embed it."""
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


def run(settings: Settings, bound: socket.socket) -> None:
    """Serve until a signal says stop.

    Raises:
        ConfigError: the configuration is wrong.
    """
    _, found = settings.read()
    tls = Tls(found) if found.certfile else None
    application = Application(settings, tls=tls, owns_process=True)
    config = server_config(application, found, tls)
    if found.workers == 1:
        application.tell = notify.notify
        Server(config, application).run(sockets=[bound])
    else:
        Workers(config, sockets=[bound]).run()


def bind(settings: GatewayConfig) -> socket.socket:
    """Return the socket that all workers share.

    Raises:
        ConfigError: the address is taken, or is none of this machine's.
    """
    import socket as sockets  # noqa: PLC0415 - the name is that of what is made here

    family = sockets.AF_INET6 if ":" in settings.host else sockets.AF_INET
    bound = sockets.socket(family)
    bound.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host.strip("[]"), settings.port))
    except OSError as exc:
        bound.close()
        why = exc.strerror or type(exc).__name__
        raise ConfigError(f"cannot listen on {settings.host}:{settings.port}: {why}; choose another --port or --host") from None
    bound.set_inheritable(True)
    return bound


def address(settings: GatewayConfig, bound: Any) -> str:
    """Return the address at which the gateway is reached."""
    host = settings.host if ":" not in settings.host or settings.host.startswith("[") else f"[{settings.host}]"
    return f"{'https' if settings.certfile else 'http'}://{host}:{bound.getsockname()[1]}"


def file_limit() -> int:
    """Return how many files the system lets this process open, once `raise_file_limit` has asked for all of them."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on Windows

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return hard if hard != resource.RLIM_INFINITY else sys.maxsize
    return sys.maxsize


def raise_file_limit() -> None:
    """Allow this process as many open connections as the system lets it: each stream holds two."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on Windows

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _nobody(_: str) -> None:
    """Tell nobody."""


def _store(url: str | None) -> Any:
    if url is None:
        return None
    from sparekey import stores  # noqa: PLC0415 - only those who name one need it

    opened: Any = stores.open_store(url)
    return opened


def _admin(gateway: Gateway, file: Path) -> Any:
    """Return what serves the console, the admin API and the metrics."""
    from sparekey.gateway.host import GatewayHost  # noqa: PLC0415 - starlette is loaded when the server starts, not with this module

    return GatewayHost(gateway, file).admin()


def _traced(gateway: Gateway) -> Any:
    """Return the gateway with its requests traced."""
    from sparekey.gateway.tracing import traced  # noqa: PLC0415 - its library is an extra

    return traced(gateway)
