"""The runner: it plays rows side by side, each in a context of its own.

Rows in real or scaled time run in threads of this process, six at once, and those marked `alone`
one after the other. Rows with cases run in player processes meanwhile (see `players`).
"""

from __future__ import annotations

import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Final

from sparekey.config import EmbeddingConfig
from sparekey.errors import SparekeyError, describe_exception
from sparekey.lab.drill.context import ALL, RowContext
from sparekey.lab.drill.fixtures import built_in
from sparekey.lab.drill.players import Players
from sparekey.lab.drill.row import BOTH, FAST, REAL, THROUGH, Profile, Result, Row, Run
from sparekey.lab.drill.verdict import Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sparekey.config import Config

_AT_ONCE: Final = 6
_CORES: Final = 4
__all__ = ["FAST", "REAL", "Profile", "completed", "drilled", "play", "run"]


def run(
    config: Config | None, rows: Sequence[Row], profile: Profile = FAST, tick: Callable[[Result], None] = lambda _: None
) -> list[Result]:
    """Play rows, and return their results in the same order.

    Args:
        config: the configuration whose chains are drilled. None: the built-in chains, which also
            stand in for a chain that the configuration lacks.
        rows: the rows to play.
        profile: how time passes.
        tick: called with each result as soon as it is there.

    Raises:
        MissingExtraError: a provider's SDK is not installed.
        ConfigError: a chain cannot be built.
    """
    whole = completed(config)
    _warm_up(whole, profile, dict.fromkeys(mode for row in rows for mode in row.modes))
    found: dict[str, Result] = {}

    def note(result: Result) -> None:
        found[result.row.id] = result
        tick(result)

    players = Players(whole, [row for row in rows if row.cases is not None], profile)
    players.begin(max(1, cores() - 1))  # one core is left for the rows in threads
    for alone in (False, True):
        for result in _together(whole, [r for r in rows if r.cases is None and r.alone is alone], profile, 1 if alone else _AT_ONCE):
            note(result)
    players.begin(1)
    for result in players.results():
        note(result)
    return [found[row.id] for row in rows]


def cores() -> int:
    """Return the number of cores that a drill uses: at most four."""
    return min(_CORES, os.cpu_count() or 1)


def drilled(config: Config) -> dict[str, str | None]:
    """Return the names of the chains that are drilled, by `vlm` and `embedding`.

    A chain that the configuration lacks is taken from the gateway's chains (the first one); None
    means the built-in chain.
    """
    chat, vectors = (config.gateway.chat, config.gateway.embedding) if config.gateway else ({}, {})
    return {
        "vlm": "vlm" if config.vlm else next((f"gateway.chat.{name}" for name in chat), None),
        "embedding": "embedding" if config.embedding else next((f"gateway.embedding.{name}" for name in vectors), None),
    }


def completed(config: Config | None) -> Config:
    """Return a configuration that has a chat chain and an embedding chain.

    A chain that the configuration lacks is taken from the gateway's chains (the first one), else
    from the built-in configuration.
    """
    spare = built_in()
    if config is None:
        return spare
    chat, vectors = (config.gateway.chat, config.gateway.embedding) if config.gateway else ({}, {})
    named = (EmbeddingConfig.model_validate({one.kind: one}) for one in vectors.values())
    found = {
        "vlm": config.vlm or next(iter(chat.values()), spare.vlm),
        "embedding": config.embedding or next(named, spare.embedding),
    }
    return config.model_copy(update=found)


def play(config: Config, row: Row, mode: str, profile: Profile, part: tuple[int, int] = ALL) -> Run:
    """Play one row in one mode. An exception in the row counts as a failure of the row."""
    since = time.monotonic()
    with RowContext(config, mode, profile, waits=row.waits, part=part) as context:
        try:
            checks = list(row.play(context))
            found, broken = verdict(checks), [check.what for check in checks if not check.holds]
        except Exception as exc:  # noqa: BLE001 - a row that breaks off must show, and the other rows go on
            found, broken = Verdict.FAIL, [f"the row broke off: {describe_exception(exc)}"]
        seen, took = tuple(dict.fromkeys(broken)), time.monotonic() - since
    return Run(mode, found, context.caller_saw, context.provider_saw, seen, took, context.cases, dict(context.quick))


def _together(config: Config, rows: Sequence[Row], profile: Profile, at_once: int) -> Iterable[Result]:
    """Play rows at the same time; yield each result as soon as all its modes have been played."""
    runs: dict[str, dict[str, Run]] = {row.id: {} for row in rows}
    jobs: queue.SimpleQueue[tuple[Row, str]] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[Row, Run]] = queue.SimpleQueue()
    for job in ((row, mode) for row in rows for mode in row.modes):
        jobs.put(job)
    for _ in range(min(at_once, jobs.qsize())):  # daemons, so that Ctrl-C ends a drill whatever a row waits for
        threading.Thread(target=_work, args=(config, profile, jobs, done), daemon=True).start()
    for _ in range(sum(len(row.modes) for row in rows)):
        row, run = done.get()
        runs[row.id][run.mode] = run
        if len(runs[row.id]) == len(row.modes):
            yield Result(row, tuple(runs[row.id][mode] for mode in row.modes))


def _work(config: Config, profile: Profile, jobs: queue.SimpleQueue[tuple[Row, str]], done: queue.SimpleQueue[tuple[Row, Run]]) -> None:
    while not jobs.empty():
        try:
            row, mode = jobs.get_nowait()
        except queue.Empty:
            return
        try:
            run = play(config, row, mode, profile)
        except Exception as exc:  # noqa: BLE001 - errors while a context is set up or torn down must show too
            run = Run(mode, Verdict.FAIL, "", "", (f"no context came about: {describe_exception(exc)}",), 0.0)
        done.put((row, run))


def _warm_up(config: Config, profile: Profile, modes: Iterable[str]) -> None:
    """Make one call of each kind before the clock runs, because the first one imports the SDKs.

    Raises:
        SparekeyError: a chain cannot be built.
    """
    for mode in THROUGH if [*modes] == [*THROUGH] else BOTH:
        with RowContext(config, mode, profile) as context:
            for outcome in (context.chat().ask(), context.embedding().embed("warm")):
                if isinstance(outcome.error, SparekeyError):
                    raise outcome.error
