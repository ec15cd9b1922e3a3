"""How long a connection may take: the full limit, and less while the network itself is suspected."""

from sparekey.wire.network import CONNECT_SECONDS, STEPS, SUSPICION_SECONDS, Address, Network, in_turns
from sparekey.wire.writes import RUNNING, written_again

HOSTS = [Address(f"host-{i}.example", 443) for i in range(15)]
V4, V6 = 2, 10


def silence(network, clock, place):
    """Let a connection wait in vain; return how long it waited."""
    limit = network.limit(place)
    clock.advance(limit)
    network.silent(place, limit)
    return limit


def test_without_a_suspicion_each_host_has_the_full_limit(clock):
    """It allows for two lost packets (sent again after 1 s and 3 s) and a slow handshake."""
    network = Network(clock)
    assert {network.limit(place) for place in HOSTS} == {CONNECT_SECONDS} == {5.0}


def test_a_network_that_swallows_everything_is_known_within_twelve_seconds(clock):
    """H10: fifteen credentials with as many hosts, none of which answers."""
    network = Network(clock)
    assert sum(silence(network, clock, place) for place in HOSTS) < 12.0


def test_a_slow_network_keeps_the_time_that_it_needs(clock):
    """What hosts took when they were well is what they get, three times over."""
    network = Network(clock)
    network.reached(HOSTS[1], 0.3)
    network.reached(HOSTS[2], 2.0)
    silence(network, clock, HOSTS[0])
    assert [network.limit(place) for place in HOSTS[1:4]] == [1.6, CONNECT_SECONDS, STEPS[0]]


def test_a_slow_connection_is_forgotten_in_time(clock):
    """One hiccup does not count for ever."""
    network = Network(clock)
    network.reached(HOSTS[1], 4.0)
    for _ in range(20):
        network.reached(HOSTS[1], 0.05)
    silence(network, clock, HOSTS[0])
    assert network.limit(HOSTS[1]) == STEPS[0]


def test_a_host_that_is_cut_off_gets_more_the_next_time(clock):
    """Enough for answers that take 0.8 s, and for a packet that was lost; never so much that a caller waits for more than 12 s."""
    network = Network(clock)
    silence(network, clock, HOSTS[0])
    assert [silence(network, clock, HOSTS[1]) for _ in range(5)] == [0.4, 0.8, 1.6, 1.6, 1.6]
    network.reached(HOSTS[1], 1.2)
    silence(network, clock, HOSTS[0])
    assert network.limit(HOSTS[1]) == CONNECT_SECONDS


def test_any_connection_and_any_answer_end_the_suspicion(clock):
    """A silent host is then that host's fault."""
    network = Network(clock)
    silence(network, clock, HOSTS[0])
    network.reached(HOSTS[1], 0.1)
    assert network.limit(HOSTS[2]) == CONNECT_SECONDS
    silence(network, clock, HOSTS[0])
    network.suspected_until = 0.0  # as clients do who hear something
    assert network.limit(HOSTS[2]) == CONNECT_SECONDS


def test_a_suspicion_does_not_outlive_its_time(clock):
    """Who asks an hour later has nothing to do with it."""
    network = Network(clock)
    silence(network, clock, HOSTS[0])
    clock.advance(SUSPICION_SECONDS)
    assert network.limit(HOSTS[1]) == CONNECT_SECONDS


def test_a_callers_own_short_limit_raises_no_suspicion(clock):
    """Half a second without an answer says nothing of the network."""
    network = Network(clock)
    network.silent(HOSTS[0], 0.5)
    assert network.limit(HOSTS[1]) == CONNECT_SECONDS


def test_the_families_of_addresses_take_turns():
    """Whichever of them is dead, the second try is one of the other."""
    assert in_turns([(V6, "a"), (V6, "b"), (V6, "c"), (V4, "d")]) == [(V6, "a"), (V4, "d"), (V6, "b"), (V6, "c")]
    assert in_turns([(V4, "a")]) == [(V4, "a")]
    assert in_turns([]) == []


def test_writes_are_counted_for_the_attempt_that_runs():
    """And for nobody where none does."""

    class Attempt:
        writes = 1

    written_again()
    token = RUNNING.set(attempt := Attempt())
    written_again()
    RUNNING.reset(token)
    written_again()
    assert attempt.writes == 2
