"""How long the answers of a credential usually take, learned from them, so that silence and slowness can be told (DESIGN.md 4).

**Theory.** For each credential and kind of answer (`Kind`) there are two histograms, `Durations`: of the seconds, and of the seconds per
unit of size (the tokens of a whole answer, the bytes of a stream's request), since a long answer is not a slow one. A histogram has
logarithmic buckets and counts of two bytes; when it is full, all counts are halved, so that the last few hundred answers decide. One
credential takes less than 2 kB.

An answer is *slow* if it takes three times the median of its credential and longer than nineteen of twenty, by both ways of counting.
Three slow ones in a row while another credential is well are a *brownout*: the credential rests for 60, 120 ... 300 s. Answers that it
gives while it rests are not learned, until the rests have lasted so long that they are taken for its new usual.
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
from sparekey.core.policy import Recovery
from sparekey.core.pool import phase, stamped
from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparekey.core.policy import Policy
    from sparekey.core.pool import Pool, PoolState

_SMALLEST: Final = 1e-6
_PER_OCTAVE: Final = 4
BUCKETS: Final = 124
"""From a microsecond to half an hour, four to an octave: a value read back is off by a fifth at most."""
_EDGES: Final = tuple(_SMALLEST * 2.0 ** (bucket / _PER_OCTAVE) for bucket in range(BUCKETS))
"""Where the buckets end, in seconds."""
_WEIGHT: Final = 16
"""The count that one value adds: it outlives four halvings, so that a rare value is not lost."""
_FULL: Final = 256 * _WEIGHT
"""The count at which all are halved: the last 256 values count half of all, or more."""
LEAST: Final = 8
"""The fewest values from which anything is concluded."""
_NEVER: Final = float("inf")
FEW: Final = 64
"""The number of values below which the longest ones tell little: then the 95th percentile is also reckoned from how far the others lie
apart, as if their logarithms were distributed normally. Else a model that thinks would be raced often while it is new."""
_ONE_DEVIATION: Final = 0.841
"""The share of a normal distribution that is less than one standard deviation above the median."""
SLOW: Final = 3.0
"""A slow answer takes so many times the median."""
AT_WHOLE: Final = 1.0
"""A whole answer is waited for alone so many times the 95th percentile, and no shorter than three times the median.

DESIGN.md 4.1 says three times. Of a thinking model's answers, one of twenty is then waited for alone for a minute and more, while people's
own loops give up after 30 s and ask the next key: on the trace `thinking` of tools/quality that made us worse than a loop by 24 points.
Where answers are of like length nothing changes but how soon a silent host is left.
"""
NEVER_SLOW: Final = 0.25
"""Seconds that are never slow, whatever is usual: a busy machine delays an answer by as much."""
SLOW_IN_A_ROW: Final = 3
"""Slow answers in a row that make a brownout: one is chance, and a thinking model now and then gives two."""
AT_FIRST: Final = 2.5
"""The first content of a stream may take so many times the 95th percentile.

DESIGN.md 4.2 says twice: where 6 % of first contents take more than 15 s, that races 2.6 % of the streams in the long run, and more while
the model is new. This races 2.7 % of them altogether in simulation, 1.9 to 3.5 % by seed; 3.0 times would race 2.4 %.
"""
UNHEARD_OF: Final = 3.0
"""Standard deviations of the logarithm beyond which an answer is not merely slow: it is not to be expected any more."""
_DEVIATIONS_OF_P95: Final = 1.645
QUICK: Final = 0.001
"""A credential whose median is below these seconds is no host: it is asked in the caller's own thread."""
LEAST_LIMIT: Final = 1.0
"""The shortest limit, in seconds: no reader minds the wait, and a busy machine delays an answer by as much."""
LEASH: Final = 4.0
"""Seconds without a sign after which another credential is started beside a live probe (DESIGN.md 4.4)."""
LONGEST_LEASH: Final = 30.0
UNKNOWN_HINT: Final = 4.5
"""Seconds after which a caller who leaves is a hint, while nothing is known: callers give up after five, counted from before our start."""
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
    """How long one answer took.

    Attributes:
        who: the id of its credential.
        kind: what was waited for.
        seconds: from the attempt's start.
        size: the tokens of a whole answer, the bytes of a stream's request; 0 if not known.
        probe: it came from a probe beside another request.
    """

    who: str
    kind: Kind
    seconds: float
    size: int = 0
    probe: bool = False


def _bucket(value: float) -> int:
    if value <= _SMALLEST:
        return 0
    return min(int(log2(value / _SMALLEST) * _PER_OCTAVE) + 1, BUCKETS - 1)


def _below(numbers: Sequence[int], ranks: Sequence[float]) -> list[float]:
    """The upper edges of the buckets in which ascending ranks lie."""
    found, seen = list[float](), 0
    for bucket, count in enumerate(numbers):
        seen += count
        while count and len(found) < len(ranks) and seen >= ranks[len(found)]:
            found.append(_EDGES[bucket])
    return found


