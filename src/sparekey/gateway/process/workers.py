"""Several workers on one port: the parent starts them, replaces dead ones, and stops them."""

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

    from sparekey.gateway.process.serve_settings import ServeSettings
    from sparekey.stats.chain_stats import ChainReport

logger = logging.getLogger("sparekey")

_LOOK: Final = 0.05
_STARTING: Final = 60.0
"""Seconds that a worker has to start. After that, one that does not answer is replaced."""


class WorkerProcess(Process):
    """A worker, which starts and stops like a single process."""

    @property
    def server(self) -> uvicorn.Server:
        """The server, created in the worker's own process."""
        if self._server is None:
            self._server = _server_of(self.config)
        return self._server


def _server_of(config: uvicorn.Config) -> uvicorn.Server:
    from sparekey.gateway.process.draining import Server  # noqa: PLC0415 - uvicorn is loaded when workers are

    class WorkerServer(Server):
        """Treats a second signal like the first one.

        Terminals and systemd signal the whole group, and the parent then signals again: that is no
        request to hurry.
        """

        def handle_exit(self, sig: int, frame: Any) -> None:
            if not self.should_exit:
                super().handle_exit(sig, frame)

    return WorkerServer(config, config.app)  # type: ignore[arg-type]  # it is ours


class Workers(Multiprocess):
    """The parent: uvicorn's supervisor, with reloads and an orderly stop.

    Attributes:
        failed: whether a worker failed to start.
    """

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        """Create the supervisor; the workers listen on `sockets`."""
        super().__init__(config, sockets)
        self.failed = self._announced = False
        self._born: WeakKeyDictionary[Process, float] = WeakKeyDictionary()

    def init_processes(self) -> None:
        """Start the workers."""
        self.processes.extend(self._started() for _ in range(self.processes_num))

    def handle_ttin(self) -> None:
        """Start one more worker, on SIGTTIN as other servers do."""
        self.processes_num += 1
        self.processes.append(self._started())

    def _started(self) -> Process:
        process = WorkerProcess(self.config, self.sockets)
        process.start()
        return process

    def handle_hup(self) -> None:
        """Pass a SIGHUP on to the workers that have started, so that they reload.

        Workers that are still starting read the new configuration anyway, and would die of the
        signal.
        """
        for process in self.processes:
            if process.pid is not None and process.is_ready(timeout=1):
                os.kill(process.pid, signal.SIGHUP)

    def keep_subprocess_alive(self) -> None:
        """Replace dead workers and log it.

        If a worker cannot start, stop: the next one could not.
        """
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
        """Tell systemd that the workers are alive and, once, that all of them serve."""
        notify("WATCHDOG=1")
        if not self._announced and all(process.is_ready(timeout=1) for process in self.processes):
            self._announced = True
            notify("READY=1")

    def _lives(self, process: Process) -> bool:
        """Return whether a worker is alive.

        For a minute after its start its process need only exist.
        """
        born = self._born.setdefault(process, time.monotonic())
        if time.monotonic() - born < _STARTING:
            return process.process.is_alive()
        return process.is_alive(timeout=self.config.timeout_worker_healthcheck)

    def terminate_all(self) -> None:
        """Tell all workers to stop.

        The parent closes its sockets first. Otherwise the system would still accept connections,
        which nobody answers.
        """
        notify("STOPPING=1")
        for one in self.sockets:
            one.close()
        self.signal_queue.clear()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait until all workers have stopped; a second signal kills them at once."""
        while any(process.process.is_alive() for process in self.processes):
            time.sleep(_LOOK)
            if any(sig in {signal.SIGINT, signal.SIGTERM} for sig in self.signal_queue):
                for process in self.processes:
                    process.kill()
        super().join_all()


@contextmanager
def shared(settings: ServeSettings) -> Iterator[None]:
    """Provide what the workers share while the `with` block runs.

    That is a folder for their reports, a file for the state if it is kept in memory, and the number
    of this process, without which they stop.
    """
    from sparekey.stats import worker_reports  # noqa: PLC0415 - one worker alone never needs it

    place = settings.place()
    settings.parent = os.getpid()
    try:
        settings.reports = folder = worker_reports.make()
    except OSError as exc:
        logger.warning("no folder for what the workers tell each other (%s): console and metrics show one of them", exc)
        yield
        return
    try:
        worker_reports.write(folder, worker_reports.WorkerReport(chains=_stored_reports(settings)))
        if place.store is None:
            settings.move(f"sqlite:///{folder / 'state.db'}")
        yield
    finally:
        worker_reports.remove(folder)


def _stored_reports(settings: ServeSettings) -> dict[str, ChainReport]:
    """Return today's numbers from the history. Only one worker takes them, so they count once."""
    from sparekey.stats.history import History  # noqa: PLC0415 - as above
    from sparekey.stats.restart import stored_reports  # noqa: PLC0415 - as above

    path = settings.place().history
    if path is None:
        return {}
    with History(path) as history:
        return stored_reports(history, time.time())
