"""The text that events of a stream hold, and events with other text in its place: what it takes to let one stream go on in another.

A `Spot` is one text and where it stands in the event's JSON. Names and beginnings are spots, too: their text is compared, and they are
taken out where the caller has them already. What a host adds and nobody listed here is compared as it is.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.core.splice import Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sparekey.wire.sse import Event

Path = tuple[str | int, ...]
SPOKEN: Final = ("content", "text")
THOUGHT: Final = ("reasoning", "reasoning_content", "thought", "thinking")
_PREAMBLE: Final = frozenset(
    {"response.created", "response.in_progress", "response.queued", "message_start", "ping", "message_delta", "message_stop"}
)
_ENDS: Final = frozenset({"response.completed", "response.incomplete"})
_INDEXES: Final = ("output_index", "content_index", "summary_index")
_SILENT: Final = frozenset({"role", "thoughtSignature", "reasoning_details", "extra_content"})
"""Fields beside the text that differ from answer to answer, or say nothing."""


class Spot(NamedTuple):
    """One text of an event: its place in the answer, its place in the JSON, and what goes with it where it is left out.

    Attributes:
        piece: its lane, channel and text.
        path: where it stands; empty: it is no text that could be shortened.
        names: fields that are taken out with it.
    """

    piece: Piece
    path: Path = ()
    names: tuple[Path, ...] = ()


def spots_of(dialect: str, value: Any) -> Sequence[Spot]:
    """Return the texts of an event's JSON, in their order."""
    return tuple(_SPOTS[dialect](value)) if isinstance(value, dict) else ()


def rewritten(event: Event, value: Any, spots: Sequence[Spot], texts: Sequence[str]) -> bytes:
    """Return the bytes of an event with other texts in the place of its own."""
    value = deepcopy(value)
    for spot, text in zip(spots, texts, strict=True):
        if text == spot.piece.text:
            continue
        if spot.path and text:
            _put(value, spot.path, text)
        else:
            for path in (spot.path, *spot.names):
                _take(value, path)
    name = f"event: {event.name}\n" if event.name else ""
    return f"{name}data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def _openai(value: dict[str, Any]) -> Iterator[Spot]:
    kind = value.get("type")
    if isinstance(kind, str):
        yield from _typed(kind, value)
    for position, choice in enumerate(value.get("choices") or ()):
        lane, at = choice.get("index") or 0, ("choices", position)
        if text := choice.get("text"):
            yield Spot(Piece(lane, "text", text), (*at, "text"))
        yield from _delta(lane, (*at, "delta"), choice.get("delta") or {})
        yield from _end(lane, choice, at, "finish_reason")


def _delta(lane: int, at: Path, delta: dict[str, Any]) -> Iterator[Spot]:
    """Reasoning stands before content, and content before tool calls, in whatever order the host wrote the fields."""
    if "role" in delta:
        yield Spot(Piece(lane, "", ""))
    for name in sorted(delta, key=lambda name: (name == "tool_calls", name not in THOUGHT)):
        text = delta[name]
        if not text or name in _SILENT:
            continue
        if name == "tool_calls":
            for position, call in enumerate(text):
                yield from _tool(lane, (*at, name, position), call, call.get("index") or position)
        elif name == "function_call":
            yield from _tool(lane, (*at, name), {"function": text}, 0)
        else:
            yield _field(lane, name, text, (*at, name))


def _tool(lane: int, at: Path, call: dict[str, Any], index: int) -> Iterator[Spot]:
    function = call.get("function") or {}
    inner = at if at[-1] == "function_call" else (*at, "function")
    if name := function.get("name"):
        yield Spot(Piece(lane, f"tool {index} name", name), (), ((*inner, "name"), (*at, "id"), (*at, "type")))
    if text := function.get("arguments"):
        yield _field(lane, f"tool {index}", text, (*inner, "arguments"))


def _typed(kind: str, value: dict[str, Any]) -> Iterator[Spot]:
    """Events of the Responses API: deltas are text, others tell that something begins or ends."""
    if kind in _PREAMBLE or kind in _ENDS:
        return
    channel = " ".join([kind, *(str(value[name]) for name in _INDEXES if name in value)])
    delta = value.get("delta")
    yield Spot(Piece(0, channel, delta), ("delta",)) if isinstance(delta, str) and delta else Spot(Piece(0, channel, "."))


def _anthropic(value: dict[str, Any]) -> Iterator[Spot]:
    kind, index = value.get("type"), value.get("index")
    if not isinstance(kind, str) or kind in _PREAMBLE:
        return
    if kind == "content_block_start":
        block = value.get("content_block") or {}
        yield Spot(Piece(0, f"{index} start", f"{block.get('type')} {block.get('name', '')}"))
        return
    delta = value.get("delta") or {}
    found = next(((name, text) for name, text in delta.items() if name != "type" and isinstance(text, str)), None)
    if found is None or found[0] == "signature":  # each answer signs for itself
        yield Spot(Piece(0, f"{index} {delta.get('type', kind)}", "."))
    elif found[1]:
        channel = "text" if found[0] == "text" and index == 0 else f"{index} {found[0]}"
        yield Spot(Piece(0, channel, found[1]), ("delta", found[0]))


def _gemini(value: dict[str, Any]) -> Iterator[Spot]:
    for position, candidate in enumerate(value.get("candidates") or ()):
        lane, at = candidate.get("index") or 0, ("candidates", position, "content", "parts")
        for number, part in enumerate((candidate.get("content") or {}).get("parts") or ()):
            for name, text in part.items():
                if text and name not in _SILENT and name != "thought":
                    channel = "thought" if name == "text" and part.get("thought") else name
                    yield _field(lane, channel, text, (*at, number, name))
        yield from _end(lane, candidate, ("candidates", position), "finishReason")


def _field(lane: int, channel: str, text: Any, path: Path) -> Spot:
    if isinstance(text, str):
        return Spot(Piece(lane, channel, text), path)
    return Spot(Piece(lane, channel, json.dumps(text, sort_keys=True)), (), (path,))


def _end(lane: int, answer: dict[str, Any], at: Path, name: str) -> Iterator[Spot]:
    """One of several answers is complete, whatever the reason is called: nothing goes on behind it."""
    if answer.get(name):
        yield Spot(Piece(lane, "end", "."), (), ((*at, name),))


def _put(value: Any, path: Path, text: str) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = text


def _take(value: Any, path: Path) -> None:
    for key in path[:-1]:
        value = value.get(key) if isinstance(value, dict) else value[key]
        if value is None:
            return
    if path and isinstance(value, dict):
        value.pop(path[-1], None)


_SPOTS: Final[dict[str, Callable[[dict[str, Any]], Iterable[Spot]]]] = {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini}
