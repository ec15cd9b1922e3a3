"""Errors in the shapes of the formats: bodies, and the last pieces of a stream that cannot go on."""

import json

import pytest

from sparekey.wire import sse
from sparekey.wire.broken_stream import Break
from sparekey.wire.formats import FORMATS
from sparekey.wire.request import WireRequest

TOLD = {"class": "transient"}
RESOURCES = {"openai": "chat/completions", "responses": "responses", "anthropic": "messages", "gemini": "models/m:streamGenerateContent"}


def pieces(wire, event=b"", *, number=0):
    """The pieces as they are sent."""
    own = sse.event(event) if event else None
    dialect = "openai" if wire == "responses" else wire
    return WireRequest(dialect, "POST", RESOURCES[wire], kind="chat").format.broken(Break("it broke", TOLD, own, number))


def read(piece):
    """The name and the JSON of one piece."""
    event = sse.event(piece)
    return event.name, json.loads(event.data)


@pytest.mark.parametrize(
    ("dialect", "status", "kind"),
    [
        ("openai", 429, "rate_limit_error"),
        ("openai", 400, "invalid_request_error"),
        ("anthropic", 502, "api_error"),
        ("gemini", 502, "INTERNAL"),
    ],
)
def test_a_body_has_the_shape_of_its_dialect(dialect, status, kind):
    """The words stand where SDKs look for them, and the kind follows from the status."""
    error = FORMATS[dialect].error_body(status, "a_code", "words")["error"]
    assert error["message"] == "words"
    assert kind in error.values()


@pytest.mark.parametrize("wire", RESOURCES)
def test_our_own_words_are_an_error_of_the_wire(wire):
    """Every piece is whole by itself and holds an object `error`, for which SDKs raise."""
    for piece in pieces(wire):
        name, value = read(piece)
        assert piece.endswith(b"\n\n")
        assert value["error"]["message"] == "it broke"
        assert value["sparekey"] == TOLD
        assert name == ("error" if wire in {"responses", "anthropic"} else "")


def test_gemini_is_told_twice():
    """Once as bare JSON, which is all that @google/genai 1.x knows, and once as an event."""
    bare, event = pieces("gemini")
    assert json.loads(bare) == read(event)[1]


@pytest.mark.parametrize(
    ("wire", "event"),
    [
        ("openai", b'data: {"error": {"message": "no", "code": "c"}}\n\n'),
        ("anthropic", b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "no"}}\r\n\r\n'),
    ],
)
def test_a_providers_own_event_stays_as_it_is(wire, event):
    """Where SDKs raise for it, no byte changes."""
    assert pieces(wire, event) == (event,)


@pytest.mark.parametrize(
    ("wire", "event"),
    [
        ("openai", b'data: {"object": "error", "message": "no", "code": 500}'),
        ("openai", b'data: {"code": "c", "error": "no"}\n\n'),
        ("anthropic", b'data: {"type": "error", "error": {"type": "api_error", "message": "no"}}\n\n'),
        ("gemini", b'data: {"error": {"code": 503, "message": "no"}}\r\n\r\n'),
        ("gemini", b'{"error": {"code": 503, "message": "no"}}'),
    ],
)
def test_a_providers_event_of_another_shape_is_brought_into_one_that_sdks_know(wire, event):
    """Its words are kept."""
    for piece in pieces(wire, event):
        name, value = read(piece)
        assert value["error"]["message"] == "no"
        assert name == ("error" if wire == "anthropic" else "")


def test_an_event_of_the_responses_api_has_all_that_its_readers_want():
    """The fields of the API, a number, and the object for which SDKs raise; what the provider said besides is kept."""
    (piece,) = pieces(
        "responses", b'event: error\ndata: {"type": "error", "code": "c", "message": "no", "param": "p", "more": 1}\n\n', number=7
    )
    _, value = read(piece)
    assert {name: value[name] for name in ("type", "code", "message", "param", "sequence_number", "more")} == {
        "type": "error", "code": "c", "message": "no", "param": "p", "sequence_number": 7, "more": 1,
    }  # fmt: skip
    assert value["error"] == {"type": "server_error", "code": "c", "message": "no", "param": "p"}


def test_a_response_that_has_failed_is_followed_by_an_error():
    """No SDK raises for `response.failed`; its number goes on."""
    response = {"error": {"code": "c", "message": "no"}}
    failed = (
        b"event: response.failed\ndata: %b\n\n"
        % json.dumps({"type": "response.failed", "sequence_number": 4, "response": response}).encode()
    )
    own, more = pieces("responses", failed)
    assert own == failed
    _, value = read(more)
    assert (value["type"], value["sequence_number"], value["error"]["message"], value["error"]["code"]) == ("error", 5, "no", "c")


@pytest.mark.parametrize("event", [b"data: {", b"data: 5\n\n", b"data: []\n\n", b'data: {"type": "x"}\n\n', b": hi\n\n"])
@pytest.mark.parametrize("wire", RESOURCES)
def test_whatever_a_provider_sent_the_end_can_be_told(wire, event):
    """Nonsense is told in our own words, or as it is; it never raises."""
    assert all(piece.endswith((b"\n\n", b"\r\n\r\n")) for piece in pieces(wire, event))


@pytest.mark.parametrize("wire", RESOURCES)
@pytest.mark.parametrize(
    "data",
    [b"{}", b"null", b"Overloaded", b'"boom"', b'{"detail": "boom"}', b'{"error": "boom"}', b'{"error": {"code": "x"}}', b'{"error": {}}'],
)
@pytest.mark.parametrize("name", [b"", b"event: error\n"], ids=["bare", "named"])
def test_every_error_has_all_that_sdks_read(wire, data, name):
    """Whatever the host wrote in its place: a text, and in Google's shape a number and a word."""
    for piece in pieces(wire, name + b"data: " + data + b"\n\n"):
        error = read(piece)[1]["error"]
        assert isinstance(error["message"], str)
        assert error["message"] in {"boom", "it broke"}
        if wire == "gemini":
            assert isinstance(error["code"], int)
            assert isinstance(error["status"], str)
