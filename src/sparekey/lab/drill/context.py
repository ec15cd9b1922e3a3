"""The context of a row: it opens scenarios, and sums up what was seen in all of them."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sparekey.config import VLMConfig
from sparekey.lab.drill.clock import Clock
from sparekey.lab.drill.fixtures import Shape, simulated_chat, simulated_embedding
from sparekey.lab.drill.scenario import Scenario
from sparekey.lab.drill.watched_gateway import gateway
from sparekey.lab.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from sparekey.config import Config
    from sparekey.lab.drill.in_process_gateway import InProcessGateway
    from sparekey.lab.drill.raw_host import RawHost
    from sparekey.lab.drill.runner import Profile

ALL = (0, 1_000_000)
"""The part of a row that is all of it: the first case, and a number beyond any last one."""
_LONGEST_LIST = 4
_AT_ONCE = 8


class RowContext:
    """The context in which one row is played in one mode. Use it as a context manager.

    Attributes:
        config: the configuration whose chains are drilled.
        mode: how calls are made: `sync`, `async`, `sdk`, `gateway` or `mixed`.
        profile: how time passes, and how many cases are played.
        simulator: the simulated providers of this row, and of no other.
        scenarios: the scenarios that the row has opened, in order; they are closed with the
            context.
        notes: what the row says itself about what callers saw; it is shown in place of the
            outcomes.
        counts: requests by credential in the cases of the row, which have no scenarios;
            `provider_saw` adds them.
        quick: how many requests the gateways of the row served on their quick path (`taken`), and why they did not serve others there.
        part: the first case that is played, and the one behind the last.
        cases: how many cases held, and how many were played.
    """

    def __init__(self, config: Config, mode: str, profile: Profile, *, waits: bool = False, part: tuple[int, int] = ALL) -> None:
        """Set the context up; entering it starts the simulator.

        Args:
            config: the configuration whose chains are drilled.
            mode: how calls are made.
            profile: how time passes.
            waits: whether the row is about silence, so that its time is scaled.
            part: the cases that are played.
        """
        self.config, self.mode, self.profile = config, mode, profile
        self._scale = profile.scale if waits else 1.0
        self.scenarios: list[Scenario] = []
        self.notes: list[str] = []
        self.counts: Counter[str] = Counter()
        self.quick: Counter[str] = Counter()
        self.part, self.cases = part, (0, 0)
        self.simulator = Simulator(time_scale=self._scale)

    def __enter__(self) -> Self:
        self.simulator.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # a gateway takes a moment to stop
            list(pool.map(lambda scenario: scenario.close(), self.scenarios))
        for scenario in self.scenarios:
            self.quick += scenario.served_quickly
        self.simulator.close()

    def chat(self, *, dice: Callable[[], float] = random.random, **shape: Any) -> Scenario:
        """Open a scenario with the chat chain.

        Args:
            dice: the engine's source of chance: returns numbers from 0 to 1.
            **shape: the fields of `Shape`.
        """
        assert self.config.vlm is not None
        drilled = simulated_chat(self.config.vlm, self.simulator, Shape(**shape), self._scale)
        assert isinstance(drilled.config, VLMConfig)
        return self._opened(drilled.config, "chat", drilled.seats, dice)

    def embedding(self, **shape: Any) -> Scenario:
        """Open a scenario with the first embedding chain; `shape` are the fields of `Shape`."""
        assert self.config.embedding is not None
        kind, chain = next(iter(self.config.embedding.chains.items()))
        drilled = simulated_embedding(chain, self.simulator, Shape(**shape), self._scale)
        assert not isinstance(drilled.config, VLMConfig)
        return self._opened(drilled.config.chains[kind], kind, drilled.seats, random.random)

    def _opened(self, config: Any, kind: str, seats: Any, dice: Callable[[], float]) -> Scenario:
        clock = Clock(self._scale, virtual=self.profile.virtual)
        self.scenarios.append(Scenario(config, kind, seats, clock, self.mode, dice, gateway=self.config.gateway))
        return self.scenarios[-1]

    @contextmanager
    def gateway(self, host: RawHost, **more: Any) -> Iterator[InProcessGateway]:
        """Serve a chain of one credential at `host` within the block; `more` are the other arguments of `watched_gateway.gateway`."""
        quick = self.config.gateway is None or self.config.gateway.quick
        with gateway(host, **{"quick": quick, **more}) as served:
            try:
                yield served
            finally:
                self.quick += served.served_quickly

    @property
    def wire(self) -> str:
        """The wire of the first chat credential: `openai`, `anthropic`, `gemini` or another one."""
        seats = next((scenario.seats for scenario in self.scenarios), ())
        return seats[0].provider.wire.name if seats else ""

    @property
    def caller_saw(self) -> str:
        """What the callers saw: the row's notes, else the outcomes, like ones counted together."""
        return "; ".join(self.notes) or _summary(outcome.words for scenario in self.scenarios for outcome in scenario.outcomes)

    @property
    def provider_saw(self) -> str:
        """How many requests came with each credential's key, over all scenarios of the row."""
        counts = Counter(self.counts)
        for scenario in self.scenarios:
            for index, seat in enumerate(scenario.seats):
                counts[seat.id] += scenario.tries(index)
        shown = [f"{name} {count}" for name, count in counts.items() if count]
        more = len(shown) - _LONGEST_LIST
        return ", ".join(shown if more <= 1 else [*shown[: _LONGEST_LIST - 1], "…", shown[-1]]) or "nothing"


def _summary(seen: Iterable[str]) -> str:
    """Return the outcomes in one line; outcomes that differ only in time are counted together."""
    alike: dict[str, list[str]] = {}
    for what in seen:
        alike.setdefault(what.partition(" after ")[0], []).append(what)
    parts = [f"{len(all_of_it)} times {what}" if len(all_of_it) > 1 else all_of_it[0] for what, all_of_it in alike.items()]
    more = len(parts) - _LONGEST_LIST
    return ", ".join(parts if more <= 0 else [*parts[:_LONGEST_LIST], f"and {more} more"]) or "nothing"
