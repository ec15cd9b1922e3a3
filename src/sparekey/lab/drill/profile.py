"""How time passes in a drill, and how many cases are played."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


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
