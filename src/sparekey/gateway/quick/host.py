"""A provider's answers on one connection, read by one parser for its life.

The end of an answer is acted on only after the parser has returned: bytes behind it belong to no request. The raw bytes are kept until
then, so that whoever takes over can read the answer from its beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httptools

from sparekey.gateway.upstream.http1 import MOST_HEADERS

if TYPE_CHECKING:
    from sparekey.gateway.quick.exchange import Exchange
    from sparekey.gateway.upstream.http1 import ResponseReader
    from sparekey.gateway.upstream.messages import Raw

MOST_BYTES: Final = 1024 * 1024
"""The most bytes of an answer that are kept here: a longer one goes to the engine, which makes a fast host wait for a slow client."""
_OK: Final = 200
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_ODD: Final = frozenset({b"content-encoding", b"x-goog-upload-url", b"upgrade"})
"""Headers that mean more than the quick path knows."""


class HostReader:
    """Reads the answers on a connection for one exchange after the other.

    Attributes:
        exchange: the one whose answer is read; None between two.
        headers: those of the answer that is read now, names in lower case.
        pieces: those of its body.
        raw: all bytes of it, as long as they are kept.
        done: it is complete.
        keeps: the connection may carry another request.
        fault: what the parser raised; None if it is content.
    """

    __slots__ = (
        *("_bytes_kept", "_framed", "_headed", "_heir", "_odd", "_parser", "_size"),
        *("done", "exchange", "fault", "headers", "keeps", "pieces", "raw"),
    )

    def __init__(self) -> None:
        """Create a reader for a new connection, or for one whose last answer was complete."""
        self._parser: Any = httptools.HttpResponseParser(self)
        self._heir: ResponseReader | None = None
        self.exchange: Exchange | None = None
        self.fault: Exception | None = None
        self.rest()
        self.keeps = self.done = self._framed = self._headed = False

    def begin(self, exchange: Exchange) -> None:
        """Read the answer of an exchange."""
        self.exchange = exchange
        self.keeps = self.done = self._framed = self._headed = False

    def rest(self) -> None:
        """Keep nothing: the connection is idle."""
        self.exchange = None
        self.headers: Raw = []
        self.raw: list[bytes] = []
        self.pieces: list[bytes] = []
        self._size, self._bytes_kept, self._odd = 0, True, ""

    def forget_bytes(self) -> None:
        """Keep the bytes no longer: whoever takes over goes on from here (`pass_on`)."""
        self.raw, self._bytes_kept = [], False

    def feed(self, data: bytes) -> None:
        """Parse bytes from the host."""
        exchange = self.exchange
        assert exchange is not None
        if self._bytes_kept:
            self.raw.append(data)
            self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserUpgrade, httptools.HttpParserError) as exc:
            self.fault, self.keeps = exc, False
            self._odd = self._odd or "no HTTP"
        if self._bytes_kept and (self._odd or self._size > (MOST_BYTES if self._headed else MOST_HEADERS)):
            exchange.odd(self._odd or "a long answer")
        elif not exchange.whole:
            exchange.came(self)
        elif self.done:
            exchange.answered(self)

    def cut(self, exc: Exception | None) -> None:
        """Note that the connection closed before the answer was complete."""
        assert self.exchange is not None
        self.exchange.cut(exc)

    def pass_on(self, heir: ResponseReader) -> None:
        """Let another reader have the rest of an answer of which the bytes are not kept; the parser stays the same."""
        self._heir, self.exchange = heir, None
        heir.go_on(self._parser, self.headers)
        if self.done:
            heir.complete(keeps=self.keeps)
            heir.ended()
        elif self.fault is not None:
            heir.misread(self.fault)

    # ── for the parser ──

    def on_message_begin(self) -> None:
        """Note what comes behind an answer as odd."""
        if self._heir is not None:
            self._heir.on_message_begin()
        elif self.done:
            self._odd, self.keeps = self._odd or "surplus", False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are dropped."""
        if self._headed:
            return
        name = name.lower()
        if name in _FRAMING:
            self._framed = True
        elif name in _ODD:
            self._odd = self._odd or "headers"
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Note whether this is an ordinary success with a stated end."""
        if self._headed:
            return
        self._headed = True
        if self._parser.get_status_code() != _OK or not self._framed:
            self._odd = self._odd or "status"

    def on_body(self, piece: bytes) -> None:
        """Keep a piece of the body."""
        if self._heir is not None:
            self._heir.on_body(piece)
        elif not self.done:
            self.pieces.append(piece)

    def on_message_complete(self) -> None:
        """Note that the answer is complete; `feed` then acts on it."""
        if self._heir is not None:
            self._heir.on_message_complete()
        elif not self.done:
            self.done, self.keeps = True, self._parser.should_keep_alive()
