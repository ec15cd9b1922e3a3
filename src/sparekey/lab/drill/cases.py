"""The cases of a row P: how many credentials, streamed or whole, on which wire, in which words; and which of them are played."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

from sparekey.lab.drill import virtual_time
from sparekey.lab.drill.row import CHAINED, Row
from sparekey.lab.drill.virtual_scenario import VirtualScenario
from sparekey.lab.drill.wordings import wordings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from sparekey.lab.drill.context import RowContext
    from sparekey.lab.drill.verdict import Check
    from sparekey.lab.drill.virtual_time import VirtualTime
    from sparekey.lab.drill.wordings import RefusalCase

WIRES: Final = ("openai", "anthropic", "gemini")
SEATS: Final = (2, 3, 15)
_TURNS: Final = count()
_WAYS: Final = ("sync", "async", "sdk", "gateway")


@dataclass(frozen=True, slots=True)
class Case:
    """One way to play a row.

    Attributes:
        seats: how many credentials.
        streamed: whether answers are asked for in events.
        wire: the format of providers and callers.
        way: how requests go in: `sync`, `async` (the wrapper), `sdk` (a transport under the official SDK) or `gateway`.
        wording: the refusal that is played, where the row has one.
        variant: what else the row tells apart.
    """

    seats: int
    streamed: bool
    wire: str
    way: str
    wording: RefusalCase | None = None
    variant: str = ""

    def __str__(self) -> str:
        words = [self.wording.id] if self.wording else [self.wire]
        more = [self.variant] if self.variant else []
        return ", ".join([*words, f"{self.seats} keys", "streamed" if self.streamed else "whole", *more])

    @property
    def words(self) -> RefusalCase:
        """The refusal."""
        assert self.wording is not None
        return self.wording


@dataclass(frozen=True, slots=True)
class Cases:
    """Which cases a row has, and how one of them is played.

    Attributes:
        play: plays one, on a setting that is not open yet.
        wordings: the refusals; none: the row has its own, on every wire.
        seats: how many credentials.
        variants: what else is told apart.
        few: how many cases of a way are played where not all of them are.
    """

    play: Callable[[VirtualScenario], Awaitable[list[Check]]]
    wordings: Sequence[RefusalCase] = ()
    seats: Sequence[int] = SEATS
    variants: Sequence[str] = ("",)
    few: int = 3

    def count(self, way: str, full: bool) -> int:
        """Return how many cases one way has."""
        return len(self.of(way, full=full))

    def of(self, way: str, *, full: bool) -> list[Case]:
        """Return the cases of one way: all of them, or a few that differ in everything, other ones for each way.

        All of them are all words with each number of keys, through the gateway streamed and whole; of the three ways in this process
        neighbours play what the other one does not. Variants take turns.
        """
        said: list[tuple[str, RefusalCase | None]] = [(one.wire, one) for one in self.wordings] or [(wire, None) for wire in WIRES]
        start = _WAYS.index(way)
        if full:
            every = [(wire, wording, seats) for wire, wording in said for seats in self.seats]
            return [
                Case(seats, streamed, wire, way, wording, self.variants[(i + start) % len(self.variants)])
                for i, (wire, wording, seats) in enumerate(every)
                for streamed in ((False, True) if way == "gateway" else ((i + start) % 2 == 1,))
            ]
        few = min(self.few, len(said) * len(self.seats) * len(self.variants))
        step = max(1, len(said) // few)
        return [self._one(way, said[(start + i * step) % len(said)], start + i) for i in range(few)]

    def _one(self, way: str, said: tuple[str, RefusalCase | None], i: int) -> Case:
        wire, wording = said
        variant = self.variants[i % len(self.variants)]
        return Case(self.seats[(i + 1) % len(self.seats)], (i // 2) % 2 == 1, wire, way, wording, variant)

    def __call__(self, context: RowContext) -> Iterator[Check]:
        """Play a context's cases one after the other; yield what each found, with its name."""
        start, end = context.part
        cases = self.of(context.mode, full=context.profile.full)[start:end]
        broken = 0
        for case in cases:
            checks = virtual_time.run(lambda clock, case=case: self.played(context, case, clock))  # type: ignore[misc]  # bound at once
            held = all(check.holds for check in checks)
            broken += not held
            yield from (check if check.holds else check._replace(what=f"{check.what} [{case}]") for check in checks)
        context.cases = len(cases) - broken, len(cases)
        context.notes.append(f"{len(cases) - broken} of {len(cases)} cases hold")

    async def played(self, context: RowContext, case: Case, clock: VirtualTime) -> list[Check]:
        """Play one case."""
        setting = VirtualScenario(context.config, case, clock, full=context.profile.full)
        try:
            checks = await self.play(setting)
        finally:
            await setting.close()
            for one in setting.actors:
                context.counts[one.id] += len(one.arrivals)
        return checks


def row(name: str, fault: str, caller: str, provider: str, cases: Cases, modes: tuple[str, ...] = CHAINED) -> Row:
    """Return a row that is played in cases."""
    return Row(name, fault, caller, provider, cases, modes, cases=cases.count)


def beside(context: RowContext, play: Callable[[VirtualScenario], Awaitable[list[Check]]], seats: int, wording: str) -> Iterator[Check]:
    """Play one case of a refusal beside what else a row does, in the context's own way; yield what it found."""
    words = next(one for one in wordings() if one.id == wording)
    yield from _aside(context, play, Case(seats, False, words.wire, context.mode, words))


def beside_on_wires(
    context: RowContext,
    play: Callable[[VirtualScenario], Awaitable[list[Check]]],
    seats: int,
    *,
    streamed: bool,
    variants: Sequence[str] = ("",),
) -> Iterator[Check]:
    """Play cases beside what else a row does, one for each variant; yield what they found.

    They take turns with the wires; with `--full` each is played on all of them. A row that goes through a gateway plays them through one,
    a row on an event loop by the official SDK, and a blocking one not at all: a thread that waits takes real time.
    """
    if context.mode == "sync":
        return
    way = "gateway" if context.mode == "gateway" else "sdk"
    for variant in variants:
        turn = next(_TURNS) % len(WIRES)
        for wire in WIRES if context.profile.full else WIRES[turn : turn + 1]:
            yield from _aside(context, play, Case(seats, streamed, wire, way, variant=variant))


def _aside(context: RowContext, play: Callable[[VirtualScenario], Awaitable[list[Check]]], case: Case) -> Iterator[Check]:
    before = Counter(context.counts)
    checks = virtual_time.run(lambda clock: Cases(play).played(context, case, clock))
    context.counts = before  # the row's own credentials are those that are told
    yield from (check if check.holds else check._replace(what=f"{check.what} [{case}]") for check in checks)
