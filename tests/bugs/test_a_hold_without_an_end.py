"""A credential that a person held until further notice was said to return in a hundred years: in the log, in errors, to clients."""

import logging
import re

import pytest

from chain_play import names
from sparekey.core import manual
from sparekey.core.breaker import UNTIL_RELEASED
from sparekey.core.events import Parked
from sparekey.engine import Chain, Failover
from sparekey.errors import AllCredentialsFailedError
from sparekey.gateway.api.replies import told as answered


def held_chain(*seconds):
    """A chain of which each credential is held for so many seconds."""
    told = []
    chain = Chain(names(len(seconds)), hooks=[told.append])
    for index, length in enumerate(seconds):
        chain.transact(manual.hold, index, chain.clock() + length, chain.clock())
    return chain, told


def test_nobody_is_told_of_a_hundred_years(caplog):
    """Log, event, status, error and answer say that it is held until a person releases it, and name no time."""
    with caplog.at_level(logging.INFO, "sparekey"):
        chain, told = held_chain(UNTIL_RELEASED)
    with pytest.raises(AllCredentialsFailedError) as caught:
        Failover(chain).call(lambda _credential: None)
    answer = answered("openai", caught.value, "req")
    for text in (caplog.text, str(caught.value), answer.body.decode()):
        assert not re.search(r"\d{6}", text)
    assert "held until a person releases it" in caplog.text
    assert "held until a person releases it" in str(caught.value)
    assert (caught.value.retry_after, dict(answer.headers).get(b"retry-after")) == (None, None)
    assert [(event.seconds, event.reason) for event in told if isinstance(event, Parked)] == [(None, "held")]
    (row,) = chain.status().credentials
    assert (row.held, row.returns_in) == (True, None)


def test_one_that_returns_is_waited_for():
    """Beside one that is held until further notice, the soonest return is that of the other."""
    chain, _ = held_chain(UNTIL_RELEASED, 60)
    with pytest.raises(AllCredentialsFailedError) as caught:
        Failover(chain).call(lambda _credential: None)
    assert caught.value.retry_after == pytest.approx(60, abs=5)
