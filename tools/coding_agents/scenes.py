"""The scenes: which of an agent's providers fail, how, and what a person has to see."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from coding_agents.programs import SECRET
from sparekey.lab.simulator import TEXT, faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from coding_agents.programs import Agent
    from sparekey.lab.simulator.faults import Fault
    from sparekey.lab.simulator.wires.base import RequestedAnswer

    Choice = Callable[[RequestedAnswer], Fault | None]
    Cast = Callable[[Agent], tuple[Choice | Fault | None, ...]]

OTHER: Final = " ".join(reversed(TEXT.split()))
"""An answer in other words."""
DAYS: Final = 561_635.0
_CUT_AFTER: Final = 20


class Seen(StrEnum):
    """What a person has seen."""

    WHOLE = "whole answer"
    TOLD = "told why"
    HALF = "half an answer"
    SILENT = "nothing of it"


@dataclass(frozen=True, slots=True)
class Scene:
    """One way in which providers fail.

    Attributes:
        name: its short name.
        title: what happens.
        cast: what befalls each credential, in their order; None: nothing.
        wanted: what a person may see.
        recovery: the chain's `stream_recovery`.
        other: every credential but the first words its answers, and calls its tool, differently.
    """

    name: str
    title: str
    cast: Cast
    wanted: tuple[Seen, ...] = (Seen.WHOLE,)
    recovery: str = "buffer"
    other: bool = False


def result_is_there(body: Any) -> bool:
    """Tell whether a request holds what the note says: the tool has run."""
    return SECRET in json.dumps(body)


def _cut_answer(ask: RequestedAnswer) -> Fault | None:
    return faults.cut(after=_CUT_AFTER) if not ask.tool and result_is_there(ask.body) else None


def _cut_all(agent: Agent) -> Choice:
    return lambda ask: faults.cut(after=agent.after) if ask.tool else _cut_answer(ask)


_DEAD: Final = faults.auth()
_UNPAID: Final = faults.refuse("quota", status=402, message="Insufficient credits. Add more at https://provider.example/credits.")
_LIMITED: Final = faults.rate_limit(retry_after=DAYS)

SCENES: Final = (
    Scene("401", "the first key is dead (401)", lambda _: (_DEAD, None)),
    Scene("402", "the first account is empty (402)", lambda _: (_UNPAID, None)),
    Scene(
        "cut",
        "a tool call dies in its middle at the first key, the answer at the second; `splice`",
        lambda agent: (_cut_all(agent), _cut_answer, None),
        recovery="splice",
    ),
    Scene(
        "cut-splice",
        "the answer dies in its middle, the spare words it differently; `splice`",
        lambda _: (_cut_answer, None),
        wanted=(Seen.TOLD, Seen.WHOLE),
        recovery="splice",
        other=True,
    ),
    Scene(
        "cut-call",
        "a tool call dies in its middle, the spare makes another one; `splice`",
        lambda agent: (lambda ask: faults.cut(after=agent.after) if ask.tool else None, None),
        wanted=(Seen.TOLD, Seen.WHOLE),
        recovery="splice",
        other=True,
    ),
    Scene("cut-buffer", "both die in their middle; `buffer`", lambda agent: (_cut_all(agent), _cut_answer, None), other=True),
    Scene("all-401", "all keys are dead (401)", lambda _: (_DEAD, _DEAD), wanted=(Seen.TOLD,)),
    Scene("all-402", "all accounts are empty (402)", lambda _: (_UNPAID, _UNPAID), wanted=(Seen.TOLD,)),
    Scene("all-mixed", "one key is dead, the other account empty", lambda _: (_DEAD, _UNPAID), wanted=(Seen.TOLD,)),
    Scene("all-days", "all have a limit that ends in six days (429)", lambda _: (_LIMITED, _LIMITED), wanted=(Seen.TOLD,)),
)
