"""What a chain remembers of refusals: words that proved to be about the request, and requests that everybody refused (DESIGN.md 3.4).

**Theory.** The words of a refusal often do not tell whether they are about the request or about the credential; several requests do.
For ten minutes the memory keeps, under a hash of the words:

    refused     the credentials that refused in them, each with the epoch of its first refusal
    acquitted   those of them that have served a request which began later: the credential is well, its refusal was about the request
    everybody   the requests that everybody who was asked refused in these words; they are dropped as soon as one credential serves a
                request that another refused in them

If several requests in a row are refused by everybody, a `Drought` begins: while it lasts, one request a second asks everybody, and the
others ask fewer. Any success ends it.

All values are frozen; each function returns a new memory, or the very same if nothing has changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.core.identity import hashed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sparekey.core.identity import Identity
    from sparekey.types import Failure

KEPT_SECONDS: Final = 600.0
MOST_WORDS: Final = 32
"""Wordings that are remembered at the same time; the oldest goes first."""
_MOST_REQUESTS: Final = 8
EVERYBODY_EVERY: Final = 1.0
"""Seconds between two requests that ask all credentials, while none serves."""
SLOT: Final = 0.1
"""Seconds between two requests that ask any credential at all while none serves: ten a second."""
LONGEST_QUEUE: Final = 0.25
"""Seconds for which a request waits for its slot; if the queue is longer, the request is told at once that no credential serves."""
ASKED_BY_OTHERS: Final = 2
"""Credentials that a request asks which everybody is known to refuse."""


@dataclass(frozen=True, slots=True)
class RefusedWords:
    """One wording of a refusal; the module describes the fields.

    Credentials stand by their ids, requests by their hashes; `at` is the time of the last refusal.
    """

    at: float
    refused: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    acquitted: frozenset[str] = frozenset()
    everybody: tuple[str, ...] = ()


class Drought(NamedTuple):
    """A time in which everybody refuses.

    Attributes:
        request: the hash of the first request that everybody refused.
        confirmed: everybody has refused another request since.
        everybody_at: when a request last asked everybody.
        slot: the time from which the next request may ask anybody.
    """

    request: str
    confirmed: bool = False
    everybody_at: float = 0.0
    slot: float = 0.0


class Admission(NamedTuple):
    """How a request may begin: after `wait` seconds, asking at most `most` credentials; None: all of them."""

    wait: float = 0.0
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of one chain."""

    words: Mapping[str, RefusedWords] = field(default_factory=lambda: MappingProxyType({}))
    drought: Drought | None = None


NOTHING: Final = Memory()
UNTOLD: Final = Memory()
"""Stands for the memory in a state that an older version has written: that version knew none."""


def words_of(failure: Failure) -> str:
    """Return the hash by which the words of a refusal are remembered: class, status and what stays the same in its text."""
    return hashed(f"{failure.error_class} {failure.status} {failure.fingerprint}")


def refused(memory: Memory, words: str, who: str, epoch: int, now: float) -> Memory:
    """Take in that a credential refused in these words in `epoch`."""
    known = {key: one for key, one in memory.words.items() if now - one.at <= KEPT_SECONDS}
    if words not in known and len(known) >= MOST_WORDS:
        del known[min(known, key=lambda key: known[key].at)]
    old = known.get(words) or RefusedWords(now)
    known[words] = replace(old, at=now, refused=MappingProxyType({**old.refused, who: old.refused.get(who, epoch)}))
    return replace(memory, words=MappingProxyType(known))


def served(memory: Memory, who: str, began: int, elsewhere: Collection[str], now: float) -> Memory:
    """Take in a success.

    Args:
        memory: what was known.
        who: the credential that served.
        began: the epoch in which its attempt began.
        elsewhere: the words in which others refused the same request.
        now: the time.
    """
    changed: dict[str, RefusedWords] = {}
    for key, one in memory.words.items():
        new = one
        if who in one.refused and who not in one.acquitted and one.refused[who] <= began:
            new = replace(new, acquitted=new.acquitted | {who})
        if key in elsewhere and one.everybody:
            new = replace(new, everybody=())
        if new is not one:
            changed[key] = new
    if not changed and memory.drought is None and not (memory.words and _faded(memory, now)):
        return memory
    return replace(memory, words=MappingProxyType({} if _faded(memory, now) else {**memory.words, **changed}), drought=None)


def convicted(memory: Memory, words: str, who: str) -> Memory:
    """Take in that a credential is dead in these words after all: several requests outweigh that it served once (DESIGN.md 3.4a)."""
    one = memory.words.get(words)
    if one is None or who not in one.refused:
        return memory
    rest = {key: epoch for key, epoch in one.refused.items() if key != who}
    new = replace(one, refused=MappingProxyType(rest), acquitted=one.acquitted - {who})
    return replace(memory, words=MappingProxyType({**memory.words, words: new}))


def refused_by_all(memory: Memory, words: str, request: str) -> Memory:
    """Take in that everybody who was asked refused a request in these words."""
    one = memory.words.get(words)
    if one is None or request in one.everybody:
        return memory
    new = replace(one, everybody=(*one.everybody, request)[-_MOST_REQUESTS:])
    return replace(memory, words=MappingProxyType({**memory.words, words: new}))


def dry(memory: Memory, request: str, now: float) -> Memory:
    """Take in that everybody refused a request, in whatever words; nothing was served since the last such request."""
    old = memory.drought or Drought(request)
    return replace(memory, drought=old._replace(confirmed=old.confirmed or old.request != request, everybody_at=now))


def is_acquitted(memory: Memory, words: str, who: str, now: float) -> bool:
    """Return whether a credential that refuses in these words is known to be well."""
    one = memory.words.get(words)
    return one is not None and who in one.acquitted and now - one.at <= KEPT_SECONDS


def is_the_requests(memory: Memory, words: str, now: float) -> bool:
    """Return whether these words proved to be about the request.

    They did if everybody who was asked refused a request in them, and none has since served a request that another refused in them.
    """
    one = memory.words.get(words)
    return one is not None and bool(one.everybody) and now - one.at <= KEPT_SECONDS


def limits_no_request(memory: Memory) -> bool:
    """Return whether every request may ask everybody: there is no drought, and no request is known that everybody refused."""
    return memory.drought is None and not any(one.everybody for one in memory.words.values())


def was_refused_by_all(memory: Memory, identity: Identity, now: float) -> bool:
    """Return whether everybody refused this very request before."""
    known = [one for one in memory.words.values() if one.everybody and now - one.at <= KEPT_SECONDS]
    return bool(known) and any(identity.request in one.everybody for one in known)


def admitted(memory: Memory, now: float) -> tuple[Memory, Admission]:
    """Let a request begin during a drought."""
    drought = memory.drought
    if drought is None or not drought.confirmed:
        return memory, Admission()
    slot = max(now, drought.slot)
    if slot - now > LONGEST_QUEUE:
        return memory, Admission(most=0)
    drought = drought._replace(slot=slot + SLOT)
    if slot - drought.everybody_at >= EVERYBODY_EVERY:
        return replace(memory, drought=drought._replace(everybody_at=slot)), Admission(slot - now)
    return replace(memory, drought=drought), Admission(slot - now, ASKED_BY_OTHERS)


def _faded(memory: Memory, now: float) -> bool:
    return all(now - one.at > KEPT_SECONDS for one in memory.words.values())
