"""An answer of several choices took over: what ended one of them was left out while another one still repeated what was shown."""

import json

import pytest

from chain_play import overloaded
from driver_play import Stage
from sparekey.transport.event_filter import Item, ItemReading, ReadEvent
from sparekey.types import Usage
from sparekey.wire import chat_completions
from sparekey.wire.sse import event
from sparekey.wire.stream_reader import StreamReader


def chunk(lane, finish=None, **delta):
    return {"choices": [{"index": lane, "delta": delta, "finish_reason": finish}]}


def role(lane):
    return chunk(lane, role="assistant", content="")


USAGE = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
LEFT = [role(0), chunk(0, content="le"), chunk(0, content="ft"), chunk(0, "stop")]
RIGHT = [role(1), chunk(1, content="ri"), chunk(1, content="ght"), chunk(1, "length")]
ANSWER = [*LEFT, *RIGHT, USAGE]


def items(values, answers=2):
    """The steps of a stream as the transports make them; a failure stands where it is."""
    reader, made = StreamReader(chat_completions, answers), []
    for value in values:
        if isinstance(value, dict):
            one = event(f"data: {json.dumps(value)}\n\n".encode())
            reader.feed(one)
            part = ReadEvent(one, reader.value, reader.whole)
            made.append(Item(chat_completions, [part], content=reader.content, usage=chat_completions.read_usage(value)))
        else:
            made.append(value)
    return made


def heard(out):
    """What a reader puts together: each choice's fields, one after the other, and how often tokens were told."""
    choices, told = {}, 0
    for item in out:
        value = json.loads(event(item.data).data)
        told += "usage" in value
        for choice in value["choices"]:
            fields = {**choice["delta"], "finish": choice.get("finish_reason")}
            choices.setdefault(choice["index"], []).extend(pair for pair in fields.items() if pair[1])
    whole = {lane: (fields[0], "".join(text for name, text in fields if name == "content"), fields[-1]) for lane, fields in choices.items()}
    ends = [name for fields in choices.values() for name, _ in fields if name in {"role", "finish"}]
    return whole, len(ends), told


WHOLE = {0: (("role", "assistant"), "left", ("finish", "stop")), 1: (("role", "assistant"), "right", ("finish", "length"))}
AFTER = {
    "each in turn": ANSWER,
    "by turns": [*(event for pair in zip(LEFT, RIGHT, strict=True) for event in pair), USAGE],
    "the other one first": [*RIGHT, *LEFT, USAGE],
}


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("second", AFTER)
def test_cut_anywhere_every_choice_is_whole_once(kind, second, clock):
    """Text, role and end of each choice, and the tokens; wherever the first stream broke and in whatever order the second one speaks."""
    for first in AFTER.values():
        for cut in range(3, len(first) - 1):
            stage = Stage(kind, 2, clock)
            stage.script = {0: [items([*first[:cut], overloaded()])], 1: [items(AFTER[second])]}
            out = stage.stream(reading=ItemReading())
            assert heard(out) == (WHOLE, 4, 1), f"cut behind {first[cut - 1]}"


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_choice_that_ended_does_not_go_on(kind, clock):
    """The caller was told that it is complete: a longer one is another answer. So is a shorter one."""
    for other in (chunk(0, content="more"), chunk(1, "stop")):
        stage = Stage(kind, 2, clock)
        stage.script = {0: [items([*LEFT, *RIGHT[:2], overloaded()])], 1: [items([*LEFT[:3], other, *RIGHT])]}
        *shown, error = stage.stream(reading=ItemReading())
        assert error.failure == overloaded()
        assert b"more" not in b"".join(item.data for item in shown)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_what_breaks_behind_a_whole_answer_is_not_asked_for_again(kind, clock):
    """The caller has all of it, maybe without the count of its tokens."""
    for told in (0, 1):
        stage = Stage(kind, 2, clock)
        stage.script = {0: [items([*LEFT, *RIGHT, *[USAGE] * told, overloaded()])]}
        assert heard(stage.stream(reading=ItemReading())) == (WHOLE, 4, told)
        assert stage.sent == ["k0"]
        assert stage.stands(0) == "ACTIVE"


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_text_of_several_choices_is_not_gone_on_with(kind, clock):
    """No request says behind which of them to go on: the next one answers anew."""
    stage, texts = Stage(kind, 2, clock, stream_recovery="continue"), []
    stage.script = {0: [items([*LEFT[:2], *RIGHT[:2], overloaded()])], 1: [items(ANSWER)]}
    assert heard(stage.stream(reading=ItemReading(), resume=lambda _, text: texts.append(text))) == (WHOLE, 4, 1)
    assert texts == []


def test_a_choice_that_comes_late_is_waited_for():
    """The first of two has ended before the second began: that is not the whole answer."""
    reading, made = ItemReading(), items(ANSWER)
    assert [reading.complete(item) for item in made].index(True) == len(LEFT) + len(RIGHT) - 1
    assert made[-1].usage == Usage(3, 4)
