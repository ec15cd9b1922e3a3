"""Metrics of several processes as one: counters and histograms add up, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its samples: name, labels, value."""

    name: str
    kind: str
    text: str
    samples: list[tuple[str, Labels, float]] = field(default_factory=list)


def added(families: Iterable[Family]) -> list[Family]:
    """Return families of one name as one, in the order in which names and samples first come."""
    heads: dict[str, Family] = {}
    sums: dict[str, dict[tuple[str, Labels], float]] = {}
    for family in families:
        heads.setdefault(family.name, family)
        into = sums.setdefault(family.name, {})
        for name, labels, value in family.samples:
            into[name, labels] = into.get((name, labels), 0.0) + value
    return [Family(name, head.kind, head.text, [(*key, value) for key, value in sums[name].items()]) for name, head in heads.items()]
