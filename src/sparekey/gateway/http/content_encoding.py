"""Decoding of a client's body (`content-encoding`: gzip, deflate, br, zstd), with a size limit.

Two limits hold for the decoded body: its size, and beyond a few megabytes how many times longer it is than what came. So a small body
cannot unpack into a huge one.
"""

from __future__ import annotations

import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sparekey.gateway.api.replies import RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE: Final = 64 * 1024
_MOST_TIMES: Final = 200
"""How many times longer than what came a long body may be: JSON packs to a tenth, the same letter over and over to a thousandth."""
_UNSUSPECTED: Final = 8 * 2**20
_ZLIB_HEADER: Final = 0x0F
_DEFLATED: Final = 8


def unpacked(body: bytes, encoding: bytes, most: int) -> bytes:
    """Return the decoded body.

    Args:
        body: the bytes as they came.
        encoding: the value of `content-encoding`: one coding, or several in the order in which they were applied.
        most: the most bytes that it may unpack to.

    Raises:
        RefusalError: the coding is unknown here (415), the body is not in the coding that it
            states (400), or it is too long (413).
    """
    most = min(most, max(_UNSUSPECTED, _MOST_TIMES * len(body)))
    for name in reversed(encoding.decode("latin-1").lower().split(",")):
        if (coding := name.strip()) and coding != "identity":
            body = _decoded(body, coding, most)
    return body


def _decoded(body: bytes, coding: str, most: int) -> bytes:
    decode = _DECODERS.get(coding)
    if decode is None:
        raise _unknown(coding)
    try:
        found = decode(body, most)
    except ImportError:
        raise _unknown(coding) from None
    except RefusalError:
        raise
    except Exception as exc:
        raise RefusalError(400, "bad_encoding", f"the body is not encoded as content-encoding says ({coding})") from exc
    if len(found) > most:
        raise RefusalError(
            413,
            "body_too_large",
            f"the body unpacks to more than {most // 2**20} MiB (gateway.max_body_mb), or to {_MOST_TIMES} times its length",
        )
    return found


def _unknown(coding: str) -> RefusalError:
    usable = ", ".join(name for name in ("gzip", "deflate", "br", "zstd") if _is_usable(name))
    text = f"the body is in the encoding {coding[:40]!r}, which is not known here; send it in one of {usable}, or in none"
    return RefusalError(415, "unknown_encoding", text, [(b"accept-encoding", usable.encode())])


def _is_usable(coding: str) -> bool:
    try:
        _DECODERS[coding](b"", 0)
    except ImportError:
        return False
    except Exception:  # noqa: BLE001 - the library is there, and says that nothing is no text
        return True
    return True


def _inflated(body: bytes, bits: int, most: int) -> bytes:
    inflate = zlib.decompressobj(bits)
    found = inflate.decompress(body, most + 1)
    if len(found) <= most and not inflate.eof:
        raise zlib.error("it ends too early")
    return found


def _gzip(body: bytes, most: int) -> bytes:
    return _inflated(body, zlib.MAX_WBITS | 16, most)


def _deflate(body: bytes, most: int) -> bytes:
    """Decode `deflate`, with or without zlib's header: some clients omit it (RFC 9110, 8.4.1.2)."""
    headed = len(body) > 1 and body[0] & _ZLIB_HEADER == _DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
    return _inflated(body, zlib.MAX_WBITS if headed else -zlib.MAX_WBITS, most)


def _brotli(body: bytes, most: int) -> bytes:
    try:
        library: Any = import_module("brotli")
    except ImportError:
        library = import_module("brotlicffi")
    decoder, pieces, size = library.Decompressor(), [], 0
    for start in range(0, len(body), _PIECE):
        pieces.append(decoder.process(body[start : start + _PIECE]))
        size += len(pieces[-1])
        if size > most:
            break
    if size <= most and not decoder.is_finished():
        raise ValueError("it ends too early")
    return b"".join(pieces)


def _zstd(body: bytes, most: int) -> bytes:
    try:
        library: Any = import_module("compression.zstd")  # from Python 3.14 on
    except ImportError:
        decoder = import_module("zstandard").ZstdDecompressor(max_window_size=2**27)
        with decoder.stream_reader(body, read_across_frames=True) as reader:
            found: bytes = reader.read(most + 1)
            return found
    unpack = library.ZstdDecompressor()
    found = unpack.decompress(body, most + 1)
    if len(found) <= most and not unpack.eof:
        raise ValueError("it ends too early")
    return found


_DECODERS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
