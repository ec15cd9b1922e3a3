"""How the workers of one gateway know of each other: each pins a report of itself to a board, and whoever answers adds them all up.

The board is a folder of the run's own. A worker takes a place on it that is free, and goes on with the numbers of whoever had it before:
so a worker that is killed takes nothing along but its last second, and no counter goes backwards. No request waits for any of this.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from sparekey.stats.chain_stats import ChainSums  # noqa: TC001 - pydantic reads the annotations
from sparekey.stats.metric_sums import Family  # noqa: TC001 - as above
from sparekey.stores.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EVERY: Final = 1.0
"""Seconds between two reports of a worker."""
GONE: Final = 5.0
"""Seconds without a report after which a worker counts as gone: its numbers stay, what it is doing now does not."""
_CLOSING: Final = 2.0
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


@dataclass(frozen=True, slots=True)
class Report:
    """What one worker says of itself.

    Attributes:
        at: when, in seconds since 1970; 0 once it is over.
        running: requests under way.
        pages: its books, by chain.
        families: what it has counted, as metrics.
    """

    at: float = 0.0
    running: int = 0
    pages: dict[str, ChainSums] = field(default_factory=dict)
    families: list[Family] = field(default_factory=list)


def make() -> Path:
    """Make a folder for a board, for this user only.

    Raises:
        OSError: there is no place for it.
    """
    try:
        return Path(tempfile.mkdtemp(prefix="sparekey-"))
    except OSError:
        return Path(tempfile.mkdtemp(prefix="sparekey-", dir=_MEMORY))


def write(folder: Path, report: Report, place: int = 0) -> None:
    """Pin a report to a place."""
    file, fresh = folder / f"{place}.json", folder / f"{place}.new"
    fresh.write_bytes(_adapter().dump_json(report))
    fresh.replace(file)


def remove(folder: Path) -> None:
    """Take a board down."""
    shutil.rmtree(folder, ignore_errors=True)


class Board:
    """A board as one worker uses it. Thread-safe."""

    def __init__(self, folder: Path, wall: Callable[[], float] = time.time) -> None:
        """Take a place on a board, and read what its owner before has left."""
        self._folder, self._wall = folder, wall
        self._lock = Lock()
        self._seen: dict[Path, tuple[tuple[int, int], Report]] = {}
        self._all: Sequence[Report] = ()
        self._worker: Worker | None = None
        self._told: Callable[[], Report] = Report
        self.place, self._handle = _taken(folder)
        self.left = next((one for place, one in self._reports() if place == self.place), Report())

    def begin(self, told: Callable[[], Report]) -> None:
        """Pin a report every second from now on; `told` makes it."""
        self._told = told
        self.pin()
        self._worker = Worker("sparekey board", self.pin, EVERY, lambda: None)
        self._worker.start()

    def pin(self) -> None:
        """Pin a report now. A board that is gone is no reason to fail."""
        with self._lock, suppress(OSError):
            write(self._folder, replace(self._told(), at=self._wall()), self.place)

    def all(self) -> Sequence[Report]:
        """Return the reports of all workers, gone ones too; the very same value while none has changed."""
        with self._lock:
            found = [report for _, report in self._reports()]
            if len(found) != len(self._all) or any(new is not old for new, old in zip(found, self._all, strict=True)):
                self._all = found
            return self._all

    def living(self) -> list[Report]:
        """Return the reports of the workers that run."""
        now = self._wall()
        return [report for report in self.all() if abs(now - report.at) < GONE]

    def close(self) -> None:
        """Leave what was counted, and the place to another."""
        if self._worker is None or self._worker.closed:
            return
        self._worker.close(_CLOSING)
        with self._lock, suppress(OSError):
            write(self._folder, replace(self._told(), at=0.0, running=0), self.place)
        os.close(self._handle)

    def _reports(self) -> list[tuple[int, Report]]:
        found = []
        for file in sorted(self._folder.glob("*.json")):
            with suppress(OSError, ValidationError):
                found.append((int(file.stem), self._read(file)))
        return found

    def _read(self, file: Path) -> Report:
        stat = file.stat()
        version = (stat.st_mtime_ns, stat.st_ino)
        known = self._seen.get(file)
        if known is None or known[0] != version:
            known = self._seen[file] = version, _adapter().validate_json(file.read_bytes())
        return known[1]


def _taken(folder: Path) -> tuple[int, int]:
    """Return the first free place, and what keeps it: a lock, which the system takes away when the process ends, however it ends."""
    place = 0
    while True:
        handle = os.open(folder / f"{place}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        if _locked(handle):
            return place, handle
        os.close(handle)
        place += 1


def _locked(handle: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt  # noqa: PLC0415 - there only

            getattr(msvcrt, "locking")(handle, getattr(msvcrt, "LK_NBLCK"), 1)  # noqa: B009 - type checkers look elsewhere
        else:
            import fcntl  # noqa: PLC0415 - not on Windows

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


_ADAPTERS: Final[list[TypeAdapter[Any]]] = []


def _adapter() -> TypeAdapter[Any]:
    """Return what reads and writes reports; making it takes a moment, and one worker alone never needs it."""
    if not _ADAPTERS:
        _ADAPTERS.append(TypeAdapter(Report))
    return _ADAPTERS[0]
