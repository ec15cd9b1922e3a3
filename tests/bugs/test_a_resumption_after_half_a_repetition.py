"""An answer anew broke while it repeated what was shown; the next one goes on behind it: its text was held against the rest."""

import pytest

from chain_play import overloaded
from driver_play import Stage


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_what_goes_on_is_not_compared(kind, clock):
    """It begins behind all that the caller has."""
    stage = Stage(kind, 3, clock, stream_recovery="continue")
    stage.script = {0: [["ab", "cd", overloaded()]], 1: [["ab", overloaded()]], 2: [["ef"]]}
    resume = lambda credential, text: stage._open(credential) if credential.id == "k2" else None  # noqa: E731
    assert stage.stream(resume=resume) == ["ab", "cd", "ef"]
