"""Two copies of one chain on one place, as two processes have them: what one does, the other heeds."""

from __future__ import annotations

import threading

import pytest
from stores_kit import AUTH, BUSY, Ill, ask, chain, parked, wait_until

from sparekey.core.events import Parked
from sparekey.engine import Failover

SLOW = 3600.0
"""A look that never comes by itself: what is seen then is seen because a change asked the store."""


def held(of):
    """A call whose first attempt waits: the thread, what it tries, and the event that lets it go."""
    trying, go = threading.Event(), threading.Event()
    served = []

    def attempt(credential):
        served.append(credential.id)
        trying.set()
        assert go.wait(20)
        return credential.id

    thread = threading.Thread(target=lambda: Failover(of).call(attempt))
    thread.start()
    assert trying.wait(20)
    return thread, served, go


def test_a_park_is_seen_by_the_other(place):
    """Who, why, until when, and who is active."""
    one, two = chain(place.open()), chain(place.open())
    assert ask(one, k0=AUTH) == "k1"
    assert wait_until(lambda: two.active_id == "k1")
    assert parked(two)["k0"] == pytest.approx(parked(one)["k0"], abs=1)
    assert two.status().credentials[0].reason == "invalid_key"


def test_a_chain_that_comes_later_remembers(place):
    """A restarted process does not try a parked credential again."""
    ask(chain(place.open()), k0=AUTH, k1=AUTH)
    late = chain(place.open())
    assert late.active_id == "k2"
    assert set(parked(late)) == {"k0", "k1"}


def test_one_probe_between_them(place, clock):
    """While a probe of one is out, the other stays where it is, though it has not looked since."""
    one, two = (chain(place.open(poll=SLOW), clock) for _ in range(2))
    ask(one, k0=BUSY)
    ask(two, k0=BUSY)
    clock.advance(100)
    thread, tried, go = held(one)
    assert tried == ["k0"]
    assert ask(two) == "k1"
    go.set()
    thread.join(20)
    assert (one.active_id, tried) == ("k0", ["k0"])


def test_a_crowd_of_both_sends_one_probe(place, clock):
    """Threads of two processes at once."""
    chains = [chain(place.open(poll=SLOW), clock) for _ in range(2)]
    for each in chains:
        ask(each, k0=BUSY)
    clock.advance(100)
    go, tried, waiting = threading.Event(), [], threading.Semaphore(0)

    def attempt(credential):
        tried.append(credential.id)
        if credential.id == "k0":
            assert go.wait(20)
        else:
            waiting.release()
        return credential.id

    threads = [threading.Thread(target=Failover(chains[i % 2]).call, args=(attempt,)) for i in range(8)]
    for thread in threads:
        thread.start()
    assert all(waiting.acquire(timeout=20) for _ in range(7))
    go.set()
    for thread in threads:
        thread.join(20)
    assert sorted(tried) == ["k0", *["k1"] * 7]


def test_a_recovery_is_seen_by_the_other(place, clock):
    """A probe that succeeded brings the traffic of both back."""
    one, two = chain(place.open(), clock), chain(place.open(), clock)
    ask(one, k0=BUSY)
    assert wait_until(lambda: two.active_id == "k1")
    clock.advance(100)
    assert ask(one) == "k0"
    assert wait_until(lambda: two.active_id == "k0")
    assert not parked(two)


def test_served_requests_are_counted_together(place):
    """A failback by count comes after the requests of both."""
    one, two = (chain(place.open(), failback_request_count=20) for _ in range(2))
    ask(one, k0=AUTH)
    assert wait_until(lambda: two.active_id == "k1")
    for each in (one, two):
        for _ in range(10):
            ask(each)
    assert wait_until(lambda: one.state.served == two.state.served == 20)
    assert one.status().failback_due
    assert two.status().failback_due


