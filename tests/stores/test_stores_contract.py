"""The contract of a store, the same for every kind: named bytes, read and changed by compare-and-set."""

from __future__ import annotations

from contextlib import closing

import pytest

ODD = b"\x00\xff'\"\\\n" + "ключ 钥匙".encode()


@pytest.fixture
def store(place):
    with closing(place.store()) as store:
        yield store


@pytest.fixture
def other(place):
    """The same place, as another process would open it."""
    with closing(place.store()) as store:
        yield store


def test_what_was_never_written_is_not_there(store):
    """Only names with a value come back, and nobody is asked for none."""
    assert store.compare_and_set("a", None, b"1")
    assert store.read(["a", "b"]) == {"a": b"1"}


def test_nothing_is_asked_for_and_nothing_comes(store):
    """A process whose chains are gone, after a reload, still looks whether the store is there: that is no fault of the store."""
    assert store.read([]) == {}


def test_the_first_writer_wins(store, other):
    """What is to be made anew is not there yet."""
    assert store.compare_and_set("a", None, b"1")
    assert not other.compare_and_set("a", None, b"2")
    assert other.read(["a"]) == {"a": b"1"}


def test_only_the_value_that_was_read_is_replaced(store, other):
    """A writer who read an older value changes nothing."""
    store.compare_and_set("a", None, b"1")
    assert other.compare_and_set("a", b"1", b"2")
    assert not store.compare_and_set("a", b"1", b"3")
    assert store.read(["a"]) == {"a": b"2"}


def test_nothing_is_replaced_where_nothing_is(store):
    """A store that lost its data says so."""
    assert not store.compare_and_set("a", b"1", b"2")
    assert store.read(["a"]) == {}


@pytest.mark.parametrize("name", ["a", "a chain / with : odd * letters", "链"])
def test_names_and_bytes_come_back_as_they_are(store, other, name):
    """Whatever they are."""
    assert store.compare_and_set(name, None, ODD)
    assert other.compare_and_set(name, ODD, ODD * 1000)
    assert store.read([name]) == {name: ODD * 1000}


def test_names_are_apart(store):
    """A change of one value touches no other."""
    store.compare_and_set("a", None, b"1")
    store.compare_and_set("b", None, b"2")
    store.compare_and_set("a", b"1", b"3")
    assert store.read(["a", "b"]) == {"a": b"3", "b": b"2"}


def test_a_change_of_somebody_else_is_noticed(store, other):
    """The cheap question says so, before and after anything was read."""
    assert store.changed()
    store.compare_and_set("a", None, b"1")
    store.read(["a"])
    other.compare_and_set("a", b"1", b"2")
    assert store.changed()
    assert store.read(["a"]) == {"a": b"2"}


def test_closed_is_not_lost(store):
    """A store that is used again opens again."""
    store.compare_and_set("a", None, b"1")
    store.close()
    assert store.read(["a"]) == {"a": b"1"}
    store.tidy()


def test_stamps_go_forwards(store):
    """A later moment is never earlier, before and after the first contact."""
    stamps = [store.stamp()]
    store.read(["a"])
    stamps += [store.stamp(), store.stamp()]
    assert stamps[1].clock == stamps[2].clock
    assert stamps[1].at <= stamps[2].at
    assert stamps[0].wall <= stamps[2].wall + 1
