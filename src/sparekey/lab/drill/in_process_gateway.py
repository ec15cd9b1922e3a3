"""A gateway in this process: the real application on a real socket, in a thread with its own loop.

Only the clock and the source of chance are the drill's; the rest is what `sparekey serve` runs.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from sparekey.config.gateway import GatewayClient, GatewayConfig
from sparekey.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from sparekey.config import Config
    from sparekey.gateway.api.app import Gateway
    from sparekey.gateway.api.request_handler import Finished
    from sparekey.gateway.api.served_chains import Served
    from sparekey.lab.drill.clock import Clock
    from sparekey.lab.virtual_time import VirtualTime
    from sparekey.stores import Keeper

KEY: Final = "spk-drill-2b7e151628aed2a6abf7158809cf4f3c"
"""The key of the drill's client."""
BEARER: Final = f"Bearer {KEY}"
_START: Final = 20.0
_STOP: Final = 10.0
_REPLACED: Final = {
    "host",
    "port",
    "workers",
    "store",
    "clients",
    "admin_key",
    "admin_key_sha256",
    "certfile",
    "keyfile",
    "chat",
    "embedding",
}


def settings(config: GatewayConfig | None, **more: Any) -> GatewayConfig:
    """Return the gateway's settings in the drill.

    Its limits stay as configured. It listens on loopback, writes no log, and accepts only the
    drill's client. `more` are further fields to set.
    """
    kept = config.model_dump(exclude=_REPLACED, exclude_unset=True) if config else {}
    client = GatewayClient(name="drill", key_sha256=sha256(KEY.encode()).hexdigest())
    return GatewayConfig.model_validate({**kept, "port": 0, "stop_timeout": 2.0, "access_log": False, "clients": [client], **more})


class InProcessGateway:
    """A running gateway. Its methods may be called from any thread; `close` ends it.

    Attributes:
        url: its address.
        gateway: the application.
        finished: every request that has ended, in order.
    """

    url: str
    gateway: Gateway

    def __init__(
        self, config: Config, clock: Clock, dice: Callable[[], float], follow: Callable[[Served], None], store: Keeper | None = None
    ) -> None:
        """Serve a configuration, and return once the gateway listens.

        Args:
            config: the whole configuration.
            clock: the drill's clock.
            dice: the engine's source of chance.
            follow: called with each chain before it is served, after a reload too.
            store: keeps the chains' state; None: the state lives in this process.

        Raises:
            ConfigError: the configuration cannot be served.
            MissingExtraError: the gateway's packages are not installed.
        """
        self.finished: list[Finished] = []
        self._follow = follow
        self._fault: BaseException | None = None
        self._up, self._down = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(config, clock, dice, store), daemon=True)
        self._thread.start()
        self._up.wait(_START)
        if self._fault is not None:
            raise self._fault

    def do(self, work: Callable[[], Any]) -> Any:
        """Call a function in the gateway's thread, and return its result."""

        async def called() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result(_STOP)

    def tell(self) -> None:
        """Have hooks and observers told now of what was served on the quick path, not soon."""
        if self.gateway.quick is not None:
            self.do(self.gateway.quick.batch.flush)

    @property
    def served_quickly(self) -> Counter[str]:
        """How many requests were served on the quick path (`taken`), and why others were not; empty if it is off."""
        return served_quickly(self.gateway)

    def close(self) -> None:
        """Stop serving; a second call does nothing."""
        with suppress(RuntimeError):  # the event loop has ended already
            self._loop.call_soon_threadsafe(self._down.set)
        self._thread.join(_STOP)

    def _run(self, *parts: Any) -> None:
        try:
            uvicorn = _uvicorn()
            with asyncio.Runner(loop_factory=uvicorn.Config(None, log_config=None).get_loop_factory()) as runner:
                runner.run(self._serve(uvicorn, *parts))
        except BaseException as exc:  # noqa: BLE001 - raised where the gateway was asked for
            self._fault = exc
        finally:
            self._up.set()

    async def _serve(self, uvicorn: Any, config: Config, clock: Clock, dice: Callable[[], float], store: Keeper | None) -> None:
        gateway, server_config = application(config, clock, dice, self._follow, store)
        gateway.observers.append(self.finished.append)
        server = uvicorn.Server(server_config)
        serving = asyncio.create_task(server._serve())  # noqa: SLF001 - `serve` takes the process's signals, which are not ours here
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has a flag for it, and no event
            await asyncio.sleep(0.002)
        self._loop, self.gateway = asyncio.get_running_loop(), gateway
        self.url = address(server)
        self._up.set()
        await self._down.wait()
        gateway.admin.close()
        server.should_exit = True
        await serving
        if gateway.quick is not None:
            gateway.quick.batch.flush()


