"""The texts in the events of a stream, and events with other texts in their place, so that one stream can continue in another.

A `Spot` is one text and where it stands in the event's JSON; each format module finds those of its own events. Names and
beginnings are spots, too: their text is compared, and they are taken out where the caller has them already. What a host
adds and nobody listed is compared as it is.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.core.splice import Piece

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Path = tuple[str | int, ...]
SPOKEN: Final = ("content", "text")
THOUGHT: Final = ("reasoning", "reasoning_content", "thought", "thinking")
SILENT: Final = frozenset({"role", "thoughtSignature", "reasoning_details", "extra_content"})
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


def rewritten(value: Any, spots: Sequence[Spot], texts: Sequence[str]) -> Any:
    """Return the JSON of an event with other texts in the place of its own."""
    value = deepcopy(value)
    for spot, text in zip(spots, texts, strict=True):
        if text == spot.piece.text:
            continue
        if spot.path and text:
            _put(value, spot.path, text)
        else:
            for path in (spot.path, *spot.names):
                _take(value, path)
    return value


def field_spot(lane: int, channel: str, text: Any, path: Path) -> Spot:
    """Return the spot of a field: a text can be shortened, anything else is there or not."""
    if isinstance(text, str):
        return Spot(Piece(lane, channel, text), path)
    return Spot(Piece(lane, channel, json.dumps(text, sort_keys=True)), (), (path,))


def end_spots(lane: int, answer: dict[str, Any], at: Path, name: str) -> Iterator[Spot]:
    """Yield the spot of an answer's end, which is the same for every finish reason."""
    if answer.get(name):
        yield Spot(Piece(lane, "end", "."), (), ((*at, name),))


def mark_spot(channel: str, text: str = ".") -> Spot:
    """Return the spot of an event that marks a beginning or an end; it is left out if the caller has had it."""
    return Spot(Piece(0, channel, text))


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
