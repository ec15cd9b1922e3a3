"""How a process of the gateway starts and stops serving.

It stops within a time limit, tells clients that it is stopping, and exits at once on a second
signal.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import uvicorn

from sparekey.gateway.http.protocol import LIMITS

if TYPE_CHECKING:
    import socket

    from sparekey.gateway.process.server import Application


class Server(uvicorn.Server):
    """uvicorn's server, which finishes running requests before it stops listening."""

    def __init__(self, config: uvicorn.Config, application: Application) -> None:
        """Create the server of `application`; `config` carries our `ProtocolLimits`."""
        super().__init__(config)
        self._application = application
        self._stop_timeout: float = getattr(config, LIMITS).stop_timeout

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, and tell systemd that the process is ready."""
        await super().startup(sockets)
        self._application.tell("READY=1")

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Start to stop: refuse new requests, finish running ones. A second signal ends at once."""
        self.force_exit = self.should_exit
        if self._application.gateway is not None:
            self._application.gateway.draining = True
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait for running requests, up to `stop_timeout` seconds, then stop.

        The server listens meanwhile, so that `/readyz` and new clients get a proper answer.
        """
        self._application.tell("STOPPING=1")
        gateway, loop = self._application.gateway, asyncio.get_running_loop()
        end = loop.time() + self._stop_timeout
        if gateway is not None:
            gateway.draining = True
            while gateway.running and not self.force_exit and loop.time() < end:  # noqa: ASYNC110 - as uvicorn waits
                await asyncio.sleep(0.05)
        self.config.timeout_graceful_shutdown = max(0, math.ceil(end - loop.time()))
        await super().shutdown(sockets)
