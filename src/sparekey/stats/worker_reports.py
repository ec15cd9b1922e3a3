"""How a gateway's workers share their numbers: each writes a report a second, readers add them up.

The reports are files in a folder of this run. A worker takes a free number there; a lock marks it
as taken, and the system releases it however the worker ends. The worker continues the counts of the
number's previous owner. So a killed worker loses its last second only, and no counter goes
backwards. No request waits for any of this.

Three kinds of values add up: counts and records of chains (`ChainReport`), and metrics
(`MetricFamily`), sample by sample.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter

from sparekey.stats.chain_stats import ChainReport  # noqa: TC001 - pydantic reads the annotations
from sparekey.stores.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

EVERY: Final = 1.0
"""Seconds between two reports of a worker."""
GONE: Final = 5.0
"""Seconds without a report after which a worker counts as gone.

Its counts stay, its running requests do not.
"""
_CLOSING: Final = 2.0
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One metric with its samples: name, labels, value."""

    name: str
    kind: str
    text: str
    samples: list[tuple[str, Labels, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """The report of one worker.

    Attributes:
        at: when it was written, in seconds since 1970; 0: the worker has ended.
        running: the number of running requests.
        chains: the statistics of its chains by name.
        metrics: its metrics.
    """

    at: float = 0.0
    running: int = 0
    chains: dict[str, ChainReport] = field(default_factory=dict)
    metrics: list[MetricFamily] = field(default_factory=list)


def summed(families: Iterable[MetricFamily]) -> list[MetricFamily]:
    """Add up families of the same name, keeping the order of names and samples."""
    heads: dict[str, MetricFamily] = {}
    sums: dict[str, dict[tuple[str, Labels], float]] = {}
    for family in families:
        heads.setdefault(family.name, family)
        into = sums.setdefault(family.name, {})
        for name, labels, value in family.samples:
            into[name, labels] = into.get((name, labels), 0.0) + value
    return [replace(head, samples=[(*key, value) for key, value in sums[name].items()]) for name, head in heads.items()]


def make() -> Path:
    """Create a folder for reports that only this user can read.

    Raises:
        OSError: there is no room for it.
    """
    try:
        return Path(tempfile.mkdtemp(prefix="sparekey-"))
    except OSError:
        return Path(tempfile.mkdtemp(prefix="sparekey-", dir=_MEMORY))


def write(folder: Path, report: WorkerReport, number: int = 0) -> None:
    """Write the report of the worker with this number, atomically."""
    file, fresh = folder / f"{number}.json", folder / f"{number}.new"
    fresh.write_bytes(_adapter().dump_json(report, exclude_defaults=True))
    fresh.replace(file)


def remove(folder: Path) -> None:
    """Delete the folder."""
    shutil.rmtree(folder, ignore_errors=True)


class WorkerReports:
    """One worker's view of all reports. Thread-safe.

    Attributes:
        number: this worker's number.
        before: the last report of the number's previous owner.
    """

    def __init__(self, folder: Path, wall: Callable[[], float] = time.time) -> None:
        """Take a free number, and read its previous owner's report."""
        self._folder, self._wall = folder, wall
        self._lock = Lock()
        self._read: dict[Path, tuple[tuple[int, int], WorkerReport]] = {}
        self._all: Sequence[WorkerReport] = ()
        self._worker: Worker | None = None
        self._make: Callable[[], WorkerReport] = WorkerReport
        self.number, self._handle = _free_number(folder)
        self.before = next((one for number, one in self._reports() if number == self.number), WorkerReport())

    def begin(self, make: Callable[[], WorkerReport]) -> None:
        """Write a report every second from now on; `make` returns it."""
        self._make = make
        self.write()
        self._worker = Worker("sparekey reports", self.write, EVERY, lambda: None)
        self._worker.start()

    def write(self) -> None:
        """Write a report now; do nothing if the folder is gone."""
        with self._lock, suppress(OSError):
            write(self._folder, replace(self._make(), at=self._wall()), self.number)

    def all(self) -> Sequence[WorkerReport]:
        """Return the reports of all workers, gone ones too; the same object while none changes."""
        with self._lock:
            found = [report for _, report in self._reports()]
            if len(found) != len(self._all) or any(new is not old for new, old in zip(found, self._all, strict=True)):
                self._all = found
            return self._all

    def living(self) -> list[WorkerReport]:
        """Return the reports of running workers."""
        now = self._wall()
        return [report for report in self.all() if abs(now - report.at) < GONE]

    def close(self) -> None:
        """Write the last report, and release the number for another worker."""
        if self._worker is None or self._worker.closed:
            return
        self._worker.close(_CLOSING)
        with self._lock, suppress(OSError):
            write(self._folder, replace(self._make(), at=0.0, running=0), self.number)
        os.close(self._handle)

    def _reports(self) -> list[tuple[int, WorkerReport]]:
        found = []
        for file in sorted(self._folder.glob("*.json")):
            with suppress(OSError, ValueError, AttributeError, TypeError):
                found.append((int(file.stem), self._report(file)))
        return found

    def _report(self, file: Path) -> WorkerReport:
        stat = file.stat()
        version = (stat.st_mtime_ns, stat.st_ino)
        known = self._read.get(file)
        if known is None or known[0] != version:
            known = self._read[file] = version, _adapter().validate_python(_current(json.loads(file.read_bytes())))
        return known[1]


def _free_number(folder: Path) -> tuple[int, int]:
    """Return the first free number and the handle of its lock."""
    number = 0
    while True:
        handle = os.open(folder / f"{number}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        if _locked(handle):
            return number, handle
        os.close(handle)
        number += 1


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
    """Return the adapter that reads and writes reports; created on first use because it is slow."""
    if not _ADAPTERS:
        _ADAPTERS.append(TypeAdapter(WorkerReport))
    return _ADAPTERS[0]


def _current(report: Any) -> Any:
    """Return a report in today's form.

    Reports from before December 2026 appear if the package is upgraded while workers run.
    """
    if "pages" not in report:
        return report
    chains = {
        name: {
            "credentials": {
                credential: {"day": row["tally"], "latency": row["latency"], "first_content": row["first"]}
                for credential, row in page["rows"].items()
            },
            "timeline": page["moments"],
            "failures": [_failed(one) for one in page["misses"]],
            "last_failures": {credential: _failed(one) for credential, one in page["last"].items()},
            "revision": page["revision"],
        }
        for name, page in report["pages"].items()
    }
    return {"at": report["at"], "running": report["running"], "chains": chains, "metrics": report["families"]}


def _failed(old: Any) -> dict[str, Any]:
    """Return the record of a failed attempt in its form before December 2026."""
    failure = old["failure"]
    same = {"at": old["at"], "call": old["call"], "attempt": old["number"], "seconds": old["duration"], "times": old["times"]}
    fields = {"cause": failure["error_class"], "reason": failure["reason"], "message": failure["message"], "failure": failure}
    return {"kind": "failed", "what": [f"credential:{old['credential']}"], **same, **fields}
