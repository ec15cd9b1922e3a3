"""The processes that play rows in virtual time: one core each, every case with a clock of its own.

`Players` cuts the cases of each row into jobs of at most eight. One thread for each process hands
it a job, waits for the run, and takes the next job. `results` joins the runs of a row when the last
one has come.
"""

from __future__ import annotations

import json
import queue
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.drill.fixtures import settings_of
from sparekey.lab.drill.line_process import LineProcess
from sparekey.lab.drill.row import Result, Run, joined
from sparekey.lab.drill.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sparekey.config import Config
    from sparekey.lab.drill.row import Profile, Row

_AT_ONCE: Final = 8
"""The most cases in one job: small jobs keep all cores busy to the end."""
_CLOSING: Final = 10.0
Job = tuple["Row", str, tuple[int, int]]


class Players:
    """A pool of player processes and the queue of jobs that they work off.

    Attributes:
        number: how many jobs there are in all.
    """

    def __init__(self, config: Config, rows: Sequence[Row], profile: Profile) -> None:
        """Queue the jobs of some rows; `begin` starts the processes."""
        self._config, self._profile = config, profile
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Row, Run]] = queue.SimpleQueue()
        # all jobs of each row and mode, and the runs that have come back
        self._left = {row.id: {mode: _jobs(row, mode, profile) for mode in row.modes} for row in rows}
        self._parts: dict[str, dict[str, list[Run]]] = {row.id: {mode: [] for mode in row.modes} for row in rows}
        self._workers: list[threading.Thread] = []
        self.number = 0
        for job in (job for row in rows for mode in row.modes for job in self._left[row.id][mode]):
            self._jobs.put(job)
            self.number += 1

    def begin(self, processes: int) -> None:
        """Start up to `processes` further processes, but not more than there are jobs left."""
        for _ in range(min(processes, self._jobs.qsize())):
            worker = threading.Thread(target=_work, args=(self._config, self._profile, self._jobs, self._done), daemon=True)
            self._workers.append(worker)
            worker.start()

    def results(self) -> Iterator[Result]:
        """Yield the result of each row as soon as all of its cases have been played."""
        for _ in range(self.number):
            row, run = self._done.get()
            parts = self._parts[row.id]
            parts[run.mode].append(run)
            if all(len(parts[mode]) == len(jobs) for mode, jobs in self._left[row.id].items()):
                yield Result(row, tuple(joined(parts[mode]) for mode in row.modes))
        for worker in self._workers:
            worker.join(_CLOSING)


def _jobs(row: Row, mode: str, profile: Profile) -> list[Job]:
    assert row.cases is not None
    return [(row, mode, (start, start + _AT_ONCE)) for start in range(0, row.cases(mode, profile.full), _AT_ONCE)]


def _work(config: Config, profile: Profile, jobs: queue.SimpleQueue[Job], done: queue.SimpleQueue[tuple[Row, Run]]) -> None:
    player: Player | None = None
    while not jobs.empty():
        try:
            row, mode, part = jobs.get_nowait()
        except queue.Empty:
            break
        try:
            player = player or Player(config, profile)
            run = player.play(row, mode, part)
        except (OSError, ValueError) as exc:
            if player is not None:
                player.close()
            player, run = None, Run(mode, Verdict.FAIL, "", "", (f"the process that played it has ended: {exc}",), 0.0)
        done.put((row, run))
    if player is not None:
        player.close()


class Player(LineProcess):
    """One player process (see `sparekey.lab.drill.player`)."""

    def __init__(self, config: Config, profile: Profile) -> None:
        """Start the process, and send it the configuration and the profile."""
        super().__init__("sparekey.lab.drill.player", {"config": settings_data(config), "profile": asdict(profile)})

    def play(self, row: Row, mode: str, part: tuple[int, int]) -> Run:
        """Play some cases of a row in the process, and return the run.

        Args:
            row: the row.
            mode: how calls are made.
            part: the first case, and the one behind the last.

        Raises:
            ValueError: the process has ended.
            OSError: the process has ended.
        """
        self.send({"row": row.id, "mode": mode, "part": part})
        return Run.of(self.receive())


def settings_data(config: Config) -> dict[str, Any]:
    """Return the part of a configuration that these rows use, as data.

    That part is what the chat chain and the gateway are set to. It holds no key.
    """
    assert config.vlm is not None
    settings = json.loads(config.vlm.model_dump_json(include=set(settings_of(config.vlm)), exclude_none=True))
    gateway = config.gateway.model_dump(mode="json", exclude=_NOT_SENT, exclude_unset=True) if config.gateway else None
    stand_in = {"provider": "openai", "model": "m", "api_key": "none"}
    return {"vlm": {**settings, **stand_in}} | ({"gateway": gateway} if gateway else {})


_NOT_SENT: Final = {"clients", "admin_key", "admin_key_sha256", "certfile", "keyfile", "chat", "embedding", "store"}