class Durations:
    """A histogram of durations, as a value.

    Attributes:
        counts: the counts, two bytes a bucket.
        median: half of the values are not above this; 0 if there are not enough of them.
        p95: nineteen of twenty are not; 0 if there are not enough of them. While there are few, it is not below what the spread of the
            others makes likely.
        rare: a value above this is out of the ordinary. The slow answers of a brownout that were learned before it was one move the
            95th percentile, but not the spread of the others.
    """

    __slots__ = ("counts", "median", "p95", "rare")

    def __init__(self, counts: bytes = bytes(2 * BUCKETS)) -> None:
        """Read what the counts say; without any, nothing is known."""
        self.counts = counts
        numbers = array("H", counts)
        total = sum(numbers)
        self.median, self.p95, self.rare = 0.0, 0.0, _NEVER
        if total < LEAST * _WEIGHT:
            return
        # of few values the longest is never the 95th percentile: it may be the first call of a process, which loads its SDK meanwhile
        ranks = (0.5 * total, _ONE_DEVIATION * total, min(0.95 * total, total - _WEIGHT))
        self.median, high, self.p95 = _below(numbers, ranks)
        usual = self.median * float((high / self.median) ** _DEVIATIONS_OF_P95)
        self.rare = max(SLOW * self.median, min(self.p95, usual))
        if total < FEW * _WEIGHT:
            self.p95 = max(self.p95, usual)

    @property
    def known(self) -> bool:
        """Whether there are enough values to conclude anything."""
        return self.p95 > 0.0

    @property
    def slow(self) -> float:
        """Seconds above this are slow: they are rare, and long enough to be noticed."""
        return max(self.rare, NEVER_SLOW)

    @property
    def unheard_of(self) -> float:
        """A value above this does not belong to these at all."""
        spread = self.p95 / self.median if self.median else 1.0
        return max(self.slow, self.median * float(spread ** (UNHEARD_OF / _DEVIATIONS_OF_P95)))

    @property
    def quick(self) -> bool:
        """Whether no host answers this fast: nothing has to be started beside it."""
        return 0.0 < self.median < QUICK

    def with_(self, values: Sequence[float]) -> Durations:
        """Return the histogram with these values added; older ones count less from time to time."""
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
        seconds: the histograms of seconds, by kind.
        pace: the histograms of seconds per unit of size, by kind.
        slow: how many slow answers there were in a row.
        held: the first of them: they are learned if the row ends before it is a brownout.
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
    """Return whether an answer was slow for its credential and not merely long."""
    seconds = sample.seconds
    if seconds <= known.seconds[sample.kind].slow:
        return False
    return not sample.size or seconds / sample.size > known.pace[sample.kind].rare or not known.pace[sample.kind].known


def is_unheard_of(known: Usual, sample: Sample) -> bool:
    """Return whether an attempt has taken so long that an answer is not to be expected any more."""
    usual_ones = known.seconds[sample.kind]
    return not usual_ones.known or sample.seconds > usual_ones.unheard_of


def limit(policy: Policy, known: Usual, kind: Kind, *, probe: bool) -> float | None:
    """Return the seconds after which an attempt is slow, so that another one may be started beside it; None: never.

    For a stream it is the chain's own limit or a multiple of the 95th percentile of first contents, whichever is more: a thinking model is
    not raced every time. A whole answer is slow if it is rare, since answers differ in length. For a probe the limit is shorter.
    """
    seconds = known.seconds[kind]
    most = policy.first_content_limit if kind is Kind.FIRST else policy.answer_limit
    if most is None:
        return None
    if kind is Kind.FIRST:
        found = max(most, AT_FIRST * seconds.p95) if seconds.known else most
    else:
        found = max(SLOW * seconds.median, AT_WHOLE * seconds.p95, LEAST_LIMIT) if seconds.known else most
    return min(found, max(LEASH, seconds.p95 if seconds.known else 0.0)) if probe else found


def idle_limit(policy: Policy, known: Usual) -> float | None:
    """Return the seconds of silence after which a stream that has begun is left; None: it never is.

    This is the chain's own limit. Where the caller has seen nothing of the stream (`buffer`), another one may begin anew at no loss: then a
    silence lasts no longer than a first content may, since a host that thinks between two pieces thinks before the first one, too.
    """
    first = known.seconds[Kind.FIRST]
    if policy.idle_limit is None or policy.stream_recovery != Recovery.BUFFER or not first.known:
        return policy.idle_limit
    return min(policy.idle_limit, max(LEASH, AT_FIRST * first.p95))


def leash(policy: Policy, known: Usual, kind: Kind) -> float:
    """Return the seconds for which a probe beside the active credential runs: its usual limit, but 4 at least and 30 at most."""
    return min(max(limit(policy, known, kind, probe=False) or 0.0, LEASH), LONGEST_LEASH)


def hint(known: Usual, kind: Kind) -> float:
    """Return the seconds after which a caller who leaves is a hint against the credential that kept him waiting."""
    seconds = known.seconds[kind]
    return max(SLOW * seconds.p95, LEAST_LIMIT) if seconds.known else UNKNOWN_HINT


def may_wait(known: Usual, sample: Sample, waiting: int) -> bool:
    """Return whether an answer may be learned later, since no decision before that depends on it.

    `waiting` counts the answers that are not learned yet, this one among them: nothing is known of a credential before `LEAST` of them.
    """
    seconds = known.seconds[sample.kind]
    if not seconds.p95:
        return known.learned + waiting < LEAST
    return not known.slow and (sample.seconds <= seconds.p95 or sample.seconds <= seconds.slow)


def learn(pool: Pool, state: PoolState, samples: Sequence[Sample], now: float) -> tuple[PoolState, bool]:
    """Take in answers; return the state, and whether the last one was slow.

    The third slow answer in a row parks its credential, if another one is well.
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
    """The state with a slow credential parked, if another one that would be faster is ready."""
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
    """Return what two processes know together.

    For each credential it is what the process knows that has learned since `base`; if both have, that of the one with more answers.
    """
    if mine is theirs or mine == base or not mine:
        return theirs
    found = dict(theirs)
    for who, known in mine.items():
        other = found.get(who)
        if other is None or (known != base.get(who) and known.learned >= other.learned):
            found[who] = known
    return theirs if found == theirs else MappingProxyType(found)
