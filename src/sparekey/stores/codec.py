"""A chain's state as bytes, for processes that share it: small JSON with a version, without keys.

Credentials are named by their ids, so that processes whose lists differ for a while (during a
roll-out) understand each other. Times are spans relative to the stamp;
`sparekey.stores.shared_time` says why. Values of a later version, and bytes that are no state, are
refused.
"""

from __future__ import annotations

import json
import math
from array import array
from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sparekey.core.breaker import Breaker
from sparekey.core.expectations import BUCKETS, Durations, Usual
from sparekey.core.memory import LONGEST_QUEUE, MOST_WORDS, UNTOLD, Drought, Memory, RefusedWords
from sparekey.core.pool import PoolState
from sparekey.masking import secrets_of
from sparekey.stores.base import Stamp
from sparekey.stores.old_states import understood
from sparekey.stores.shared_time import age
from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from sparekey.core.pool import Pool

VERSION: Final = 1
"""The version of the format.

A program that knows it reads all values that carry it. Later programs may add fields; older ones
skip them.
"""
_LARGEST: Final = 1_000_000
_LONGEST_REASON: Final = 80
_FORGOTTEN: Final = 86_400.0
"""Seconds for which an ended park of an unknown credential is kept: another process may know it."""
_PAST: Final = frozenset({"since", "looked", "cost_at", "room_at"})
_TIMES: Final = frozenset({"until", "lease"}) | _PAST
_STORED_AS: Final = {"stated": "firm", "soft": "weak", "cost": "felt", "cost_at": "felt_at", "callers_left": "left"}
"""Fields whose names in the store differ from today's, because stored states use the older ones."""
_MOST_NAMES: Final = 256
_NEVER: Final = "never"
_FULL: Final = 0x7FFF
"""The largest count of a bucket that is believed."""
_BLANK: Final = Breaker()


class UnreadableStateError(ValueError):
    """These bytes are no state of a chain."""


class NewerStateError(ValueError):
    """A later version of sparekey has written this state."""


class Codec:
    """Encodes and decodes the states of one chain."""

    def __init__(self, pool: Pool, writer: str) -> None:
        """Create a codec.

        Args:
            pool: the chain's credentials.
            writer: a name for this process's copy; it makes each written value unique.
        """
        self._ids = [c.id for c in pool.credentials]
        self.writer = writer
        self._secrets = secrets_of(pool.credentials)
        self._aliases = self._named(pool)
        self._names = {alias: name for name, alias in self._aliases.items()}

    def encode(self, state: PoolState, now: float, stamp: Stamp) -> bytes:
        """Return `state` as bytes.

        `now` and `stamp` are the same moment on the chain's and on the store's clock.
        """
        kept = {self._safe(name): guard for name, guard in state.breakers.items() if self._kept(name, guard, now)}
        data = {
            "v": VERSION,
            "by": self.writer,
            "stamp": stamp,
            "active": self._ids[state.active],
            "term": state.term,
            "epoch": state.epoch,
            "served": state.served,
            "switched": _span(state.switched_at, now),
            "rescued": _span(state.rescued_at, now),
            "breakers": {alias: self._guard(guard, now) for alias, guard in kept.items()},
            "memory": _written(state.memory, now),
            **({"usual": {name: _learned(known) for name, known in state.expectations.items()}} if state.expectations else {}),
            **({"vectors": self._secrets.cut(state.vectors)} if state.vectors else {}),
        }
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

    def decode(self, raw: bytes, now: float, stamp: Stamp, at_most: float = math.inf) -> PoolState:
        """Return the state in `raw`, with its times on this chain's clock.

        Args:
            raw: the store's bytes.
            now: the current moment on the chain's clock.
            stamp: the same moment on the store's clock.
            at_most: an upper bound for the seconds since it was written, as far as is known here.

        Raises:
            NewerStateError: a later version of sparekey wrote it.
            UnreadableStateError: the bytes are no state.
        """
        try:
            data: dict[str, Any] = json.loads(raw if len(raw) <= _LARGEST else b"null")
            version = _whole(data["v"])
            if version == VERSION:
                return self._state(data, now - age(_stamp(data["stamp"]), stamp, at_most))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as exc:
            raise UnreadableStateError(f"{len(raw)} bytes that are no state of a chain ({type(exc).__name__})") from None
        if version > VERSION:
            raise NewerStateError(f"a state of version {version}, and this sparekey reads {VERSION}: update it")
        raise UnreadableStateError(f"a state of version {version}, which there never was")

    def _state(self, data: dict[str, Any], written: float) -> PoolState:
        active, older = str(data["active"]), "memory" not in data
        guards = {self._names.get(alias, alias): _breaker(fields, written) for alias, fields in data["breakers"].items()}
        if older:
            guards = {name: understood(guard, written) for name, guard in guards.items()}
        return PoolState(
            active=self._ids.index(active) if active in self._ids else 0,
            term=_whole(data["term"]),
            switched_at=_moment(data["switched"], written) or 0.0,
            served=_whole(data["served"]),
            breakers=MappingProxyType(guards),
            epoch=_whole(data["epoch"]),
            rescued_at=_moment(data["rescued"], written),
            memory=UNTOLD if older else _memory(data["memory"], written),
            expectations=MappingProxyType({name: _usual(one) for name, one in data.get("usual", {}).items() if name in self._ids}),
            vectors=str(data.get("vectors", "")),
        )

    def _guard(self, guard: Breaker, now: float) -> dict[str, Any]:
        """Return the fields that differ from a breaker that was never parked."""
        found: dict[str, Any] = {}
        for name in _FIELDS:
            value = getattr(guard, name)
            if value != getattr(_BLANK, name):
                found[_STORED_AS.get(name, name)] = _span(value, now) if name in _TIMES else value
        if guard.reason:
            found["reason"] = self._secrets.cut(guard.reason)[:_LONGEST_REASON]
        return found

    def _kept(self, name: str, guard: Breaker, now: float) -> bool:
        return name in self._aliases or (guard.until is not None and guard.until > now - _FORGOTTEN)

    def _safe(self, name: str) -> str:
        return self._aliases.get(name) or self._secrets.cut(name)

    def _named(self, pool: Pool) -> dict[str, str]:
        """Return the breakers' names in the store: a name that seems to hold a key is replaced."""
        found: dict[str, str] = {}
        for credential_id, names in zip(self._ids, pool.guard_names, strict=True):
            for name in names:
                kind = name.partition(":")[0]
                safe = name if self._secrets.cut(name) == name else f"{kind}-of:{credential_id}"
                found.setdefault(name, safe)
        return found


