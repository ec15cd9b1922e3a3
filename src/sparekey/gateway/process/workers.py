"""Several processes on one port: the parent that starts them, replaces those that die, and stops them in order."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from sparekey.gateway.process.systemd import notify

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    import uvicorn

    from sparekey.gateway.process.server import ServeSettings
    from sparekey.stats.chain_stats import ChainReport

logger = logging.getLogger("sparekey")

_LOOK: Final = 0.05
_STARTING: Final = 60.0
"""Seconds that a worker has to start; afterwards one that gives no sign of itself is replaced."""


class WorkerProcess(Process):
    """A worker: it stops as one process alone does."""

    @property
    def server(self) -> uvicorn.Server:
        """The server, made in the worker itself."""
        if self._server is None:
            self._server = _server_of(self.config)
        return self._server


def _server_of(config: uvicorn.Config) -> uvicorn.Server:
    from sparekey.gateway.process.draining import Server  # noqa: PLC0415 - uvicorn is loaded when workers are

    class WorkerServer(Server):
        """Stops when it is first told to. Terminals and systemd tell a whole group, and the parent tells again: that means no hurry."""

        def handle_exit(self, sig: int, frame: Any) -> None:
            if not self.should_exit:
                super().handle_exit(sig, frame)

    return WorkerServer(config, config.app)  # type: ignore[arg-type]  # it is ours


class Workers(Multiprocess):
    """uvicorn's supervisor with a gateway's manners.

    Attributes:
        failed: whether a worker could not start.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        """Take how to serve, and the sockets to listen on."""
        super().__init__(config, sockets)
        self.failed = self._announced = False
        self._born: WeakKeyDictionary[Process, float] = WeakKeyDictionary()

    def init_processes(self) -> None:
        """Start the workers."""
        self.processes.extend(self._started() for _ in range(self.processes_num))

    def handle_ttin(self) -> None:
        """Start one more: the signal that servers know for it."""
        self.processes_num += 1
        self.processes.append(self._started())

    def _started(self) -> Process:
        process = WorkerProcess(self.config, self.sockets)
        process.start()
        return process

    def handle_hup(self) -> None:
        """Pass a SIGHUP on to those that have started: they read their configuration anew, and none is started anew for it.

        The others read the configuration as they start, and would die of the signal before.
        """
        for process in self.processes:
            if process.pid is not None and process.is_ready(timeout=1):
                os.kill(process.pid, signal.SIGHUP)

    def keep_subprocess_alive(self) -> None:
        """Replace those that died, and say so; if one cannot even start, none could, and all stop."""
        self._announce()
        for place, process in enumerate(self.processes):
            if self.should_exit.is_set() or self._lives(process):
                continue
            process.kill()
            process.join()
            if process.exitcode == STARTUP_FAILURE:
                logger.error("worker %s could not start, the gateway stops", process.pid)
                self.failed = True
                self.should_exit.set()
                return
            self.processes[place] = fresh = self._started()
            logger.warning("worker %s ended (exit code %s); worker %s takes its place", process.pid, process.exitcode, fresh.pid)

    def _announce(self) -> None:
        """Speak to systemd for all of them: that they live, and once that all serve."""
        notify("WATCHDOG=1")
        if not self._announced and all(process.is_ready(timeout=1) for process in self.processes):
            self._announced = True
            notify("READY=1")

    def _lives(self, process: Process) -> bool:
        """Tell whether a worker lives. One that starts gives no sign of itself for a while, on a machine that has other things to do."""
        born = self._born.setdefault(process, time.monotonic())
        if time.monotonic() - born < _STARTING:
            return process.process.is_alive()
        return process.is_alive(timeout=self.config.timeout_worker_healthcheck)

    def terminate_all(self) -> None:
        """Let all of them stop. While the parent held the socket, connections would still be taken, and nobody would answer them."""
        notify("STOPPING=1")
        for one in self.sockets:
            one.close()
        self.signal_queue.clear()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait for them; a second signal ends them at once."""
        while any(process.process.is_alive() for process in self.processes):
            time.sleep(_LOOK)
            if any(sig in {signal.SIGINT, signal.SIGTERM} for sig in self.signal_queue):
                for process in self.processes:
                    process.kill()
        super().join_all()


@contextmanager
def shared(settings: ServeSettings) -> Iterator[None]:
    """Give the workers of a gateway, within the block, what they share: a folder for reports, and a file if the state lives in memory."""
    from sparekey.stats import worker_reports  # noqa: PLC0415 - one worker alone never needs it

    place = settings.place()
    try:
        settings.reports = folder = worker_reports.make()
    except OSError as exc:
        logger.warning("no folder for what the workers tell each other (%s): console and metrics show one of them", exc)
        yield
        return
    try:
        worker_reports.write(folder, worker_reports.WorkerReport(chains=_remembered(settings)))
        if place.store is None:
            settings.move(f"sqlite:///{folder / 'state.db'}")
        yield
    finally:
        worker_reports.remove(folder)


def _remembered(settings: ServeSettings) -> dict[str, ChainReport]:
    """Return what the history knows of today: one worker takes it over, so that it is counted once."""
    from sparekey.stats.history import History  # noqa: PLC0415 - as above
    from sparekey.stats.restart import remembered  # noqa: PLC0415 - as above

    path = settings.place().history
    if path is None:
        return {}
    with History(path) as history:
        return remembered(history, time.time())
