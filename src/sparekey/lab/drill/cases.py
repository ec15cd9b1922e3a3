"""The cases of a row: number of credentials, streamed or whole, wire, way in, and wording.

A case is one way to play a row. Each runs in virtual time on an event loop of its own
(`virtual_time`). A full drill plays every case; otherwise each mode plays a few, chosen so that the
modes together cover as much as possible.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

from sparekey.lab import virtual_time
from sparekey.lab.drill.row import CHAINED, Row
from sparekey.lab.drill.virtual_scenario import VirtualScenario
from sparekey.lab.drill.wordings import wordings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from sparekey.lab.drill.context import RowContext
    from sparekey.lab.drill.verdict import Check
    from sparekey.lab.drill.wordings import RefusalCase
    from sparekey.lab.virtual_time import VirtualTime

WIRES: Final = ("openai", "anthropic", "gemini")
SEATS: Final = (2, 3, 15)
_TURNS: Final = count()
_WAYS: Final = ("sync", "async", "sdk", "gateway")


@dataclass(frozen=True, slots=True)
class Case:
    """One way to play a row.

    Attributes:
        seats: the number of credentials.
        streamed: whether answers are asked for as streams.
        wire: the wire of providers and callers: `openai`, `anthropic` or `gemini`.
        way: how requests go in: `sync` or `async` (the wrapper), `sdk` (a transport under the
            official SDK) or `gateway`.
        wording: the refusal that providers answer with; None for rows without one.
        variant: a further distinction that the row makes; empty if it makes none.
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
        """The wording, for rows that have one."""
        assert self.wording is not None
        return self.wording


@dataclass(frozen=True, slots=True)
class Cases:
    """The cases of a row, and how one of them is played. Calling it plays a context's part of them.

    Attributes:
        play: plays one case in a scenario that is not open yet, and returns the checks.
        wordings: the refusals to play; empty: the row has its own faults, which are played on each
            wire.
        seats: the numbers of credentials to play.
        variants: the further distinctions to play.
        few: how many cases of each way are played in a drill that is not full.
    """

    play: Callable[[VirtualScenario], Awaitable[list[Check]]]
    wordings: Sequence[RefusalCase] = ()
    seats: Sequence[int] = SEATS
    variants: Sequence[str] = ("",)
    few: int = 3

    def count(self, way: str, full: bool) -> int:
        """Return the number of cases of one way."""
        return len(self.of(way, full=full))

    def of(self, way: str, *, full: bool) -> list[Case]:
        """Return the cases of one way: all of them, or a few that differ as much as possible.

        A full drill combines every wording with every number of credentials, through the gateway
        both streamed and whole. In this process each combination is either streamed or whole, and
        neighbouring ways (`sync`, `async`, `sdk`) play opposite ones. Variants take turns. A short
        drill starts each way at another case.
        """
        wires: list[tuple[str, RefusalCase | None]] = [(one.wire, one) for one in self.wordings] or [(wire, None) for wire in WIRES]
        start = _WAYS.index(way)
        if full:
            every = [(wire, wording, seats) for wire, wording in wires for seats in self.seats]
            return [
                Case(seats, streamed, wire, way, wording, self.variants[(i + start) % len(self.variants)])
                for i, (wire, wording, seats) in enumerate(every)
                for streamed in ((False, True) if way == "gateway" else ((i + start) % 2 == 1,))
            ]
        few = min(self.few, len(wires) * len(self.seats) * len(self.variants))
        step = max(1, len(wires) // few)
        return [self._one(way, wires[(start + i * step) % len(wires)], start + i) for i in range(few)]

    def _one(self, way: str, wording_of: tuple[str, RefusalCase | None], i: int) -> Case:
        wire, wording = wording_of
        variant = self.variants[i % len(self.variants)]
        return Case(self.seats[(i + 1) % len(self.seats)], (i // 2) % 2 == 1, wire, way, wording, variant)

    def __call__(self, context: RowContext) -> Iterator[Check]:
        """Play the context's part of the cases; yield the checks. A check that fails names its case."""
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
        """Play one case, and count the requests of its credentials."""
        setting = VirtualScenario(context.config, case, clock, full=context.profile.full)
        try:
            checks = await self.play(setting)
        finally:
            await setting.close()
            context.quick += setting.served_quickly
            for one in setting.actors:
                context.counts[one.id] += len(one.arrivals)
        return checks


def row(name: str, fault: str, caller: str, provider: str, cases: Cases, modes: tuple[str, ...] = CHAINED) -> Row:
    """Return a row that is played in cases."""
    return Row(name, fault, caller, provider, cases, modes, cases=cases.count)


def beside(context: RowContext, play: Callable[[VirtualScenario], Awaitable[list[Check]]], seats: int, wording: str) -> Iterator[Check]:
    """Play one case of another row within a row, in the context's own mode; yield the checks.

    Args:
        context: the context of the row.
        play: plays the case.
        seats: the number of credentials.
        wording: the id of the refusal.
    """
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
    """Play one case of each variant within a row; yield the checks.

    The cases take turns with the wires; with `--full` each is played on all of them. In the mode `gateway` the calls go through a
    gateway, in the mode `async` through the official SDK. In the mode `sync` nothing is played: a blocking thread takes real time.

    Args:
        context: the context of the row.
        play: plays a case.
        seats: the number of credentials.
        streamed: whether the calls ask for streams.
        variants: the variants, each played once.
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
    context.counts = before  # the table shows the row's own credentials only
    yield from (check if check.holds else check._replace(what=f"{check.what} [{case}]") for check in checks)
