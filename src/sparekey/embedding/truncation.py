"""Shortens an input to a model's window, by an estimate of its tokens and without a call.

Tokens are estimated, not counted: exact tables exist for some models only, and `tiktoken` fetches its own from the internet when
it is first used, which a library must not do behind its caller's back. The estimate leans to the high side, so a cut text fits.
"""

from __future__ import annotations

import re
from typing import Final

_PIECES = re.compile(r"[A-Za-z]+|[0-9]+|[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]|[^\x00-\x7f]|\s+")
"""A run of letters, a run of digits, one sign, one character beyond ASCII, or a run of white space."""

_LETTERS_PER_TOKEN: Final = 4
_DIGITS_PER_TOKEN: Final = 2
_MOST_PER_CHARACTER: Final = 2
_ASTRAL: Final = 0x10000
"""From here on (emoji, rare ideographs) tokenizers fall back to bytes: two tokens and more."""
_LONGEST_WORD: Final = 40
"""A longer run of letters is no word (base64, DNA) and is cut inside."""


def estimate_tokens(text: str) -> int:
    """Return about how many tokens `text` has: a word counts one a started four letters, a sign or a CJK character one."""
    return sum(map(_tokens_of, _PIECES.findall(text)))


def truncate_text(text: str, max_tokens: int | None) -> str:
    """Return the longest beginning of `text` whose estimate is at most `max_tokens`; all of it if that is None.

    The cut falls between words where it can, never inside a character.
    """
    if max_tokens is None or _MOST_PER_CHARACTER * len(text) <= max_tokens:
        return text
    left = max_tokens
    for piece in _PIECES.finditer(text):
        cost = _tokens_of(piece.group())
        if cost > left:
            return text[: piece.start() + _room(piece.group(), left)].rstrip()
        left -= cost
    return text


def _room(piece: str, tokens: int) -> int:
    """Return how many characters of a piece that does not fit are kept: none of a word, a part of an endless run."""
    return tokens * _LETTERS_PER_TOKEN if len(piece) > _LONGEST_WORD and piece[0].isalpha() else 0


def _tokens_of(piece: str) -> int:
    first = piece[0]
    if first.isspace():
        return 0
    if first.isascii() and first.isalpha():
        return -(-len(piece) // _LETTERS_PER_TOKEN)
    if first.isascii() and first.isdigit():
        return -(-len(piece) // _DIGITS_PER_TOKEN)
    return 1 if ord(first) < _ASTRAL else _MOST_PER_CHARACTER
