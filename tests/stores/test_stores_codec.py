"""A chain's state as bytes: nothing is lost, nothing wrong is believed, no key gets in."""

from __future__ import annotations

import json
import math
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparekey.core.breaker import Breaker
from sparekey.core.memory import LONGEST_QUEUE, Drought, Memory, RefusedWords
from sparekey.core.pool import Pool, PoolState
from sparekey.stores.base import Stamp
from sparekey.stores.codec import VERSION, Codec, NewerStateError, UnreadableStateError
from sparekey.types import Credential, ErrorClass, Secret

POOL = Pool(tuple(Credential(f"k{i}", model="m", account="a", endpoint="https://x.example") for i in range(3)))
NOW, STAMP = 1000.0, Stamp("boot", 50.0, 9_000_000.0)
NAMES = sorted({name for names in POOL.guard_names for name in names})

moments = st.floats(-1e6, 1e6, allow_nan=False)
past = st.floats(-1e6, NOW, allow_nan=False)
counts = st.integers(0, 10**6)
hashes = st.text("0123456789abcdef", min_size=16, max_size=16)
ids = st.sampled_from(["k0", "k1", "k2"])
breakers = st.builds(
    Breaker,
    epoch=counts,
    level=counts,
    until=st.none() | moments | st.just(math.inf),
    stated=st.booleans(),
    soft=st.booleans(),
    cause=st.none() | st.sampled_from(ErrorClass),
    reason=st.sampled_from(["", "invalid_key", "rate_limited"]),
    lease=st.none() | moments,
    since=st.none() | past,
    against=st.lists(hashes, max_size=3).map(tuple),
    shapes=st.lists(hashes, max_size=4).map(tuple),
    looked=past,
    look_after=st.floats(0, 1e6),
    looks=counts,
)
words = st.builds(
    RefusedWords,
    at=past,
    refused=st.dictionaries(ids, counts).map(MappingProxyType),
    acquitted=st.frozensets(ids),
    everybody=st.lists(hashes, max_size=3).map(tuple),
)
memories = st.builds(
    Memory,
    words=st.dictionaries(hashes, words, max_size=3).map(MappingProxyType),
    drought=st.none() | st.builds(Drought, hashes, st.booleans(), past, st.just(0.0)),
)
states = st.builds(
    PoolState,
    active=st.integers(0, 2),
    term=counts,
    switched_at=moments,
    served=counts,
    breakers=st.dictionaries(st.sampled_from(NAMES), breakers).map(MappingProxyType),
    epoch=counts,
    rescued_at=st.none() | moments,
    memory=memories,
)


def near(one, other):
    """Whether two states differ by no more than a microsecond's rounding."""

    def plain(state):
        guards = {name: [getattr(guard, field) for field in Breaker.__slots__] for name, guard in state.breakers.items()}
        words = {key: [one.at, dict(one.refused), one.acquitted, one.everybody] for key, one in state.memory.words.items()}
        drought = state.memory.drought and list(state.memory.drought)
        return [state.active, state.term, state.switched_at, state.served, state.epoch, state.rescued_at, guards, words, drought]

    def same(a, b):
        if isinstance(a, float) and isinstance(b, float):
            return a == b or abs(a - b) < 2e-6
        if isinstance(a, list):
            return len(a) == len(b) and all(map(same, a, b))
        if isinstance(a, dict):
            return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
        return a == b

    return same(plain(one), plain(other))


@given(states)
def test_what_is_written_is_read(state):
    """Every field of every state comes back."""
    codec = Codec(POOL, "me")
    assert near(codec.decode(codec.encode(state, NOW, STAMP), NOW, STAMP), state)


@given(states, st.floats(0, 1e6))
def test_spans_shrink_by_what_has_passed(state, passed):
    """On another clock, a while later, every moment is as far away as it was, less the while."""
    codec = Codec(POOL, "me")
    raw = codec.encode(state, NOW, STAMP)
    later = Stamp("boot", STAMP.at + passed, 0.0)
    read = codec.decode(raw, 5.0 + passed, later)
    moved = codec.decode(raw, 5.0, STAMP)
    assert near(read, moved) or abs(passed) > 1e5  # the larger the number, the coarser its last place


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_garbage_is_refused(raw):
    """Whatever the bytes are: an error of the codec's own, never another one."""
    with pytest.raises(UnreadableStateError):
        Codec(POOL, "me").decode(raw, NOW, STAMP)


@given(states, st.data())
def test_a_damaged_state_is_refused_or_read(state, data):
    """A field that is missing or is something else breaks nothing."""
    codec = Codec(POOL, "me")
    found = json.loads(codec.encode(state, NOW, STAMP))
    key = data.draw(st.sampled_from(sorted(found)))
    found[key] = data.draw(st.none() | st.just([]) | st.just("x") | st.just(-1) | st.just(True) | st.just({"k": {"until": "x"}}))
    try:
        read = codec.decode(json.dumps(found).encode(), NOW, STAMP)
    except UnreadableStateError:
        return
    assert 0 <= read.active < 3
    assert read.served >= 0


