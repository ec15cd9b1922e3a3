"""Brings every input into one form: texts are checked and shortened, images become URLs, parts become typed mappings.

The canonical parts are the ones OpenAI made common: `{"type": "text", "text": ...}` and
`{"type": "image_url", "image_url": {"url": ...}}`. Plain strings, paths and bytes are read into them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sparekey.errors import InvalidInputError
from sparekey.wire.media import image_url

if TYPE_CHECKING:
    from sparekey.embedding.types import EmbeddingInput, Part


def normalize(content: EmbeddingInput) -> str | list[dict[str, Any]]:
    """Return a text as it is and a list of parts in their canonical form.

    Args:
        content: a text, or parts: `str` is text, `Path` and `bytes` are images, and mappings are `{"type": "text", "text": ...}`,
            `{"type": "image_url", "image_url": URL or {"url": URL}}` or `{"type": "image", "image": path, URL or bytes}`.

    Raises:
        InvalidInputError: nothing to embed, text that is no Unicode, or a part of unknown form.
    """
    if isinstance(content, str):
        return _text(content)
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        raise InvalidInputError(f"an embedder takes a text or a list of parts, not {type(content).__name__}")
    if not content:
        raise InvalidInputError("nothing to embed: the list of parts is empty")
    return [_part(part) for part in content]


def normalize_batch(contents: Sequence[EmbeddingInput]) -> list[str | list[dict[str, Any]]]:
    """Return every input of a batch in canonical form, before anything is sent.

    Raises:
        InvalidInputError: an input that cannot be embedded, with its index: half a batch must not be paid for first.
    """
    if isinstance(contents, str):
        raise InvalidInputError("a batch is a list of inputs, not one text")
    return [_numbered(index, content) for index, content in enumerate(contents)]


def text_of(content: str | Sequence[Mapping[str, Any]]) -> str:
    """Return the text of a canonical input: the text parts, one a line, without the images.

    Raises:
        InvalidInputError: only images, and this embedder takes none.
    """
    if isinstance(content, str):
        return content
    text = "\n".join(part["text"] for part in content if part["type"] == "text")
    if not text:
        raise InvalidInputError("this embedder takes text only, and the input holds none")
    return text


def truncate(content: str | list[dict[str, Any]], max_tokens: int | None) -> str | list[dict[str, Any]]:
    """Return a canonical input with each text cut to `max_tokens` (estimated); images are left alone."""
    if isinstance(content, str):
        return truncate_text(content, max_tokens)
    return [{**p, "text": truncate_text(p["text"], max_tokens)} if p["type"] == "text" else p for p in content]


def _numbered(index: int, content: EmbeddingInput) -> str | list[dict[str, Any]]:
    try:
        return normalize(content)
    except InvalidInputError as exc:
        raise InvalidInputError(f"input {index} of the batch: {exc}") from exc


def _text(text: str) -> str:
    if not text:
        raise InvalidInputError("nothing to embed: the text is empty")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise InvalidInputError(f"the text holds half a surrogate pair at character {exc.start}: no provider can take it") from exc
    return text


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": _text(part)}
    if isinstance(part, bytes | Path):
        return _image(part)
    if not isinstance(part, Mapping):
        raise InvalidInputError(f"a part is text, an image or a mapping with a type, not {type(part).__name__}")
    kind = part.get("type")
    if kind == "text":
        return {"type": "text", "text": _text(str(part.get("text", "")))}
    if kind in {"image_url", "image"}:
        return _image_of(part.get(kind))
    raise InvalidInputError(f"a part of type {kind!r} is neither text nor image")


def _image_of(source: Any) -> dict[str, Any]:
    found = source.get("url") if isinstance(source, Mapping) else source
    if not isinstance(found, str | bytes | Path) or not found:
        raise InvalidInputError("an image part holds neither a URL, a path nor bytes")
    return _image(found)


def _image(source: str | bytes | Path) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": image_url(source)}}


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
