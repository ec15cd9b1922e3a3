"""One number in an answer ended the thread of the history, and gave a later request a 500."""

import pytest

from sparekey.wire.format import count, counts


@pytest.mark.parametrize("number", [10**19, 10**400, -1, True + 2**60])
def test_it_is_none(number):
    """Numbers of tokens are between 0 and 2**53."""
    assert count({"completion_tokens": number}, "completion_tokens") == 0
    assert counts({"completion_tokens": number, "prompt_tokens": 7}, ["prompt_tokens", "completion_tokens"]) == [7, 0]
