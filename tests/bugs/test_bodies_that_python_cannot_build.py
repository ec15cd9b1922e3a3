"""A number of 5,000 digits, or 970 lists within each other, was served on the quick path and refused by the engine."""

import json
import re
from types import SimpleNamespace

import pytest
from gateway_play import SETTINGS, Running, chain

from sparekey.lab.drill.raw_host import ANSWER, RawHost, body_of, exchanged, posted, response, status_of
from sparekey.wire import deep_json, json_body

VALUES = {
    "number": b"9" * 5000,
    "negative": b"[-" + b"9" * 4301 + b"]",
    **{f"lists {n}": b"[" * n + b"]" * n for n in (940, 970, 985, 996, 1005, 30_000)},
    "objects": b'{"a":' * 990 + b"1" + b"}" * 990,
    "both": b"[" * 3000 + b"9" * 5000 + b"]" * 3000,
}
MESSAGES = b'"messages":[{"role":"user","content":"hi"}]'


@pytest.fixture(scope="module", params=["quick", "engine"])
def place(request, tmp_path_factory):
    """A gateway, its host, and the body of the host's next answer."""
    found = SimpleNamespace(answer=ANSWER)
    with RawHost(lambda _: [response(found.answer)]) as host:
        file = tmp_path_factory.mktemp("deep") / "sparekey.toml"
        host.name = "first"
        text = chain("vlm", [host], extra="max_retries = 0\nretry_same = false") + SETTINGS
        file.write_text(text + f"quick = {str(request.param == 'quick').lower()}\n")
        running = Running(file)
        found.url, found.host = running.url, host
        exchanged(running.url, posted(b'{"model":"chat",' + MESSAGES + b"}"))  # the next one finds a connection
        yield found
        running.stop()


@pytest.mark.parametrize("value", VALUES)
def test_what_is_json_is_passed_on(place, value):
    """Only the name of the model changes, wherever it stands."""
    more = b'"x":' + VALUES[value]
    for fields in ([b'"model":"chat"', MESSAGES, more], [more, MESSAGES, b'"model" : "chat"'], [more, b'"mod\\u0065l":"chat"', MESSAGES]):
        body = b"{" + b",".join(fields) + b"}"
        answer = exchanged(place.url, posted(body))
        assert status_of(answer) == 200, answer[:300]
        sent = place.host.requests[-1].partition(b"\r\n\r\n")[2]
        assert re.sub(rb"\s", b"", sent) == re.sub(rb"\s", b"", body.replace(b'"chat"', b'"gpt-4o-mini"'))


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("second", [b'"model":"other"', b'"MODEL":"other"', b'"mod\\u0065l":"other"'])
def test_a_second_model_behind_it_is_seen(place, value, second):
    """However deep the text before it is."""
    before = len(place.host.requests)
    for fields in ([b'"model":"chat"', b'"messages":' + VALUES[value], second], [second, b'"messages":[]', b'"model":"chat"']):
        assert status_of(exchanged(place.url, posted(b"{" + b",".join(fields) + b"}"))) == 400
    assert len(place.host.requests) == before


@pytest.mark.parametrize("fault", [b"", b"}", b'"', b",}", b"]]}", b":1}"])
def test_what_is_no_json_is_refused(place, fault):
    """As at a depth that Python knows."""
    for depth in (3, 970, 5000):
        body = b'{"model":"chat",' + MESSAGES + b',"x":' + b"[" * depth + b"]" * (depth - 1) + fault
        assert status_of(exchanged(place.url, posted(body))) == 400


@pytest.mark.parametrize("value", VALUES)
def test_an_answer_with_it_is_one(place, value):
    """It reaches the client byte for byte."""
    place.answer = ANSWER[:-1] + b',"x":' + VALUES[value] + b"}"
    answer = exchanged(place.url, posted(b'{"model":"chat",' + MESSAGES + b"}"))
    assert status_of(answer) == 200, answer[:300]
    assert body_of(answer) == place.answer


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"b" : [2, {"c":[]}] ,"\\u0061":"x\\"}" }',
        "{}",
        ' {"":null}\n',
        '{"a":[[],{}],"b":-1.5e+3}',
        "[]",
        "1",
        "",
        "{",
        '{"a"}',
        '{"a":}',
        '{"a":1,}',
        '{,"a":1}',
        '{"a":1 "b":2}',
        '{"a":[1,]}',
        '{"a":[,1]}',
        '{"a":[1}',
        '{"a":01}',
        '{"a":1}}',
        '{"a":1}x',
        '{"a":"\n"}',
        "{1:2}",
        '{"a":{"b"]}',
    ],
)
def test_fields_are_found_as_a_parser_finds_them(text):
    """Or none are."""
    try:
        wanted = json.loads(text, object_pairs_hook=list)
    except ValueError:
        wanted = None
    try:
        found = [(key, json.loads(text[start:end], object_pairs_hook=list)) for key, start, end in deep_json.fields(text)]
    except ValueError:
        found = None
    assert found == (wanted if text.strip().startswith("{") else None)


def test_a_document_that_was_not_built_can_be_edited():
    """Fields are replaced, completed and taken out as in any other."""
    document = json_body.read(b'{"model": "a", "dimensions": 7, "input": ' + b"[" * 2000 + b"]" * 2000 + b', "model": "b"}')
    edited = json_body.completed(json_body.replaced(document, "model", "c"), {"model": "d", "user": "me"})
    edited = json_body.without(edited, {"dimensions"})
    assert edited.text == document.text.replace('"b"}', '"c","user": "me"}').replace("7", "null")
    assert json_body.times_named(edited, "model") == 2
