"""Where a row is played: it opens worlds, and what was seen in all of them becomes the row's account."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from sparekey.config import VLMConfig
from sparekey.lab.drill.clock import Clock
from sparekey.lab.drill.fixtures import Shape, cast_chat, cast_embedding
from sparekey.lab.drill.scenario import Scenario
from sparekey.lab.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from sparekey.config import Config
    from sparekey.lab.drill.runner import Profile

ALL = (0, 1_000_000)
"""The first case that is played, and the one behind the last."""
_LONGEST_LIST = 4
_AT_ONCE = 8


class RowContext:
    """One row's place: a simulator of its own, and the worlds that the row opens. Use it as a context manager."""

    def __init__(self, config: Config, mode: str, profile: Profile, *, waits: bool = False, part: tuple[int, int] = ALL) -> None:
        """Take the configuration whose chains are drilled, how calls are made, how time passes, whether silence is played, which cases."""
        self.config, self.mode, self.profile = config, mode, profile
        self._scale = profile.scale if waits else 1.0
        self.worlds: list[Scenario] = []
        self.notes: list[str] = []
        self.counts: Counter[str] = Counter()
        self.part, self.cases = part, (0, 0)
        self.simulator = Simulator(time_scale=self._scale)

    def __enter__(self) -> Self:
        self.simulator.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # a gateway looks around for a moment before it stops
            list(pool.map(lambda scenario: scenario.close(), self.worlds))
        self.simulator.close()

    def chat(self, *, dice: Callable[[], float] = random.random, **shape: Any) -> Scenario:
        """Open a scenario with the chat chain; `shape` is that of `Shape`, `dice` are the engine's."""
        assert self.config.vlm is not None
        cast = cast_chat(self.config.vlm, self.simulator, Shape(**shape), self._scale)
        assert isinstance(cast.config, VLMConfig)
        return self._opened(cast.config, "chat", cast.seats, dice)

    def embedding(self, **shape: Any) -> Scenario:
        """Open a scenario with the (first) embedding chain."""
        assert self.config.embedding is not None
        kind, chain = next(iter(self.config.embedding.chains.items()))
        cast = cast_embedding(chain, self.simulator, Shape(**shape), self._scale)
        assert not isinstance(cast.config, VLMConfig)
        return self._opened(cast.config.chains[kind], kind, cast.seats, random.random)

    def _opened(self, config: Any, kind: str, seats: Any, dice: Callable[[], float]) -> Scenario:
        clock = Clock(self._scale, virtual=self.profile.virtual)
        self.worlds.append(Scenario(config, kind, seats, clock, self.mode, dice, gateway=self.config.gateway))
        return self.worlds[-1]

    @property
    def wire(self) -> str:
        """The format of the first chat credential: `openai`, `anthropic`, `gemini` or another one."""
        seats = next((scenario.seats for scenario in self.worlds), ())
        return type(seats[0].provider.wire).__module__.rpartition(".")[2] if seats else ""

    @property
    def caller_saw(self) -> str:
        """What the callers saw, alike calls counted together, or what the row noted."""
        return "; ".join(self.notes) or _told(outcome.words for scenario in self.worlds for outcome in scenario.outcome)

    @property
    def provider_saw(self) -> str:
        """How many requests came with each credential's key, in all worlds together."""
        counts = Counter(self.counts)
        for scenario in self.worlds:
            for index, seat in enumerate(scenario.seats):
                counts[seat.id] += scenario.tries(index)
        shown = [f"{name} {count}" for name, count in counts.items() if count]
        more = len(shown) - _LONGEST_LIST
        return ", ".join(shown if more <= 1 else [*shown[: _LONGEST_LIST - 1], "…", shown[-1]]) or "nothing"


def _told(seen: Iterable[str]) -> str:
    """Return what was seen; things that differ in their times only are counted together."""
    alike: dict[str, list[str]] = {}
    for what in seen:
        alike.setdefault(what.partition(" after ")[0], []).append(what)
    parts = [f"{len(all_of_it)} times {what}" if len(all_of_it) > 1 else all_of_it[0] for what, all_of_it in alike.items()]
    more = len(parts) - _LONGEST_LIST
    return ", ".join(parts if more <= 0 else [*parts[:_LONGEST_LIST], f"and {more} more"]) or "nothing"
