"""A success of more than eight megabytes was taken for an answer by its ends alone, whatever stood between them."""

import json

import pytest

from sparekey.wire import answer
from sparekey.wire.format import InnerError, NoAnswerError
from sparekey.wire.request import WireRequest

CHAT = WireRequest("openai", "POST", "chat/completions", kind="chat")
MESSAGES = WireRequest("anthropic", "POST", "messages", kind="chat")
SAID = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "HELLO"}, "finish_reason": "stop"}]}
FEW = b'"padding": "' + b"h" * (8 * 2**20) + b'"'
MANY = b'"padding": [' + b"[1]," * (2 * 2**20) + b"1]"
"""As long, and of so many values that they are not built."""


def long(value, padding):
    return b" " + json.dumps(value).encode()[:-1] + (b", " if value else b"") + padding + b"}"


@pytest.mark.parametrize("padding", [FEW, MANY], ids=["few values", "many values"])
@pytest.mark.parametrize(
    ("call", "value", "fault"),
    [
        (CHAT, {"error": {"message": "invalid api key"}}, InnerError),
        (CHAT, {"detail": "Unauthorized"}, InnerError),
        (CHAT, {"choices": []}, (InnerError, NoAnswerError)),
        (CHAT, {}, (InnerError, NoAnswerError)),
        (MESSAGES, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, InnerError),
        (MESSAGES, {"type": "message", "content": [], "stop_reason": "end_turn"}, (InnerError, NoAnswerError)),
    ],
    ids=str,
)
def test_a_long_success_is_judged_like_a_short_one(call, value, fault, padding):
    """The padding is skipped, not what makes an answer."""
    with pytest.raises(fault):
        answer.read(call, long(value, padding))


@pytest.mark.parametrize("padding", [FEW, MANY], ids=["few values", "many values"])
def test_a_long_answer_is_one(padding):
    """It is passed on, with its tokens counted."""
    found = answer.read(CHAT, long(SAID | {"usage": {"prompt_tokens": 3, "completion_tokens": 1}}, padding))
    assert found.summary.text == "HELLO"
    assert found.summary.usage.prompt_tokens == 3


@pytest.mark.parametrize(
    ("head", "tail", "fault"), [(b'{"error": [', b"1]}", InnerError), (b"[", b"1]", NoAnswerError), (b"[", b"", NoAnswerError)], ids=str
)
def test_what_is_too_much_to_build_is_no_answer_by_its_place(head, tail, fault):
    """An error of many values, a bare list of them, and half of one."""
    with pytest.raises(fault):
        answer.read(CHAT, head + b"[1]," * (2 * 2**20) + tail)


def test_choices_that_are_too_much_to_build_are_an_answer():
    """Probabilities are many, and nobody has to read them here."""
    assert answer.read(CHAT, b'{"choices": [' + b"[1]," * (2 * 2**20) + b"1]}")
