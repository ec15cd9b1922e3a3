"""A row of the fault catalogue, and the results of playing it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.drill.verdict import Check, Verdict, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sparekey.lab.drill.context import RowContext

BOTH = ("sync", "async")
THROUGH = ("gateway",)
CHAINED = ("sync", "async", "sdk")
"""The modes of the rows P: the wrapper, blocking and not, and a transport under the SDK."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the catalogue: one fault.

    Attributes:
        id: the row's name in the catalogue, such as `S08`.
        fault: what goes wrong.
        caller: what the caller must see.
        provider: what the provider must see; empty if the row says nothing about it.
        play: plays the row in a context, and yields the checks.
        modes: the ways in which calls are made.
        alone: whether the row must be played while no other row runs.
        waits: whether the row is about silence. Its virtual time is then scaled by `Profile.scale`
            (the other rows keep 1.0): a shorter silence would let a slow machine change the result.
        client: what a client of the gateway must see, where that differs from `caller`.
        not_through: why the row cannot be played through a gateway; empty if it can.
        cases: returns the number of cases of a mode (`mode, full`), for rows that are played
            entirely in virtual time (see `sparekey.lab.drill.cases`); None for the other rows.
    """

    id: str
    fault: str
    caller: str
    provider: str
    play: Callable[[RowContext], Iterator[Check]]
    modes: tuple[str, ...] = BOTH
    alone: bool = False
    waits: bool = False
    client: str = ""
    not_through: str = ""
    cases: Callable[[str, bool], int] | None = None

    def through_gateway(self) -> Row:
        """Return the row as it is played through the gateway."""
        return replace(self, modes=THROUGH, caller=self.client or self.caller)

    def every_way(self) -> Row:
        """Return the row as it is played in this process and, if possible, through the gateway."""
        return self if self.not_through else replace(self, modes=tuple(dict.fromkeys((*self.modes, *THROUGH))))


@dataclass(frozen=True, slots=True)
class Run:
    """One row, played in one mode.

    Attributes:
        mode: how calls were made.
        verdict: the verdict of this run.
        caller: what the callers saw, for the table.
        provider: what the providers saw, for the table.
        broken: the checks that failed.
        seconds: how long the run took, in real seconds.
        cases: how many cases held, and how many were played; (0, 0) for rows without cases.
        quick: how many requests the gateways served on their quick path (`taken`), and why they did not serve others there.
    """

    mode: str
    verdict: Verdict
    caller: str
    provider: str
    broken: tuple[str, ...]
    seconds: float
    cases: tuple[int, int] = (0, 0)
    quick: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the run as `--json` prints it."""
        return {
            "mode": self.mode,
            "verdict": self.verdict.value,
            "caller_saw": self.caller,
            "provider_saw": self.provider,
            "broken": list(self.broken),
            "seconds": round(self.seconds, 3),
            **({"cases": {"held": self.cases[0], "played": self.cases[1]}} if self.cases[1] else {}),
            **({"quick": dict(self.quick)} if self.quick else {}),
        }

    @classmethod
    def of(cls, data: dict[str, Any]) -> Run:
        """Return the run that `as_dict` has written."""
        cases = data.get("cases", {"held": 0, "played": 0})
        seen = data["caller_saw"], data["provider_saw"], tuple(data["broken"]), data["seconds"]
        return cls(data["mode"], Verdict(data["verdict"]), *seen, (cases["held"], cases["played"]), data.get("quick", {}))


def joined(parts: Sequence[Run]) -> Run:
    """Return one run for the parts of a row, which each played other cases. The worst decides."""
    found = worst(part.verdict for part in parts)
    telling = next(part for part in parts if part.verdict is found)
    held, played = (sum(part.cases[i] for part in parts) for i in (0, 1))
    broken = tuple(what for part in parts for what in part.broken)
    quick = sum((Counter(part.quick) for part in parts), Counter[str]())
    caller = f"{held} of {played} cases hold" if played else telling.caller
    return Run(telling.mode, found, caller, telling.provider, broken, sum(part.seconds for part in parts), (held, played), quick)


@dataclass(frozen=True, slots=True)
class Result:
    """A row and its runs, one for each mode."""

    row: Row
    runs: tuple[Run, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the runs."""
        return worst(run.verdict for run in self.runs)

    @property
    def telling(self) -> Run:
        """The first run with that verdict: the one to show."""
        return next(run for run in self.runs if run.verdict is self.verdict)

    def as_dict(self) -> dict[str, Any]:
        """Return the row and its runs as `--json` prints them."""
        row = self.row
        must = {"caller": row.caller, "provider": row.provider}
        return {"id": row.id, "fault": row.fault, "must": must, "verdict": self.verdict.value, "runs": [r.as_dict() for r in self.runs]}


@dataclass(frozen=True, slots=True)
class Profile:
    """How time passes in a drill, and how many cases are played.

    Attributes:
        scale: real seconds in one second of a provider's silence and of the client's limits.
        virtual: whether spans in which nothing is in flight are jumped over.
        load: real seconds of load in the row that makes load (M07).
        full: whether every case of the rows P and H is played; otherwise a few of each.
    """

    scale: float = 0.3
    virtual: bool = True
    load: float = 10.0
    full: bool = False


FAST: Final = Profile(load=2.0)
REAL: Final = Profile(scale=1.0, virtual=False, load=60.0)
