"""Events and status: what people are told."""

from dataclasses import replace

import pytest

from chain_play import Play, auth, names, overloaded, quota, rate_limit, refusal
from sparekey.core.breaker import Breaker
from sparekey.core.choose import maybe_failback
from sparekey.core.events import Parked, Probed, Recovered, Switched, between
from sparekey.core.pool import Pool, PoolState, switched
from sparekey.core.status import Standing, describe
from sparekey.types import Credential, ErrorClass


@pytest.fixture
def told():
    """Every event so far."""
    return []


@pytest.fixture
def play(clock, told):
    """Two credentials whose events are kept."""
    return Play(2, clock, hooks=[told.append])


def test_a_failover_is_told(play, told):
    """The park first, with its cause and length, then the switch."""
    play.ill = {0: auth()}
    play.call()
    assert told == [
        Parked("credential:k0", 600.0, ErrorClass.AUTH, "invalid_key"),
        Switched("k0", "k1", failback=False),
    ]


def test_a_way_back_is_told(play, told, clock):
    """The probe, the recovery, the failback."""
    play.ill = {0: rate_limit()}
    play.call()
    clock.advance(5)
    play.ill, told[:] = {}, []
    play.call()
    assert told == [Probed("credential:k0"), Recovered("credential:k0"), Switched("k1", "k0", failback=True)]


def test_a_failed_probe_is_told(play, told, clock):
    """Another park, twice as long."""
    play.ill = {0: rate_limit()}
    play.call()
    clock.advance(5)
    told[:] = []
    play.call()
    assert told == [Probed("credential:k0"), Parked("credential:k0", 10.0, ErrorClass.TRANSIENT, "rate_limited")]


def test_a_due_failback_is_told_as_a_probe(play, told, clock):
    """Nothing was parked; still one single request tries it."""
    play.chain_state.change(lambda s: switched(s, 1, clock()))
    clock.advance(600)
    told[:] = []
    play.call()
    assert told[-3:] == [Probed("credential:k0"), Recovered("credential:k0"), Switched("k1", "k0", failback=True)]
    assert not [e for e in told if isinstance(e, Parked)]


def test_a_shared_park_is_told_for_both(clock, told):
    """The key, and the account that it takes with it."""
    play = Play([Credential("a", account="team"), Credential("b")], clock, hooks=[told.append])
    play.ill = {0: quota(7)}
    play.call()
    assert [(e.what, e.seconds, e.cause) for e in told[:2]] == [
        ("credential:a", 7, ErrorClass.QUOTA_EXCEEDED),
        ("account:team", 7, ErrorClass.QUOTA_EXCEEDED),
    ]


def test_healthy_calls_tell_nothing(play, told):
    """Silence means that all is well."""
    play.call()
    play.call()
    assert told == []


def test_a_cancelled_probe_is_told_once(play, told, clock):
    """Its return is no news; the next probe is."""
    play.ill = {0: rate_limit()}
    play.call()
    clock.advance(5)
    told[:] = []
    play.start().cancel()
    assert told == [Probed("credential:k0")]
    play.start()
    assert told == [Probed("credential:k0")] * 2


def test_events_are_read_off_two_states():
    """The same state has nothing to tell."""
    pool = Pool(names(2))
    assert between(pool, PoolState(), PoolState(), 0.0) == []
    assert between(pool, PoolState(), switched(PoolState(), 1, 0.0), 0.0) == [Switched("k0", "k1", failback=False)]
    assert between(pool, PoolState(), PoolState(breakers={"x": Breaker(epoch=1, since=0.0)}, epoch=1), 0.0) == []


def test_a_park_that_a_failback_ends_is_no_new_park(play, told, clock):
    """The switcher's step is told as a step."""
    play.ill = {0: auth()}
    play.call()
    play.chain_state.change(lambda s: replace(s, switched_at=clock() - 600))
    told[:] = []
    play.chain_state.change(lambda s: maybe_failback(play.pool, s, play.clock())[0])
    assert told == [Switched("k1", "k0", failback=True)]


def test_a_soft_park_is_told_as_what_it_is(play, told):
    """Five seconds, with its cause; what several requests make of it is told anew."""
    play.ill = {0: refusal()}
    play.call()
    assert told[0] == Parked("credential:k0", 5.0, ErrorClass.AUTH, "refused")


def test_what_is_only_remembered_tells_nothing(play, told):
    """A refusal that parks nobody, and what everybody refused."""
    play.ill = {0: refusal()}
    play.call()
    play.ill = {}
    play.clock.advance(5)
    play.call()
    told[:] = []
    play.ill = {0: refusal()}
    play.call()
    assert told == []


# ── status ──


def status(play):
    return describe(play.pool, play.state, play.clock())


def test_status_of_a_healthy_chain(play):
    """The active one, and those that are ready."""
    found = status(play)
    assert (found.active_index, found.active_id, found.term, found.failback_due) == (0, "k0", 0, False)
    assert [(c.id, c.index, c.model, c.active, c.standing) for c in found.credentials] == [
        ("k0", 0, "m", True, Standing.ACTIVE),
        ("k1", 1, "m", False, Standing.READY),
    ]
    assert {(c.cause, c.reason, c.returns_in, c.stated) for c in found.credentials} == {(None, "", None, False)}


def test_status_of_a_parked_credential(play, clock):
    """Why, for how long, and whether the provider said so."""
    play.ill = {0: quota(100)}
    play.call()
    clock.advance(1)
    row = status(play).credentials[0]
    assert (row.id, row.index) == ("k0", 0)
    assert (row.standing, row.cause, row.reason) == (Standing.PARKED, ErrorClass.QUOTA_EXCEEDED, "insufficient_balance")
    assert (row.returns_in, row.stated, row.active, row.model) == (99, True, False, "m")


def test_status_on_the_way_back(play, clock):
    """Due, then being probed, then active; the time of return does not go below zero."""
    play.ill = {0: overloaded()}
    play.call()
    clock.advance(6)
    assert (status(play).credentials[0].standing, status(play).credentials[0].returns_in) == (Standing.DUE, 0.0)
    probe = play.start()
    assert status(play).credentials[0].standing is Standing.PROBING
    probe.succeed()
    assert [c.standing for c in status(play).credentials] == [Standing.ACTIVE, Standing.READY]


def test_status_of_a_parked_active_credential(clock):
    """Parked is said before active: it gets no traffic."""
    play = Play(1, clock)
    play.start().fail(rate_limit(9))
    row = status(play).credentials[0]
    assert (row.standing, row.active) == (Standing.PARKED, True)


def test_status_says_when_a_failback_is_due(play, clock):
    """Nothing but reading: it stays due until a request comes."""
    play.ill = {0: quota(5000)}
    play.call()
    clock.advance(600)
    before = play.state
    assert status(play).failback_due
    assert play.state is before
    assert (status(play).active_id, status(play).term) == ("k1", 1)


def test_the_longest_park_is_the_one_that_is_told(clock):
    """A credential is back when its last guard lets go."""
    play = Play([Credential("a", account="team"), Credential("b")], clock)
    play.start().fail(rate_limit(5)).succeed()
    play.chain_state.change(lambda s: switched(s, 1, clock()))
    clock.advance(5)
    play.start().fail(quota(50)).succeed()
    row = status(play).credentials[0]
    assert (row.cause, row.returns_in) == (ErrorClass.QUOTA_EXCEEDED, 50)
