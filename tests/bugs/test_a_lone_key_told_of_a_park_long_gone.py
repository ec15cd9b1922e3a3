"""An only credential told `invalid_key` for ever after one 401, although a rate limit of ten minutes had parked it since."""

import pytest

from chain_play import Fault, auth, rate_limit, read
from sparekey.core import manual
from sparekey.core.policy import Policy
from sparekey.engine import Chain, Failover
from sparekey.errors import AllCredentialsFailedError, CredentialParkedError
from sparekey.types import Credential, ErrorClass


def test_the_newest_cause_is_told(clock):
    """The dead key's own words while these park it; then the rate limit with its end, and a person's hold."""
    chain = Chain([Credential("only", model="m")], Policy(patience=0.0), classify=read, clock=clock, random=lambda: 0.5)

    def ask(failure):
        def attempt(_credential):
            raise Fault(failure)

        with pytest.raises(AllCredentialsFailedError) as caught:
            Failover(chain).call(attempt)
        return caught.value

    ask(auth())
    dead = ask(auth())
    assert ask(auth()).agreed is dead.agreed is not None
    clock.advance(6)
    limited_at = clock()
    assert ask(rate_limit(600)).agreed is None
    for _ in range(3):
        clock.advance(1)
        told = ask(auth())
        assert told.agreed is None
        assert isinstance(told.errors[0].exception, CredentialParkedError)
        assert (told.errors[0].error_class, told.errors[0].exception.cause) == (ErrorClass.TRANSIENT, "transient: rate_limited")
        assert told.retry_after == pytest.approx(600 - (clock() - limited_at), abs=1)
    chain.transact(manual.hold, 0, clock() + 3000, clock())
    assert ask(auth()).agreed is None
