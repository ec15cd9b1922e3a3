"""Takes `<think>` blocks out of texts, also where a stream cuts a tag in two.

Some hosts hand the thoughts of a model out as part of the text. The rules, the same for whole texts and for pieces:

- a closed block is no part of the answer, wherever it stands; tags are known in any case of letters;
- a block that opens the answer and is never closed is all thoughts: the answer was cut off before it began;
- a tag anywhere else that has no partner is a word of the answer;
- a closing tag that opens the answer is dropped (the opening one stood in the prompt's template);
- white space around the answer is dropped.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_TAG = re.compile(r"<(/?)think>", re.IGNORECASE | re.ASCII)
_LONGEST = len("</think>")
_HEADS = frozenset(tag[:n] for tag in ("<think>", "</think>") for n in range(1, len(tag)))


class Parts(NamedTuple):
    """A piece of text taken apart."""

    content: str
    reasoning: str


class ThinkFilter:
    """Takes a text in pieces and gives its visible part and its thoughts as soon as they are told apart."""

    def __init__(self) -> None:
        """Start before the first piece."""
        self._tail = ""  # the beginning of what may become a tag
        self._space = ""  # white space that is part of the answer only if more follows
        self._begun = False  # visible text has been given out
        self._block: list[str] | None = None  # an open block; of one inside the answer we hold the text back
        self._opening = False  # the open block stands before the answer: its text can go out at once

    def feed(self, text: str) -> Parts:
        """Take the next piece; return what it settles."""
        text = self._tail + text
        parts = self._walk(text[: len(text) - (keep := _head_length(text))])
        self._tail = text[len(text) - keep :]
        return _joined(parts)

    def finish(self) -> Parts:
        """End the text; return what was held back."""
        parts = self._walk(self._tail)
        self._tail = ""
        if self._block is not None and not self._opening:
            held, self._block = self._block, None
            parts.extend(self._visible(part) for part in held)
        return _joined(parts)

    @property
    def is_thinking(self) -> bool:
        """Whether thoughts with which the answer opened are not over."""
        return self._block is not None and self._opening

    def _walk(self, text: str) -> list[Parts]:
        parts: list[Parts] = []
        at = 0
        for tag in _TAG.finditer(text):
            parts.append(self._plain(text[at : tag.start()]))
            parts.append(self._tag(tag.group(), closing=bool(tag[1])))
            at = tag.end()
        parts.append(self._plain(text[at:]))
        return parts

    def _plain(self, text: str) -> Parts:
        if self._block is None:
            return self._visible(text)
        if self._opening:
            return Parts("", text)
        self._block.append(text)
        return Parts("", "")

    def _tag(self, tag: str, *, closing: bool) -> Parts:
        if self._block is not None:
            return self._close() if closing else self._plain(tag)
        if closing:
            return self._visible(tag) if self._begun else Parts("", "")
        self._block, self._opening = [tag], not self._begun
        return Parts("", "")

    def _close(self) -> Parts:
        held, self._block = self._block or [], None
        return Parts("", "" if self._opening else "".join(held[1:]))

    def _visible(self, text: str) -> Parts:
        if not self._begun:
            text = text.lstrip()
        bare = text.rstrip()
        if not bare:
            self._space += text if self._begun else ""
            return Parts("", "")
        content, self._space = self._space + bare, text[len(bare) :]
        self._begun = True
        return Parts(content, "")


def split_think(text: str) -> Parts:
    """Return the visible part of a whole text, stripped, and its thoughts."""
    taker = ThinkFilter()
    return _joined([taker.feed(text), taker.finish()])


def closing(text: str) -> str:
    """Return the tag that ends the thoughts with which a text breaks off, or "" if it is not amid thoughts."""
    taker = ThinkFilter()
    taker.feed(text)
    return "</think>\n" if taker.is_thinking else ""


def _head_length(text: str) -> int:
    """Return how many characters at the end of `text` may be the beginning of a tag."""
    at = text.rfind("<", -_LONGEST)
    return len(text) - at if at >= 0 and text[at:].lower() in _HEADS else 0


def _joined(parts: list[Parts]) -> Parts:
    return Parts("".join(p.content for p in parts), "".join(p.reasoning for p in parts))
