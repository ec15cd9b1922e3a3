"""Failures that park nobody (a request about an image) were tried again in each round: one request asked a credential three times."""

from dataclasses import replace

import pytest

from chain_play import overloaded
from driver_play import Stage
from sparekey.errors import AllCredentialsFailedError
from sparekey.types import Scope


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_nobody_is_asked_three_times(clock, kind, n):
    """Two calls are all, whether the second comes at once or in a second round."""
    stage = Stage(kind, n, clock)
    stage.script = {key: [replace(overloaded(), scope=Scope.REQUEST)] for key in range(n)}
    assert isinstance(stage.call(), AllCredentialsFailedError)
    assert all(stage.sent.count(one.id) == 2 for one in stage.chain.credentials)
