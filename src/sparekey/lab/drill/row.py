"""What a row of the catalogue is, and what playing it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sparekey.lab.drill.verdict import Check, Verdict, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sparekey.lab.drill.context import RowContext

BOTH = ("sync", "async")
THROUGH = ("gateway",)
CHAINED = ("sync", "async", "sdk")
"""The ways of the rows P: the wrapper, blocking and not, and a transport under the official SDK."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault.

    Attributes:
        id: its name in the catalogue.
        fault: what goes wrong.
        caller: what the caller must see.
        provider: what the provider must see; empty: the row says nothing of it.
        play: plays it in a context and yields what was found.
        modes: the ways in which calls are made.
        alone: whether no other row may be played at the same time.
        waits: whether it is about silence, so that its virtual time is scaled: the shorter it is made, the more a slow machine tells.
        client: what a client of the gateway must see, where that is not the same.
        not_through: why it cannot be put through a gateway; empty: it can.
        cases: how many cases it has in a mode, where it is played in virtual time from end to end (`sparekey.lab.drill.cases`).
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
        """Return it as it is played through the gateway."""
        return replace(self, modes=THROUGH, caller=self.client or self.caller)

    def every_way(self) -> Row:
        """Return it as it is played in this process and through the gateway, too."""
        return self if self.not_through else replace(self, modes=tuple(dict.fromkeys((*self.modes, *THROUGH))))


@dataclass(frozen=True, slots=True)
class Run:
    """One row, played in one mode: what both sides saw, and the checks that did not hold; `cases`: how many held, of how many."""

    mode: str
    verdict: Verdict
    caller: str
    provider: str
    broken: tuple[str, ...]
    seconds: float
    cases: tuple[int, int] = (0, 0)

    def as_dict(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {
            "mode": self.mode,
            "verdict": self.verdict.value,
            "caller_saw": self.caller,
            "provider_saw": self.provider,
            "broken": list(self.broken),
            "seconds": round(self.seconds, 3),
            **({"cases": {"held": self.cases[0], "played": self.cases[1]}} if self.cases[1] else {}),
        }

    @classmethod
    def of(cls, told: dict[str, Any]) -> Run:
        """Return the run that `as_dict` has told."""
        cases = told.get("cases", {"held": 0, "played": 0})
        seen = told["caller_saw"], told["provider_saw"], tuple(told["broken"]), told["seconds"]
        return cls(told["mode"], Verdict(told["verdict"]), *seen, (cases["held"], cases["played"]))


def joined(parts: Sequence[Run]) -> Run:
    """Return one run of the parts of a row, each with other cases of it: the worst decides what is told."""
    found = worst(part.verdict for part in parts)
    telling = next(part for part in parts if part.verdict is found)
    held, played = (sum(part.cases[i] for part in parts) for i in (0, 1))
    broken = tuple(what for part in parts for what in part.broken)
    caller = f"{held} of {played} cases hold" if played else telling.caller
    return Run(telling.mode, found, caller, telling.provider, broken, sum(part.seconds for part in parts), (held, played))


@dataclass(frozen=True, slots=True)
class Result:
    """A row and its runs."""

    row: Row
    runs: tuple[Run, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of the runs."""
        return worst(run.verdict for run in self.runs)

    @property
    def telling(self) -> Run:
        """The run that decided."""
        return next(run for run in self.runs if run.verdict is self.verdict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        row = self.row
        must = {"caller": row.caller, "provider": row.provider}
        return {"id": row.id, "fault": row.fault, "must": must, "verdict": self.verdict.value, "runs": [r.as_dict() for r in self.runs]}
