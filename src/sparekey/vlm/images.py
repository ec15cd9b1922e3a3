"""Turns images (paths, URLs, data URLs, bytes) into the parts of a message that a model's API takes.

The neutral form inside this package is OpenAI's content part, `{"type": "image_url", "image_url": {"url": ...}}`, with a data URL
for bytes; backends with another wire read it with `decode_data_url`.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from sparekey.errors import InvalidInputError
from sparekey.wire.media import sniff

Image = str | Path | bytes
"""A path, an http(s) or data URL, or the bytes of an image file."""

MAX_IMAGE_BYTES: Final = 50 * 1024 * 1024
"""The largest payload that any provider here takes: https://platform.openai.com/docs/guides/images-vision (50 MB)."""


def image_part(image: Image, *, max_bytes: int = MAX_IMAGE_BYTES) -> dict[str, Any]:
    """Return the content part of one image.

    Args:
        image: a path (`Path`, or a string that is no URL), an http(s) or data URL, or bytes.
        max_bytes: the largest file that is taken.

    Raises:
        InvalidInputError: not an image, an empty or too large one, an SVG (no provider here takes it).
        OSError: the file cannot be read.
    """
    if isinstance(image, str) and image.lower().startswith(("http://", "https://", "data:")):
        return _part(image)
    if isinstance(image, bytes | bytearray | memoryview):
        return _part(_data_url(bytes(image), "the image", None, max_bytes))
    if not isinstance(image, str | Path):
        raise InvalidInputError(f"an image is a path, a URL or bytes, not {type(image).__name__}")
    path = Path(image)
    _check_size(path.stat().st_size, path.name, max_bytes)
    return _part(_data_url(path.read_bytes(), path.name, mimetypes.guess_type(path.name)[0], max_bytes))


def decode_data_url(url: str) -> tuple[str, bytes] | None:
    """Return the media type and the bytes of a data URL, or None if `url` is none.

    Raises:
        InvalidInputError: it says base64 and is not.
    """
    if url[:5].lower() != "data:":
        return None
    head, comma, body = url[5:].partition(",")
    if not comma:
        raise InvalidInputError("a data URL without a comma")
    mime = head.partition(";")[0] or "text/plain"
    if not head.lower().endswith(";base64"):
        return mime, unquote_to_bytes(body)
    try:
        return mime, base64.b64decode(body, validate=True)
    except binascii.Error as exc:
        raise InvalidInputError(f"a data URL of {mime} whose base64 is broken: {exc}") from None


def guess_url_type(url: str) -> str:
    """Return the media type that the name in a URL tells; JPEG where it tells none."""
    return mimetypes.guess_type(url.partition("?")[0])[0] or "image/jpeg"


def _part(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def _data_url(data: bytes, name: str, guess: str | None, max_bytes: int) -> str:
    _check_size(len(data), name, max_bytes)
    if data.lstrip()[:4] == b"<svg" or (data.lstrip()[:5] == b"<?xml" and b"<svg" in data[:1024]):
        raise InvalidInputError(f"{name} is an SVG: no provider takes it, convert it to PNG")
    mime = sniff(data) or guess
    if mime is None or not mime.startswith("image/"):
        raise InvalidInputError(f"{name} is no image of a known kind (first bytes: {data[:8].hex()})")
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def _check_size(size: int, name: str, limit: int) -> None:
    if not size:
        raise InvalidInputError(f"{name} is empty")
    if size > limit:
        raise InvalidInputError(f"{name} has {size:,} bytes, the limit is {limit:,}")