def places(value, path=()):
    """Every place in a JSON value, by the way to it."""
    yield path
    if isinstance(value, (dict, list)):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


HOSTILE = [None, [], {}, "x", "", -1, 10**30, 1e300, True, ["x", []], {"x": 1}]


@given(states, st.data())
def test_a_state_that_is_hostile_in_any_depth_is_refused_or_read(state, data):
    """Whatever stands wherever: an error of the codec's own, or a state that names no moment of the past that is still to come."""
    codec = Codec(POOL, "me")
    found = json.loads(codec.encode(state, NOW, STAMP))
    *way, last = data.draw(st.sampled_from([path for path in places(found) if path[:1] not in [(), ("v",)]]))
    inner = found
    for key in way:
        inner = inner[key]
    inner[last] = data.draw(st.sampled_from(HOSTILE))
    try:
        read = codec.decode(json.dumps(found).encode(), NOW, STAMP)
    except UnreadableStateError:
        return
    past = [*(w.at for w in read.memory.words.values()), *(g.looked for g in read.breakers.values())]
    past += [g.since for g in read.breakers.values() if g.since is not None]
    past += [read.memory.drought.everybody_at - LONGEST_QUEUE] if read.memory.drought else []
    assert all(moment <= NOW for moment in past), "what is to come would be remembered for ever"


@pytest.mark.parametrize("raw", [b"NaN", b"[" * 5000, b'{"v":1}', b'{"v":0}', b'{"v":true}', b"1" * 2_000_000, b'{"v":1e999}'])
def test_famous_garbage_is_refused(raw):
    """Nested without end, too large, a number that is none, a version that never was."""
    with pytest.raises(UnreadableStateError):
        Codec(POOL, "me").decode(raw, NOW, STAMP)


def test_a_later_version_is_told_apart():
    """It is not garbage, and nobody may overwrite it."""
    with pytest.raises(NewerStateError, match="update it"):
        Codec(POOL, "me").decode(json.dumps({"v": VERSION + 1, "anything": []}).encode(), NOW, STAMP)


def test_more_fields_than_are_known_are_no_harm():
    """A later version may add some without a new number."""
    found = json.loads(Codec(POOL, "me").encode(PoolState(term=3), NOW, STAMP)) | {"more": [1]}
    assert Codec(POOL, "me").decode(json.dumps(found).encode(), NOW, STAMP).term == 3


def test_two_writers_never_write_the_same_bytes():
    """So whoever finds its own bytes in the store knows that it has won."""
    one, two = (Codec(POOL, name).encode(PoolState(), NOW, STAMP) for name in ("one", "two"))
    assert one != two


KEY = "sk-live-0123456789abcdef0123456789abcdef"
ODD = "correct-horse-battery"


def test_no_key_gets_in():
    """K15: keys in addresses, in reasons, in headers, of shapes that nobody knows; and what they named is found again."""
    pool = Pool(
        (
            Credential("a", model="m", endpoint=f"https://user:{KEY}@x.example/v1", api_key=Secret(KEY)),
            Credential("b", model="m", endpoint=f"https://x.example/{ODD}", api_key=Secret(ODD), headers={"X-Key": "header-secret-1"}),
        )
    )
    guards = {
        name: Breaker(until=NOW + 5, epoch=1, reason=f"said {KEY} {ODD} header-secret-1") for names in pool.guard_names for name in names
    }
    guards[f"endpoint:https://old:{KEY}@y.example m"] = Breaker(until=NOW + 5)
    codec = Codec(pool, "me")
    raw = codec.encode(PoolState(breakers=MappingProxyType(guards)), NOW, STAMP)
    assert not any(secret.encode() in raw for secret in (KEY, ODD, "header-secret-1"))
    read = codec.decode(raw, NOW, STAMP)
    assert all(read.breakers[name].until == pytest.approx(NOW + 5) for names in pool.guard_names for name in names)


def test_what_nobody_knows_any_more_is_forgotten():
    """The park of a credential that was taken out is kept for a day, for processes that have it still."""
    guards = {
        "credential:gone": Breaker(until=NOW - 90_000),
        "credential:going": Breaker(until=NOW - 100),
        "credential:k0": Breaker(until=0.0),
    }
    codec = Codec(POOL, "me")
    read = codec.decode(codec.encode(PoolState(breakers=MappingProxyType(guards)), NOW, STAMP), NOW, STAMP)
    assert set(read.breakers) == {"credential:going", "credential:k0"}


def test_an_active_credential_that_is_not_known_here_is_the_first():
    """Its id stands in no list of this process."""
    other = Pool((Credential("x"), Credential("y")))
    raw = Codec(other, "me").encode(PoolState(active=1), NOW, STAMP)
    assert Codec(POOL, "me").decode(raw, NOW, STAMP).active == 0
