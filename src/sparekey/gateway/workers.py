"""Several processes on one port: the parent that starts them, replaces those that die, and stops them in order."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from uvicorn.supervisors import Multiprocess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.gateway.book import Page
    from sparekey.gateway.server import Settings

logger = logging.getLogger("sparekey")


class Workers(Multiprocess):
    """uvicorn's supervisor with a gateway's manners."""

    def handle_hup(self) -> None:
        """Pass a SIGHUP on to those that have started: they read their configuration anew, and none is started anew for it.

        The others read the configuration as they start, and would die of the signal before.
        """
        for process in self.processes:
            if process.pid is not None and process.is_ready(timeout=1):
                os.kill(process.pid, signal.SIGHUP)

    def keep_subprocess_alive(self) -> None:
        """Replace those that died, and say so."""
        before = list(self.processes)
        super().keep_subprocess_alive()
        for old, new in zip(before, self.processes, strict=False):
            if old is not new:
                logger.warning("worker %s ended (exit code %s); worker %s takes its place", old.pid, old.exitcode, new.pid)

    def terminate_all(self) -> None:
        """Let all of them stop. While the parent held the socket, connections would still be taken, and nobody would answer them."""
        for one in self.sockets:
            one.close()
        super().terminate_all()


@contextmanager
def shared(settings: Settings) -> Iterator[None]:
    """Give the workers of a gateway, within the block, what they share: a board, and if the state lives in memory, a file for it."""
    from sparekey.gateway import board  # noqa: PLC0415 - one worker alone never needs it

    place = settings.place()
    try:
        settings.board = folder = board.make()
    except OSError as exc:
        logger.warning("no folder for what the workers tell each other (%s): console and metrics show one of them", exc)
        yield
        return
    try:
        board.write(folder, board.Report(pages=_remembered(settings)))
        if place.store is None:
            settings.move(f"sqlite:///{folder / 'state.db'}")
        yield
    finally:
        board.remove(folder)


def _remembered(settings: Settings) -> dict[str, Page]:
    """Return what the history knows of today: one worker takes it over, so that it is counted once."""
    from sparekey.gateway.remembered import remembered  # noqa: PLC0415 - as above
    from sparekey.stores.history import History  # noqa: PLC0415 - as above

    path = settings.place().history
    if path is None:
        return {}
    with History(path) as history:
        return remembered(history, time.time())
