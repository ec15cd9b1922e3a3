"""Images as providers take them: a URL, or the bytes in a data URL with the right media type."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from sparekey.errors import InvalidInputError

_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x00\x00\x01\x00", "image/x-icon"),
    (b"\x00\x00\x00\x0cjP  ", "image/jp2"),
)
_BRANDS: Final = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"heif": "image/heif",
    b"avif": "image/avif",
}
"""Brands of ISO base media files (ISO/IEC 14496-12): bytes 8 to 12 behind `ftyp`."""
_REMOTE: Final = ("http://", "https://", "data:", "tos://", "gs://", "oss://")


def sniff(data: bytes) -> str | None:
    """Return the media type that the first bytes of an image tell, or None."""
    for magic, mime in _MAGIC:
        if data.startswith(magic):
            return mime
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return _BRANDS.get(data[8:12]) if data[4:8] == b"ftyp" else None


def media_type(data: bytes) -> str:
    """Return the media type of an image by its first bytes; the name of the file does not count.

    Raises:
        InvalidInputError: it is no image that providers know.
    """
    found = sniff(data)
    if found is None:
        raise InvalidInputError("not an image: the first bytes are of no known image format")
    return found


def data_url(data: bytes) -> str:
    """Return an image's bytes as a `data:` URL."""
    return f"data:{media_type(data)};base64,{base64.b64encode(data).decode('ascii')}"


def image_url(source: str | bytes | Path) -> str:
    """Return an image as one URL.

    Args:
        source: a URL (`http`, `https`, `data`, or an object store's own), a path of a file, or the image's bytes.

    Raises:
        InvalidInputError: a file that cannot be read, or bytes that are no image.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return data_url(bytes(source))
    if isinstance(source, str) and source.startswith(_REMOTE):
        return source
    path = Path(source).expanduser()
    try:
        return data_url(path.read_bytes())
    except OSError as exc:
        raise InvalidInputError(f"cannot read the image {path.name!r}: {exc.strerror or type(exc).__name__}") from exc


def split_data_url(url: str) -> tuple[str, bytes] | None:
    """Return media type and bytes of a base64 `data:` URL, or None if it is another kind of URL.

    Raises:
        InvalidInputError: a `data:` URL whose base64 is broken.
    """
    head, comma, body = url.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        return None
    try:
        return head[5:-7], base64.b64decode(body, validate=True)
    except ValueError as exc:
        raise InvalidInputError("the image's data URL holds broken base64") from exc
