"""Events of each dialect that go on in another answer's: what a reader puts together is whole, once."""

import pytest

from sparekey.core.splice import Splice
from sparekey.wire.request import WireRequest
from sparekey.wire.splice_texts import rewritten

FORMATS = {
    name: WireRequest(name if name != "responses" else "openai", "POST", name).format
    for name in ("openai", "responses", "anthropic", "gemini")
}


def chat(lane=0, **delta):
    return {"choices": [{"index": lane, "delta": delta}]}


def tool(**function):
    named = {"id": "call_1", "type": "function"} if "name" in function else {}
    return chat(tool_calls=[{"index": 0, **named, "function": function}])


def block(index, **delta):
    return {"type": "content_block_delta", "index": index, "delta": delta}


def ending(lane):
    return {"choices": [{"index": lane, "delta": {}, "finish_reason": "stop"}]}


def candidate(lane, text, **more):
    return {"candidates": [{"index": lane, "content": {"parts": [{"text": text}]}, **more}]}


def gemini(*parts):
    return {"candidates": [{"content": {"parts": list(parts)}}]}


ANSWERS = {
    "chat": ("openai", [chat(role="assistant", content=""), chat(content="one "), chat(content="two"), chat(content=" three")]),
    "reasoning": ("openai", [chat(reasoning_content="hm"), chat(reasoning_content=" so"), chat(content="one"), chat(content=" two")]),
    "two choices": ("openai", [chat(0, content="le"), chat(1, content="ri"), chat(1, content="ght"), chat(0, content="ft")]),
    "ends": ("openai", [chat(0, content="a"), chat(1, content="b"), ending(0), chat(1, content="c"), ending(1)]),
    "candidates": ("gemini", [candidate(0, "a"), candidate(1, "b", finishReason="STOP"), candidate(0, "c", finishReason="MAX_TOKENS")]),
    "tool": ("openai", [chat(content="ok"), tool(name="look", arguments=""), tool(arguments='{"a":'), tool(arguments=" 1}")]),
    "completions": ("openai", [{"choices": [{"index": 0, "text": text}]} for text in ("one", " two", " three")]),
    "responses": ("responses", [{"type": "response.output_text.delta", "output_index": 0, "delta": text} for text in ("one", " two")]),
    "anthropic": (
        "anthropic",
        [
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
            block(0, type="thinking_delta", thinking="hm "),
            block(0, type="thinking_delta", thinking="so"),
            {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "name": "look", "id": "t1"}},
            block(1, type="input_json_delta", partial_json='{"a":'),
            block(1, type="input_json_delta", partial_json="1}"),
        ],
    ),
    "gemini": ("gemini", [gemini({"text": "hm", "thought": True}), gemini({"text": "one"}, {"functionCall": {"name": "f", "args": {}}})]),
}


def passed(dialect, splice, events):
    """The events that go out, as an SDK reads them; what has nothing left is left out."""
    out = []
    for value in events:
        spots = FORMATS[dialect].spots(value)
        texts = splice.unshown([spot.piece for spot in spots])
        if any(texts):
            out.append(rewritten(value, spots, texts))
    return out


def read(dialect, events):
    """What a reader puts together."""
    runs = {}
    for value in events:
        for spot in FORMATS[dialect].spots(value):
            key = (spot.piece.lane, spot.piece.channel)
            runs[key] = runs.get(key, "") + spot.piece.text
    return {key: text for key, text in runs.items() if text}


@pytest.mark.parametrize("name", ANSWERS)
def test_cut_anywhere_and_spliced_it_is_whole_once(name):
    """Behind any event: no text, name or call comes twice, and none is missing."""
    dialect, events = ANSWERS[name]
    for cut in range(len(events) + 1):
        splice = Splice()
        first = passed(dialect, splice, events[:cut])
        splice.restart()
        assert read(dialect, first + passed(dialect, splice, events)) == read(dialect, events)


def test_an_event_is_cut_within():
    """What was shown of its text is taken out, whatever else it holds stays."""
    splice = Splice()
    passed("openai", splice, [chat(content="one t")])
    splice.restart()
    assert passed("openai", splice, [chat(role="assistant", content="one two")]) == [chat(role="assistant", content="wo")]


def test_the_name_and_id_of_a_call_are_not_repeated():
    """Only its arguments go on."""
    splice = Splice()
    passed("openai", splice, [tool(name="look", arguments="{")])
    splice.restart()
    (found,) = passed("openai", splice, [tool(name="look", arguments='{"a": 1}')])
    assert found == chat(tool_calls=[{"index": 0, "function": {"arguments": '"a": 1}'}}])
