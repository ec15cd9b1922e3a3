"""Knobs about what calls share are the call's, too: it decides by its own, and what the others decide by stays as it is."""

import pytest

from chain_play import auth, overloaded, permanent
from driver_play import Stage
from fake_clock import FakeClock
from sparekey import limits
from sparekey.types import Action, ErrorClass, Evidence, Failure, Scope

MOVE_ON = Failure(ErrorClass.UNKNOWN, "operator_rule", Scope.REQUEST, action=Action.NEXT)
"""An operator's rule: the next one, and nobody is parked."""

DEAD = auth(evidence=Evidence.CERTAIN)


@pytest.fixture
def stage(kind):
    """Make a chain with a script."""

    def stage(n=2, **policy):
        return Stage(kind, n, FakeClock(), **policy)

    return stage


def moved_on(stage):
    """A chain that the first credential has left without a park."""
    stage.script = {0: [MOVE_ON, "answer"]}
    stage.call()
    assert stage.chain.active_id == "k1"
    return stage


@pytest.mark.parametrize(("knob", "wait"), [({"failback_request_count": 1}, 0), ({"failback_timeout_seconds": 5}, 6)])
def test_one_call_steps_traffic_up(stage, knob, wait):
    """By its own count or time; the others find it there."""
    scene = moved_on(stage())
    scene.call()
    scene.clock.advance(wait)
    scene.call()
    assert scene.sent[-2:] == ["k1", "k1"]
    with limits(**knob):
        scene.call()
    scene.call()
    assert scene.sent[-2:] == ["k0", "k0"]


def test_one_call_asks_the_dead_at_once(stage):
    """Where the others wait for the rescue interval."""
    scene = stage(n=2)
    scene.script = {0: [DEAD], 1: [DEAD]}
    scene.call()
    scene.call()
    before = len(scene.sent)
    scene.call()
    assert len(scene.sent) == before
    with limits(rescue_interval=0):
        scene.call()
    assert len(scene.sent) > before


def test_one_call_lends_its_probe_for_longer(stage):
    """The lease is that of the call that probes."""
    scene = stage()
    scene.script = {0: [overloaded(), permanent()]}
    scene.call()
    scene.clock.advance(40)
    with limits(probe_lease=1000):
        probing = iter(scene.chain.attempts())
        attempt = next(probing)
    assert attempt.credential.id == "k0"
    scene.clock.advance(500)
    scene.call()
    assert scene.sent[-1] == "k1"


def test_one_call_without_retries_takes_nothing_from_the_others(stage):
    """And does not repeat; the budget is as full as before."""
    scene = stage(n=1)
    scene.script = {0: [overloaded(), "answer"]}
    full = scene.chain.local
    with limits(retry_share=0, retry_burst=0):
        scene.call()
    assert scene.sent == ["k0"]
    assert scene.chain.local.retries == full.retries
    assert scene.chain.local.hedges == full.hedges


def test_one_stream_without_a_second_one_takes_nothing_from_the_others(stage):
    """It opens with the same budget as it ends."""
    scene = stage()
    scene.script = {0: [["a"]]}
    full = scene.chain.local.hedges
    with limits(hedge_share=0, hedge_burst=0):
        scene.stream()
    assert scene.chain.local.hedges == full


def test_how_a_lone_credential_died_is_known_to_calls_with_limits(stage):
    """They share what the chain has learned: the original error for everybody, and one more try at most."""
    scene = stage(n=1)
    scene.script = {0: [DEAD]}
    errors = [scene.call()]
    for _ in range(3):
        with limits(deadline=100):
            errors.append(scene.call())
    errors.append(scene.call())
    assert [error.agreed.failure for error in errors] == [DEAD] * 5
    assert len(scene.sent) <= 2
