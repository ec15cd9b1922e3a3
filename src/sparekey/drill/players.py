"""Rows that are played in virtual time, in processes of their own: they need a core each, and no clock but theirs."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from sparekey.drill.cast import settings_of
from sparekey.drill.row import Result, Run, joined
from sparekey.drill.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sparekey.config import Config
    from sparekey.drill.profile import Profile
    from sparekey.drill.row import Row

_AT_ONCE: Final = 8
"""Cases of one job at most, so that the cores are busy to the end."""
_PROCESSES: Final = 4
_CLOSING: Final = 10.0
Job = tuple["Row", str, tuple[int, int]]


def apart(config: Config, rows: Sequence[Row], profile: Profile) -> Iterator[Result]:
    """Play rows in processes of their own, as many as there are cores; yield each result as soon as all of its cases are there."""
    jobs = [job for row in rows for mode in row.modes for job in _jobs(row, mode, profile)]
    left = {row.id: {mode: len(_jobs(row, mode, profile)) for mode in row.modes} for row in rows}
    parts: dict[str, dict[str, list[Run]]] = {row.id: {mode: [] for mode in row.modes} for row in rows}
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Row, Run]] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    number = min(_PROCESSES, os.cpu_count() or 1, len(jobs))
    workers = [threading.Thread(target=_work, args=(config, profile, waiting, done), daemon=True) for _ in range(number)]
    for worker in workers:
        worker.start()
    for _ in jobs:
        row, run = done.get()
        parts[row.id][run.mode].append(run)
        if all(len(parts[row.id][mode]) == number for mode, number in left[row.id].items()):
            yield Result(row, tuple(joined(parts[row.id][mode]) for mode in row.modes))
    for worker in workers:
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


class Player:
    """One such process (see `sparekey.drill.player`)."""

    def __init__(self, config: Config, profile: Profile) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sparekey.drill.player"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        self._say({"config": plain(config), "profile": asdict(profile)})

    def play(self, row: Row, mode: str, part: tuple[int, int]) -> Run:
        """Let it play some cases of a row.

        Raises:
            ValueError: it has ended.
        """
        self._say({"row": row.id, "mode": mode, "part": part})
        assert self._process.stdout is not None
        return Run.of(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _say(self, what: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()


def plain(config: Config) -> dict[str, Any]:
    """Return as data what these rows take from a configuration: what the chat chain and the gateway are set to, and no key."""
    assert config.vlm is not None
    settings = json.loads(config.vlm.model_dump_json(include=set(settings_of(config.vlm)), exclude_none=True))
    gateway = config.gateway.model_dump(mode="json", exclude=_NOT_SENT, exclude_unset=True) if config.gateway else None
    stand_in = {"provider": "openai", "model": "m", "api_key": "none"}
    return {"vlm": {**settings, **stand_in}} | ({"gateway": gateway} if gateway else {})


_NOT_SENT: Final = {"clients", "admin_key", "admin_key_sha256", "certfile", "keyfile", "chat", "embedding", "store"}
