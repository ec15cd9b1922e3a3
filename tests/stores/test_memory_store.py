"""State in this process's memory."""

import threading

from sparekey.stores.memory import MemoryStore


def test_it_holds_a_value():
    """What was put in comes out."""
    first = object()
    assert MemoryStore(first).value is first


def test_a_change_needs_the_value_as_it_is():
    """Who decided on an older value has to decide again."""
    first, second, third = object(), object(), object()
    store = MemoryStore(first)
    assert store.compare_and_set(first, second)
    assert not store.compare_and_set(first, third)
    assert store.value is second


def test_identity_counts_and_not_equality():
    """Two equal values may have different histories."""
    store = MemoryStore([1])
    assert not store.compare_and_set([1], [2])


def test_threads_lose_no_update():
    """Eight threads, 500 increments each."""
    store = MemoryStore((0,))

    def increment():
        for _ in range(500):
            while not store.compare_and_set(old := store.value, (old[0] + 1,)):
                pass

    threads = [threading.Thread(target=increment) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert store.value == (4000,)