def application(
    config: Config,
    clock: Clock | VirtualTime,
    dice: Callable[[], float],
    follow: Callable[[Served], None],
    store: Keeper | None = None,
) -> tuple[Gateway, Any]:
    """Return the application as `sparekey serve` runs it, and uvicorn's configuration for it.

    It is to be called on the event loop that serves.

    Args:
        config: the whole configuration.
        clock: the drill's clock.
        dice: the engine's source of chance.
        follow: called with each chain before it is served.
        store: keeps the chains' state; None: the state lives in this process.

    Raises:
        ConfigError: the configuration cannot be served.
        MissingExtraError: the gateway's packages are not installed.
    """
    _uvicorn()
    from sparekey.gateway.api.app import Gateway  # noqa: PLC0415 - its packages are an extra
    from sparekey.gateway.api.served_chains import Timing  # noqa: PLC0415 - as above
    from sparekey.gateway.observe.console_host import GatewayHost  # noqa: PLC0415 - as above
    from sparekey.gateway.process.server import server_config  # noqa: PLC0415 - as above
    from sparekey.gateway.quick.path import opened  # noqa: PLC0415 - as above

    gateway = Gateway(config, _upstream(config), store=store, timing=Timing(clock, dice, clock.scale, clock.asleep))
    gateway.admin = GatewayHost(gateway).admin()
    gateway.newcomers.append(follow)
    for served in gateway.chains.values():
        follow(served)
    gateway.quick = opened(gateway)
    return gateway, server_config(gateway, gateway.state.config)


def served_quickly(gateway: Gateway) -> Counter[str]:
    """Return how many requests a gateway served on its quick path (`taken`), and why others were not; empty if it is off."""
    return Counter() if gateway.quick is None else gateway.quick.counts.copy()


def _upstream(config: Config) -> Any:
    """Return what connects to the providers, which are all on this machine: no proxy is asked."""
    if config.gateway is not None and config.gateway.upstream == "aiohttp":
        from sparekey.gateway.upstream.aiohttp_client import AiohttpClient  # noqa: PLC0415 - its library is an extra

        return AiohttpClient()
    from sparekey.gateway.upstream.pool import ConnectionPool  # noqa: PLC0415 - as above

    return ConnectionPool()


@asynccontextmanager
async def served_here(
    config: Config, clock: VirtualTime, dice: Callable[[], float], follow: Callable[[Served], None]
) -> AsyncIterator[tuple[Gateway, str]]:
    """Serve on this event loop within the block; hand out the application and its address.

    uvicorn's own main loop is left out: it checks flags ten times a second, which would be most of
    the work of a day in virtual time.
    """
    gateway, settings = application(config, clock, dice, follow)
    server = _uvicorn().Server(settings)
    settings.load()
    server.lifespan = settings.lifespan_class(settings)
    await server.startup()
    try:
        yield gateway, address(server)
    finally:
        gateway.admin.close()
        await server.shutdown()
        if gateway.quick is not None:
            gateway.quick.batch.flush()


def address(server: Any) -> str:
    """Return the address at which a server of uvicorn listens."""
    return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"


def _uvicorn() -> Any:
    try:
        import uvicorn  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtraError("the gateway", "gateway") from None
    if not (log := logging.getLogger("uvicorn")).hasHandlers():
        log.addHandler(logging.NullHandler())  # rows send what is no HTTP, and nobody needs to read of it on standard error
    return uvicorn
