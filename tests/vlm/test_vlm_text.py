"""An answer without tool calls is the text that OpenViking's contract promises there, and keeps what stands beside it."""

import asyncio
import copy
import json
import pickle
import re
from dataclasses import asdict, dataclass, replace

import pytest

from sparekey import MultiCredentialVLM, ToolCall, VLMResponse
from sparekey.types import Attempt
from sparekey.vlm.assembly import chunk_of
from sparekey.vlm.types import VLMText

ANSWER = VLMResponse(' {"a": [1, "ü"]} ', finish_reason="length", usage={"total_tokens": 3}, reasoning_content="hm", model="m")
CALLS = VLMResponse("x", [ToolCall("1", "find", {"q": "a"})], "tool_calls")


@pytest.mark.parametrize(
    "use",
    [
        str.strip,
        len,
        json.loads,
        json.dumps,
        str.encode,
        str.split,
        bool,
        lambda text: f"{text}|{text:>20}|{text!s}",
        lambda text: text[2:5],
        lambda text: text + "!",
        lambda text: "!" + text,
        lambda text: "-".join(iter((text, text))),
        lambda text: re.sub(r"\d", "n", text),
        lambda text: text.startswith(" {") and "ü" in text,
        lambda text: [*text],
        lambda text: {text: 1}[ANSWER.content],
        lambda text: sorted([text, "a"]),
        lambda text: text.replace("a", "b").casefold(),
        lambda text: text == ANSWER.content and ANSWER.content == text,
    ],
)
def test_it_is_used_like_its_text(use):
    """Whatever a caller does with a text."""
    assert use(ANSWER) == use(ANSWER.content)


def test_what_is_taken_out_of_it_is_plain():
    """The rest of the answer does not go with a part of its text."""
    for part in (ANSWER.strip(), ANSWER[1:], ANSWER + "", str(ANSWER), f"{ANSWER}"):
        assert type(part) is str


def test_an_answer_that_calls_tools_is_no_text():
    """Whoever asks `isinstance(answer, str)` first must not miss the calls."""
    assert isinstance(ANSWER, str)
    assert isinstance(ANSWER, VLMResponse)
    assert not isinstance(CALLS, str)
    assert str(CALLS) == "x"
    assert CALLS


def test_no_words_are_an_empty_text():
    """As with a plain text, an empty answer is false; `content` still tells that there is none."""
    empty = VLMResponse(finish_reason="length")
    assert empty == ""
    assert not empty
    assert empty.content is None


@pytest.mark.parametrize("answer", [ANSWER, CALLS, VLMResponse()], ids=["text", "tools", "empty"])
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a)), replace], ids=range(4))
def test_a_copy_has_all_of_it(answer, again):
    """By whichever way: text, thoughts, tools, tokens and kind."""
    other = again(answer)
    assert other == answer
    assert type(other) is type(answer)
    assert asdict(other) == asdict(answer)


def test_it_cannot_be_changed():
    """Several callers may hold the same one."""
    with pytest.raises(AttributeError):
        ANSWER.content = "y"


def test_whole_as_a_chunk_it_keeps_its_reason():
    """It is a text, and more than that."""
    assert chunk_of(ANSWER).finish_reason == "length"
    assert chunk_of("plain").finish_reason == "stop"


def test_a_chain_gives_the_text_with_its_ledger():
    """Sync and async, from an instance of any make."""

    class Parrot:
        def get_completion(self, prompt="", **_):
            return VLMResponse(f"  {prompt}  ")

        async def get_completion_async(self, prompt="", **_):
            return VLMResponse(f"  {prompt}  ")

    vlm = MultiCredentialVLM([Parrot(), Parrot()], ["a", "b"])
    for answer in (vlm.get_completion("hi"), asyncio.run(vlm.get_completion_async("hi"))):
        assert type(answer) is VLMText
        assert answer.strip() == "hi"
        assert [type(one) for one in answer.attempts] == [Attempt]


class Rated(VLMResponse):
    """An answer of somebody's own make."""

    stars = 5

    def shout(self):
        return str(self).upper()


@dataclass(frozen=True)
class Priced(VLMResponse):
    """One with a field of its own."""

    price: float = 0.0


def test_tools_that_come_later_end_the_text():
    """`dataclasses.replace` makes what the new fields make, in both directions."""
    other = replace(VLMResponse("x", model="m"), tool_calls=CALLS.tool_calls)
    assert type(other) is VLMResponse
    assert (other.content, other.tool_calls, other.model) == ("x", CALLS.tool_calls, "m")
    assert type(replace(other, tool_calls=[])) is VLMText
    assert not isinstance(VLMText("x", CALLS.tool_calls), str)


@pytest.mark.parametrize("kind", [Rated, Priced])
def test_a_class_of_ones_own_is_a_text_as_well(kind):
    """With what it adds, and through every copy."""
    text, tools = kind("x", model="m"), kind("x", CALLS.tool_calls)
    for one in (text, copy.deepcopy(text), pickle.loads(pickle.dumps(text)), replace(text, model="q")):
        assert isinstance(one, kind)
        assert isinstance(one, str)
        assert one.strip() == "x"
        assert len({one, "x"}) == 1
    for one in (tools, copy.copy(tools), pickle.loads(pickle.dumps(tools)), replace(text, tool_calls=CALLS.tool_calls)):
        assert type(one) is kind
        assert not isinstance(one, str)
    assert Rated("x").shout() == "X"
    assert copy.copy(Priced("x", price=2.5)).price == replace(Priced("x", price=2.5), content="y").price == 2.5


def test_texts_are_equal_as_texts():
    """What equals a third thing equals each other, so sets and dictionaries hold one of them."""
    one, other = VLMResponse("x"), VLMResponse("x", model="q", usage={"total_tokens": 3})
    assert one == other == "x"
    assert len({one, other, "x"}) == 1
    assert one != VLMResponse("y")
    assert CALLS != "x"
    assert one != CALLS
    assert replace(CALLS) == CALLS
    assert replace(CALLS, model="q") != CALLS
