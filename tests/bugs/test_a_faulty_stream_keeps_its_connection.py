"""A stream whose events were faulty cost its connection, though its HTTP was whole, if the quick path had begun with it."""

import pytest

from sparekey.gateway.quick.host import HostReader
from sparekey.gateway.upstream.http1 import ResponseReader

WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 12\r\n\r\ndata: odd\n\n\n"


class Exchange:
    """One that takes the events of a stream."""

    whole = False

    def came(self, reader):
        """Take in what came."""

    def odd(self, why):
        """Take in that something is odd."""


class Connection:
    """A connection that notes how it ended."""

    kept = None

    def done(self, *, keep):
        self.kept = keep


@pytest.mark.parametrize(("answer", "kept"), [(WHOLE, True), (WHOLE + b"HTTP/1.1 200 OK\r\n", False)], ids=["whole", "surplus"])
def test_what_counts_is_its_http(answer, kept):
    """The engine judges the events; the connection carries the next request, unless bytes came behind the answer."""
    reader, connection = HostReader(), Connection()
    reader.begin(Exchange())
    reader.feed(answer)
    reader.pass_on(ResponseReader(connection, None))
    assert connection.kept is kept
