"""What the answers of a credential usually take: learned from them, so that silence and slowness can be told (DESIGN.md 4).

For each credential and kind of answer (`Kind`) there are two sketches, `Durations`: of the seconds, and of the seconds for its size
(the tokens of a whole answer, the bytes of a stream's request), since a long answer is not a slow one. A sketch is a histogram with
logarithmic buckets and counts of two bytes; when it is full, all counts are halved, so that the last few hundred answers decide. All of one
credential takes less than 2 kB.

An answer is *slow* if it takes three times the median of its credential and longer than nineteen of twenty, both ways of counting.
Three in a row while another credential is well are a *brownout*: it rests for 60, 120 ... 300 s. What a credential brings while it rests
is not learned, until the rests have lasted so long that this is how it is now.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from enum import IntEnum
from math import log2
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.core import breaker as b
from sparekey.core.breaker import CLOSED, Phase
from sparekey.core.pool import phase, stamped
from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparekey.core.policy import Policy
    from sparekey.core.pool import Pool, PoolState

_SMALLEST: Final = 1e-6
_PER_OCTAVE: Final = 4
BUCKETS: Final = 128
"""From a microsecond to an hour, four to an octave: an answer is within a fifth of the truth."""
_WEIGHT: Final = 16
"""What one value counts for at first: it outlives four halvings, so that a rare one is not lost."""
_FULL: Final = 256 * _WEIGHT
"""The last 256 values count half of all, or more."""
LEAST: Final = 8
"""Values without which nothing is known."""
SLOW: Final = 3.0
"""A slow answer takes so many times the median; and the longest that is waited for alone, so many times the 95th percentile."""
NEVER_SLOW: Final = 0.25
"""Seconds that are never slow, whatever is usual: a machine that is busy takes as much by itself."""
SLOW_IN_A_ROW: Final = 3
"""Slow answers that make a brownout: one is chance, and two are with the tail of a thinking model."""
AT_FIRST: Final = 2.0
"""The first content of a stream may take so many times the 95th percentile (DESIGN.md 4.2)."""
QUICK: Final = 0.001
"""Seconds that no host takes for half of its answers: a hand-over to a thread costs a twentieth of it."""
LEAST_LIMIT: Final = 1.0
"""Seconds for which everybody is waited for: no reader minds, and a busy machine takes as much by itself."""
LEASH: Final = 4.0
"""Seconds without a sign after which a live probe is left (DESIGN.md 4.4)."""
LONGEST_LEASH: Final = 30.0
UNKNOWN_HINT: Final = 4.5
"""Seconds after which a caller who leaves is a hint while nothing is known: his limit of five begins before ours does."""
BROWNOUT: Final = "brownout"
"""The reason of such a rest."""
FIRST_REST: Final = 60.0
LONGEST_REST: Final = 300.0
_NEW_NORMAL: Final = 24
"""Rests in a row, nearly two hours, after which a credential is taken to be as slow as that from now on."""


class Kind(IntEnum):
    """What is waited for."""

    FIRST = 0
    """The first content of a stream."""
    WHOLE = 1
    """A whole answer."""


class Sample(NamedTuple):
    """One answer: whose, of which kind, after how many seconds, its size (0: not known), and whether a probe brought it."""

    who: str
    kind: Kind
    seconds: float
    size: int = 0
    probe: bool = False


def _bucket(value: float) -> int:
    if value <= _SMALLEST:
        return 0
    return min(int(log2(value / _SMALLEST) * _PER_OCTAVE) + 1, BUCKETS - 1)


def _below(numbers: Sequence[int], rank: float) -> float:
    """The upper edge of the bucket in which a rank lies."""
    seen = 0
    for bucket, count in enumerate(numbers):
        seen += count
        if count and seen >= rank:
            return float(_SMALLEST * 2.0 ** (bucket / _PER_OCTAVE))
    return 0.0


class Durations:
    """A sketch of durations as a value: `counts` are two bytes a bucket.

    Attributes:
        counts: the histogram.
        known: there are enough of them.
        median: half of them are not above this.
        p95: nineteen of twenty are not.
        rare: what is above this is out of the ordinary.
        slow: what is above this is a slow one: it is felt as well.
        quick: it is no host that answers like this: nobody has to be started beside it.
    """

    __slots__ = ("counts", "known", "median", "p95", "quick", "rare", "slow")

    def __init__(self, counts: bytes = bytes(2 * BUCKETS)) -> None:
        """Take a histogram."""
        self.counts = counts
        numbers = array("H", counts)
        total = sum(numbers)
        self.known = total >= LEAST * _WEIGHT
        self.median, self.p95 = _below(numbers, 0.5 * total), _below(numbers, 0.95 * total)
        self.rare = max(SLOW * self.median, self.p95) if self.known else float("inf")
        self.slow = max(self.rare, NEVER_SLOW)
        self.quick = self.known and self.median < QUICK

    def with_(self, values: Sequence[float]) -> Durations:
        """Return the sketch with these values added, older ones fading."""
        numbers = array("H", self.counts)
        total = sum(numbers)
        for value in values:
            if total >= _FULL:
                numbers = array("H", [n >> 1 for n in numbers])
                total = sum(numbers)
            numbers[_bucket(value)] += _WEIGHT
            total += _WEIGHT
        return Durations(numbers.tobytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Durations) and other.counts == self.counts

    def __hash__(self) -> int:
        return hash(self.counts)


@dataclass(frozen=True, slots=True)
class Usual:
    """What is known of one credential.

    Attributes:
        seconds: the sketches of seconds, by kind.
        pace: those of seconds for their size, by kind.
        slow: slow answers in a row.
        held: the first of them: they are learned when the row ends before it is a brownout.
        learned: how many answers this has been learned from.
    """

    seconds: tuple[Durations, ...] = (Durations(), Durations())
    pace: tuple[Durations, ...] = (Durations(), Durations())
    slow: int = 0
    held: tuple[Sample, ...] = ()
    learned: int = 0


UNKNOWN: Final = Usual()


def usual(state: PoolState, who: str) -> Usual:
    """Return what is known of a credential."""
    return state.expectations.get(who, UNKNOWN)


def is_slow(known: Usual, sample: Sample) -> bool:
    """Return whether an answer was slow for its credential, and not merely long."""
    seconds = sample.seconds
    if seconds <= known.seconds[sample.kind].slow:
        return False
    return not sample.size or seconds / sample.size > known.pace[sample.kind].rare or not known.pace[sample.kind].known


def limit(policy: Policy, known: Usual, kind: Kind, *, probe: bool) -> float | None:
    """Return the seconds after which an attempt is slow, so that another one may be started beside it; None: never.

    Of a stream, the chain's own limit or twice what nineteen of twenty first contents take, whichever is more: a thinking model is not
    raced every time. Of a whole answer, three times what nineteen of twenty take, since a short one tells nothing of a long one. One who
    answers within a millisecond is no host, and to wait for him in a thread would cost more than he does. A probe is left sooner.
    """
    seconds = known.seconds[kind]
    most = policy.first_content_limit if kind is Kind.FIRST else policy.answer_limit
    if most is None:
        return None
    if kind is Kind.FIRST:
        found = max(most, AT_FIRST * seconds.p95) if seconds.known else most
    else:
        found = max(SLOW * seconds.p95, LEAST_LIMIT) if seconds.known else most
    return min(found, max(LEASH, seconds.p95 if seconds.known else 0.0)) if probe else found


def leash(policy: Policy, known: Usual, kind: Kind) -> float:
    """Return the seconds for which a probe beside the active credential is kept up: its usual limit, from four to thirty."""
    return min(max(limit(policy, known, kind, probe=False) or 0.0, LEASH), LONGEST_LEASH)


def hint(known: Usual, kind: Kind) -> float:
    """Return the seconds after which a caller who leaves lets his credential be suspected."""
    seconds = known.seconds[kind]
    return max(SLOW * seconds.p95, LEAST_LIMIT) if seconds.known else UNKNOWN_HINT


def is_ordinary(known: Usual, sample: Sample) -> bool:
    """Return whether an answer can be learned at leisure: it changes nothing that is decided before that."""
    seconds = known.seconds[sample.kind]
    return not known.slow and seconds.known and sample.seconds <= seconds.slow


def learn(pool: Pool, state: PoolState, samples: Sequence[Sample], now: float) -> tuple[PoolState, bool]:
    """Take in answers; return the state, and whether the last one was slow.

    The third slow one in a row parks its credential, where another one is well.
    """
    found, slow = dict(state.expectations), False
    plain: dict[tuple[str, Kind], list[Sample]] = {}
    for sample in samples:
        who, known = sample.who, found.get(sample.who, UNKNOWN)
        if known.slow >= SLOW_IN_A_ROW and not sample.probe and _rests(pool, state, who, now):
            continue  # it began before the rest did
        slow = is_slow(known, sample)
        if not slow:
            for one in (*known.held, sample):
                plain.setdefault((who, one.kind), []).append(one)
            known = replace(known, slow=0, held=()) if known.slow else known
        elif known.slow >= SLOW_IN_A_ROW + _NEW_NORMAL:
            known = _learned(UNKNOWN, sample.kind, [sample])
        else:
            known = replace(known, slow=known.slow + 1, held=(*known.held, sample)[: SLOW_IN_A_ROW - 1])
        found[who] = known
    for (who, kind), some in plain.items():
        found[who] = _learned(found[who], kind, some)
    state = replace(state, expectations=MappingProxyType(found))
    who = samples[-1].who
    if slow and found[who].slow >= SLOW_IN_A_ROW and not _rests(pool, state, who, now):
        state = _rested(pool, state, who, samples[-1], now)
    return state, slow


def _learned(known: Usual, kind: Kind, samples: Sequence[Sample]) -> Usual:
    seconds, pace = list(known.seconds), list(known.pace)
    seconds[kind] = seconds[kind].with_([s.seconds for s in samples])
    if sized := [s.seconds / s.size for s in samples if s.size]:
        pace[kind] = pace[kind].with_(sized)
    return replace(known, seconds=tuple(seconds), pace=tuple(pace), learned=known.learned + len(samples))


def _rests(pool: Pool, state: PoolState, who: str, now: float) -> bool:
    return any(c.id == who and phase(pool, state, i, now) is Phase.PARKED for i, c in enumerate(pool.credentials))


def _rested(pool: Pool, state: PoolState, who: str, sample: Sample, now: float) -> PoolState:
    """The state with a credential at rest, if another one that would be faster is ready."""
    index = next((i for i, c in enumerate(pool.credentials) if c.id == who), None)
    if index is None or not any(_is_well(pool, state, i, sample, now) for i in range(len(pool)) if pool.first_of[i] != index):
        return state
    name = pool.guards[index].credential
    level = usual(state, who).slow - SLOW_IN_A_ROW + 1
    return stamped(state, {name: rested(state.breakers.get(name, CLOSED), level, now)})


def rested(guard: b.Breaker, level: int, now: float) -> b.Breaker:
    """Return the breaker of a slow credential: parked softly for 60, 120 ... 300 s."""
    length = min(FIRST_REST * 2.0 ** min(level - 1, BUCKETS), LONGEST_REST)
    return b.parked(guard, now, length, level, ErrorClass.TRANSIENT, guard.reason if guard.reason in b.QUIET else BROWNOUT, soft=True)


def _is_well(pool: Pool, state: PoolState, index: int, sample: Sample, now: float) -> bool:
    other = usual(state, pool.credentials[pool.first_of[index]].id)
    quicker = not other.seconds[sample.kind].known or other.seconds[sample.kind].median < sample.seconds
    return other.slow < SLOW_IN_A_ROW and quicker and phase(pool, state, index, now) is Phase.CLOSED


def merged(base: Mapping[str, Usual], mine: Mapping[str, Usual], theirs: Mapping[str, Usual]) -> Mapping[str, Usual]:
    """Return what two processes know: of each credential what is known to the one that has learned; to both, that of more answers."""
    if mine is theirs or mine == base or not mine:
        return theirs
    found = dict(theirs)
    for who, known in mine.items():
        other = found.get(who)
        if other is None or (known != base.get(who) and known.learned >= other.learned):
            found[who] = known
    return theirs if found == theirs else MappingProxyType(found)