def test_a_count_alone_is_no_reason_to_write(place):
    """A request served by another credential than the first asks the store nothing."""
    store = place.open(poll=SLOW)
    of = chain(store)
    ask(of, k0=AUTH)
    store._change = store._worker.ask = None  # whoever asked now would break off
    assert [ask(of) for _ in range(5)] == ["k1"] * 5
    assert of.state.served == 5
    del store._change, store._worker.ask


def test_a_closed_store_knows_the_last_count(place):
    """What only this process knew is brought to the store at the end, and its chain goes on."""
    store = place.open(poll=SLOW)
    of = chain(store)
    ask(of, k0=AUTH)
    for _ in range(7):
        ask(of)
    store.close()
    assert chain(place.open()).state.served == 7
    assert ask(of, k1=AUTH) == "k2"


def test_chains_of_different_names_are_apart(place):
    """One store holds many chains."""
    store = place.open()
    one, two = chain(store, name="one"), chain(store, name="two")
    ask(one, k0=AUTH)
    assert not parked(two)
    assert not parked(chain(place.open(), name="two"))


def test_two_chains_of_one_name_in_one_process(place):
    """As after a reload: the old chain, which still drains, and the new one share their state."""
    store = place.open()
    old, new = chain(store), chain(store)
    ask(old, k0=AUTH)
    assert wait_until(lambda: new.active_id == "k1")


def test_lists_that_differ_understand_each_other(place):
    """In a roll-out one process knows a credential that the other does not, in another order: the active one goes by its id."""
    from sparekey.types import Credential

    one = chain(place.open(), credentials=[Credential(name, model="m") for name in ("new", "k0", "k1")])
    ask(one, new=AUTH, k0=AUTH)
    two = chain(place.open(), credentials=2)
    assert two.active_id == "k1"
    assert set(parked(two)) == {"k0"}
    assert ask(two) == "k1"
    assert set(parked(one)) == {"new", "k0"}


def test_events_tell_what_this_process_did(place):
    """A park of somebody else is no event here: each is told once, by whoever made it."""
    heard = [], []
    one, two = (chain(place.open(), hooks=[heard[i].append]) for i in range(2))
    ask(one, k0=AUTH)
    assert wait_until(lambda: two.active_id == "k1")
    assert sum(isinstance(event, Parked) for event in heard[0]) == 1
    assert heard[1] == []


def test_a_chain_in_a_store_needs_a_name(place):
    """Two chains without one would share a state by accident; a closed store takes none."""
    store = place.open()
    with pytest.raises(ValueError, match="needs a name"):
        chain(store, name="")
    store.close()
    with pytest.raises(ValueError, match="was closed"):
        chain(store)


def test_threads_of_two_processes_lose_nothing(place):
    """Eight threads on each of two copies, under changing failures: all are served, and both end up with one state."""
    chains = [chain(place.open()) for _ in range(2)]
    served = []

    def work(of, seed):
        for i in range(25):
            ill = {f"k{(seed + i) % 3}": BUSY} if i % 4 == 0 else {}
            served.append(ask(of, **ill))

    threads = [threading.Thread(target=work, args=(of, seed)) for of in chains for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(served) == 400
    one, two = chains
    assert wait_until(lambda: (one.state.epoch, one.state.term, one.active_id) == (two.state.epoch, two.state.term, two.active_id))
    assert set(parked(one)) == set(parked(two))


def test_an_exhausted_chain_says_the_same_everywhere(place):
    """The soonest return is that of the shared state."""
    from sparekey.errors import AllCredentialsFailedError

    one, two = chain(place.open(), credentials=2), chain(place.open(), credentials=2)
    with pytest.raises(AllCredentialsFailedError):
        ask(one, k0=AUTH, k1=AUTH)
    assert wait_until(lambda: len(parked(two)) == 2)
    with pytest.raises(AllCredentialsFailedError) as raised:
        Failover(two).call(lambda _: (_ for _ in ()).throw(Ill(AUTH)))
    assert raised.value.retry_after == pytest.approx(600, abs=5)
