"""Reading pasted errors: never fails, whatever is pasted."""

from hypothesis import given
from hypothesis import strategies as st

from sparekey.cli import error_input

PIECES = st.sampled_from([
    "HTTP/1.1 429 X", "\n", "\r\n", "< ", "> ", "{", "}", '{"status": 429}', '{"status": "x", "headers": [], "body": null}', "é", ": ",
    "retry-after: 1", "Traceback (most recent call last):", "  File x", "UnicodeDecodeError: x", "a.B: c", "KeyboardInterrupt", "\x00",
    "\nThe above exception was the direct cause of the following exception:\n", "ExceptionGroup: x",
])  # fmt: skip


@given(st.lists(PIECES | st.text(max_size=20), max_size=12).map("".join), st.none() | st.integers(100, 599))
def test_anything_can_be_pasted(text, status):
    """Every text gets a verdict."""
    assert error_input.read(text, status).failure().error_class


def test_causes_of_a_traceback_are_linked():
    """The exceptions of a traceback come in the order in which they were raised, each the cause of the next."""
    text = "ValueError: first\n\nThe above exception was the direct cause of the following exception:\n\nsdk.Error: second"
    raised = error_input.read(text).exception
    assert str(raised) == "second"
    assert isinstance(raised.__cause__, ValueError)


def test_last_of_several_responses_counts():
    """A dump with a proxy's answer before the provider's own is read from the last one."""
    dump = "HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 402 Payment Required\r\nX-Id: 1\r\n\r\nbody"
    response = error_input.read(dump)
    assert (response.status, response.headers, response.body) == (402, {"x-id": "1"}, "body")
