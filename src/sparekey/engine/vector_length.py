"""The length of a chain's vectors, kept with its state: after a restart and in every process they have one length."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparekey.engine.chain import Chain


def known_length(chain: Chain, space: str) -> int | None:
    """Return the length of the first vector of a space; None if none came yet, or only vectors of another space."""
    name, _, length = chain.state.vectors.rpartition(" ")
    return int(length) if name == space and length.isdigit() else None


def learn_length(chain: Chain, space: str, length: int) -> int:
    """Remember the length of a vector of a space, unless one is known already; return the length that holds."""
    learned = f"{space} {length}"
    chain.change(lambda state: state if known_length(chain, space) else replace(state, vectors=learned))
    return known_length(chain, space) or length