_FIELDS: Final = tuple(field.name for field in fields(Breaker))


def _span(moment: float | None, now: float) -> float | str | None:
    if moment is None or math.isfinite(moment):
        return None if moment is None else round(moment - now, 6)
    return _NEVER


def _moment(span: Any, written: float) -> float | None:
    if span is None or span == _NEVER:
        return None if span is None else math.inf
    return written + _number(span)


def _past(span: Any, written: float, ahead: float = 0.0) -> float:
    """Return a moment at most `ahead` seconds after writing: a later one would never expire."""
    return written + min(_number(span), ahead)


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError("no number")
    return float(value)


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("no count")
    return value


def _stamp(value: Any) -> Stamp:
    clock, at, wall = value
    return Stamp(str(clock), _number(at), _number(wall))


def _breaker(data: dict[str, Any], written: float) -> Breaker:
    cause = data.get("cause")
    return Breaker(
        epoch=_whole(data.get("epoch", 0)),
        level=_whole(data.get("level", 0)),
        until=_moment(data.get("until"), written),
        stated=data.get("firm", False) is True,
        soft=data.get("weak", False) is True,
        cause=None if cause is None else ErrorClass(cause),
        reason=str(data.get("reason", ""))[:_LONGEST_REASON],
        lease=_moment(data.get("lease"), written),
        since=None if data.get("since") is None else _past(data["since"], written),
        against=_names(data.get("against", [])),
        shapes=_names(data.get("shapes", [])),
        looked=_past(data["looked"], written) if "looked" in data else 0.0,
        look_after=max(0.0, _number(data.get("look_after", 0.0))),
        looks=_whole(data.get("looks", 0)),
        cost=max(0.0, _number(data.get("felt", 0.0))),
        cost_at=_past(data["felt_at"], written) if "felt_at" in data else 0.0,
        callers_left=_whole(data.get("left", 0)),
        room=_whole(data.get("room", 0)),
        room_at=_past(data["room_at"], written) if "room_at" in data else 0.0,
    )


def _written(memory: Memory, now: float) -> dict[str, Any]:
    words = {
        key: {"at": _span(one.at, now), "refused": dict(one.refused), "acquitted": sorted(one.acquitted), "everybody": one.everybody}
        for key, one in memory.words.items()
    }
    drought = memory.drought
    stored = None if drought is None else [drought.request, drought.confirmed, _span(drought.everybody_at, now)]
    return {"words": words, "drought": stored}


def _memory(data: dict[str, Any], written: float) -> Memory:
    words = {
        _name(key): RefusedWords(
            _past(one["at"], written),
            MappingProxyType({str(who): _whole(epoch) for who, epoch in one["refused"].items()}),
            frozenset(_names(one["acquitted"])),
            _names(one["everybody"]),
        )
        for key, one in list(data["words"].items())[:MOST_WORDS]
    }
    stored = data["drought"]
    drought = None if stored is None else Drought(_name(stored[0]), stored[1] is True, _past(stored[2], written, LONGEST_QUEUE))
    return Memory(MappingProxyType(words), drought)


def _learned(known: Usual) -> dict[str, Any]:
    """Return what is known of a credential's times, each sketch as pairs of a bucket and its count."""
    sketches = [_pairs(one.counts) for one in (*known.seconds, *known.pace)]
    return {"sketches": sketches, "slow": known.slow, "learned": known.learned}


def _pairs(counts: bytes) -> list[int]:
    return [n for bucket, count in enumerate(array("H", counts)) if count for n in (bucket, count)]


def _usual(data: dict[str, Any]) -> Usual:
    first, whole, first_pace, whole_pace = (Durations(_counts(pairs)) for pairs in data["sketches"])
    slow, learned = _whole(data.get("slow", 0)), _whole(data.get("learned", 0))
    return Usual((first, whole), (first_pace, whole_pace), slow, learned=learned)


def _counts(pairs: list[Any]) -> bytes:
    numbers = array("H", bytes(2 * BUCKETS))
    for bucket, count in zip(pairs[:_MOST_NAMES:2], pairs[1:_MOST_NAMES:2], strict=True):
        numbers[min(_whole(bucket), BUCKETS - 1)] = min(_whole(count), _FULL)
    return numbers.tobytes()


def _names(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list):
        raise TypeError("no list of names")
    return tuple(map(_name, found[:_MOST_NAMES]))


def _name(found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError("no name")
    return found
