"""Streams that break while the spare words its answer differently.

A mixture of two answers must never look like one of them: a caller who has seen the beginning of
one answer cannot get the rest of another. So with `splice` and `continue` the caller gets an error
that the SDK of its wire raises, and with `buffer`, where nothing was delivered yet, the whole
answer of the spare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.lab.drill.blame import well
from sparekey.lab.drill.verdict import Check
from sparekey.lab.simulator import faults

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sparekey.lab.drill.virtual_scenario import VirtualScenario
    from sparekey.lab.simulator.faults import Fault

RECOVERIES: Final = ("splice", "buffer")
_LONGEST: Final = 16.0


def broken_by(fault: Fault, *, within: float = _LONGEST, prefill: bool = True) -> Callable[[VirtualScenario], Awaitable[list[Check]]]:
    """Return the function that plays a case in which a fault breaks the first credential's streams.

    Args:
        fault: what breaks them.
        within: seconds in which the caller must hear of it.
        prefill: whether the spares take a conversation that ends with an assistant message.
    """

    async def played(setting: VirtualScenario) -> list[Check]:
        first, *others = await setting.open(reworded=True, knobs={"stream_recovery": setting.case.variant})
        first.acts = lambda _: fault
        for actor in others:
            actor.acts = well if prefill else lambda _: faults.no_prefill()
        call = await setting.ask("a question")
        found = call.result
        return [
            Check(f"a text that is no whole answer came as one: {found.first[:60]!r}", found.recognizable),
            Check("the whole answer, since nothing was shown yet", found.served or setting.case.variant != "buffer"),
            Check(f"{call.seconds:.0f} s, {within:g} s are allowed", call.seconds <= within),
            Check("never the rejection of the prefill", "assistant message" not in found.words.lower()),
        ]

    return played
