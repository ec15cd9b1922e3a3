"""What an operator's own rule wants done: stop or go on, park or not."""

import pytest

from chain_play import Play, auth
from sparekey.types import Action, ErrorClass, Failure, Scope

STOP = Failure(ErrorClass.PERMANENT, scope=Scope.REQUEST, action=Action.STOP)
STOP_AND_PARK = Failure(ErrorClass.AUTH, scope=Scope.CREDENTIAL, action=Action.STOP_AND_PARK)
NEXT = Failure(ErrorClass.UNKNOWN, scope=Scope.REQUEST, action=Action.NEXT)
NEXT_AND_PARK = Failure(ErrorClass.AUTH, scope=Scope.CREDENTIAL, action=Action.NEXT_AND_PARK)


@pytest.mark.parametrize(
    ("failure", "sent", "phase"),
    [(STOP, [0], "CLOSED"), (STOP_AND_PARK, [0], "PARKED"), (NEXT, [0, 1], "CLOSED"), (NEXT_AND_PARK, [0, 1], "PARKED")],
    ids=lambda value: value.action if isinstance(value, Failure) else None,
)
def test_each_action(clock, failure, sent, phase):
    """Stop gives the provider's own error at once, next goes on; park or do not, as the rule says."""
    play = Play(2, clock)
    play.ill = {0: failure}
    request = play.call()
    assert (request.sent, play.phase(0), play.phase(1)) == (sent, phase, "CLOSED")
    assert len(sent) == 2 or request.error.failure is failure


def test_stop_and_park_sends_the_next_request_elsewhere(clock):
    """The request that stopped does not move on; the one after it does not ask the parked credential."""
    play = Play(2, clock)
    play.ill = {0: STOP_AND_PARK}
    play.call()
    assert play.call().sent == [1]


def test_stop_and_park_keeps_what_the_request_saw_before(clock):
    """A credential that failed earlier in the same request is parked as well."""
    play = Play(3, clock)
    play.ill = {0: auth(), 1: STOP_AND_PARK}
    play.call()
    assert (play.phase(0), play.phase(1), play.phase(2)) == ("PARKED", "PARKED", "CLOSED")
