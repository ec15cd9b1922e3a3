"""Tokens as each dialect tells them."""

import pytest

from sparekey.types import Usage
from sparekey.wire.format import later
from sparekey.wire.request import WireRequest

CHAT = {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": None}
TYPED = {"input_tokens": 9, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}}


@pytest.mark.parametrize(
    ("dialect", "value", "usage"),
    [
        ("openai", {"usage": CHAT}, Usage(9, 5, 4, 0)),
        ("openai:responses", {"response": {"usage": TYPED}}, Usage(9, 5, 0, 2)),
        ("anthropic", {"message": {"usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 1}}}, Usage(7, 1, 4)),
        ("gemini", {"usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "thoughtsTokenCount": 2}}, Usage(9, 5, 0, 2)),
        *((dialect, value, None) for dialect in ("openai", "anthropic", "gemini") for value in ({}, [], None, {"usage": "many"})),
    ],
)
def test_an_answer_or_an_event_tells_its_tokens(dialect, value, usage):
    """Cached and reasoning tokens are parts of the others; None where nothing is counted."""
    dialect, _, resource = dialect.partition(":")
    assert WireRequest(dialect, "POST", resource, kind="chat").format.read_usage(value) == usage


def test_a_later_count_keeps_what_it_leaves_out():
    """Anthropic counts the prompt first and the answer last."""
    assert later(Usage(9, 1), Usage(0, 5)) == Usage(9, 5)
    assert later(None, Usage(1)) == later(Usage(1), None) == Usage(1)
