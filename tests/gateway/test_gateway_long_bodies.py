"""Long bodies both ways: very many values, names that stand twice, long answers, packed ones that unpack to far more."""

import gzip
import json
import re

import pytest
from gateway_play import SETTINGS, both, chain

from sparekey.gateway.upstream import long_answers
from sparekey.lab.drill.raw_host import ANSWER, RawHost, body_of, exchanged, posted, question, response, status_of
from sparekey.wire import json_body, large_json

MANY = b"[" + b"[1]," * 300_000 + b"[1]]"


@pytest.fixture
def through(serve):
    """Start a gateway over a host that answers with bytes."""

    def start(host, upstream="httptools", **knobs):
        host.name = "first"
        extra = "\n".join(f"{name} = {value}" for name, value in {"max_retries": 0, **knobs}.items())
        return serve(chain("vlm", [host], extra=extra) + SETTINGS + f'upstream = "{upstream}"\n').url

    return start


# ── requests ──


@pytest.mark.parametrize("before", [b'{"model": "chat", ', b'{"x": "\\u00e9", "y": {"model": "chat"}, "model" :"chat",'])
def test_a_body_of_very_many_values_passes_as_it_is(through, before):
    """Nothing of it is built but what is needed: the credential's model stands in it, every other byte is the client's."""
    body = before + b'"messages":' + MANY + b', "stream": false}'
    assert json_body.read(body).partial
    with RawHost(lambda _: [response()]) as host:
        answer = exchanged(through(host), posted(body))
    assert status_of(answer) == 200, answer[:300]
    sent = host.requests[0].partition(b"\r\n\r\n")[2]
    assert sent == re.sub(rb'("model" ?: ?)"chat"(?=[,}] ?"messages)', rb'\1"gpt-4o-mini"', body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"chat","messages":' + MANY,
        b'{"model":"chat","messages":' + MANY + b"}x",
        b'{"model":"chat","messages":' + MANY[:-1] + b",]}",
        b'{"messages":' + MANY + b"}",
        b'{"model":"chat","messages":' + MANY + b',"model":"other"}',
        b'{"model":"chat","messages":' + MANY + b',"Model":"other"}',
        b'{"model":"chat","x":' + MANY + b',"messages":{"a":1}}',
        b'{"model":"chat","x":[' + b'{"model":1},' * 150_000 + b"1]}",
    ],
    ids=["no end", "more behind it", "a comma too many", "no model", "two models", "two cases", "no list", "too many models"],
)
def test_what_is_wrong_with_such_a_body_is_found(through, body):
    """Refused here, and no provider is asked."""
    with RawHost(lambda _: [response()]) as host:
        assert status_of(exchanged(through(host), posted(body))) in {400, 413}
    assert not host.requests


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"chat","model":"gpt-4","messages":[]}',
        b'{"model":"chat","m\\u006fdel":"gpt-4","messages":[]}',
        b'{"mod\\u0065l":"gpt-4","messages":[],"model":"chat"}',
        b'{"model":"chat","Model":"gpt-4","messages":[]}',
        b'{"MODEL":"gpt-4","messages":[],"model":"chat"}',
        b'{"\\u004dODEL":"gpt-4","messages":[],"model":"chat"}',
        b'{"model":"chat","messages":[{"model":1}], "model" : "gpt-4"}',
    ],
)
def test_two_models_are_refused(through, body):
    """One parser takes the first, another the last, a third knows no case: X07."""
    with RawHost(lambda _: [response()]) as host:
        answer = exchanged(through(host), posted(body))
    assert status_of(answer) == 400
    assert json.loads(body_of(answer))["error"]["code"] == "ambiguous_model"
    assert not host.requests


@pytest.mark.parametrize(
    "body",
    [
        b'{"m\\u006fdel":"chat","messages":[1]}',
        b'{"model":"chat","messages":[{"model":"a","content":"\\"model\\": 1"}],"tools":[{"model":{"model":2}}]}',
        b'{"messages":["model","model"],"model":"chat"}',
    ],
)
def test_a_model_that_stands_there_once_is_replaced(through, body):
    """Escaped, or with others like it deeper within: the provider reads one, the credential's."""
    with RawHost(lambda _: [response()]) as host:
        assert status_of(exchanged(through(host), posted(body))) == 200
    sent = host.requests[0].partition(b"\r\n\r\n")[2]
    assert json.loads(sent) == {**json.loads(body), "model": "gpt-4o-mini"}


def test_two_models_of_a_form_are_refused(through):
    """However long the second one is."""
    part = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n%b\r\n'
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--b--\r\n'
    form = "Content-Type: multipart/form-data; boundary=b"
    with RawHost(lambda _: [response()]) as host:
        url = through(host)
        for second in (b"whisper-1", b"w" * 500):
            data = posted(part % b"chat" + part % second + file, form, path="/v1/audio/transcriptions")
            assert status_of(exchanged(url, data)) == 400
    assert not host.requests


def test_other_fields_of_a_partial_body_are_edited():
    """Completed where they are missing, replaced, taken out; nothing else changes."""
    document = json_body.read(b'{"model": "a", "seed": 1, "dimensions": 7, "input": ' + MANY + b"}")
    assert isinstance(document.fields["input"], large_json.Unread)
    edited = json_body.completed(json_body.replaced(document, "model", "b"), {"seed": 2, "user": "me"})
    edited = json_body.without(edited, {"dimensions", "user"})
    found = json.loads(edited.text)
    assert {k: v for k, v in found.items() if k != "input"} == {"model": "b", "seed": 1, "dimensions": None, "user": None}
    assert large_json.place(edited.text, "input") == (edited.text.index("[[1]"), edited.text.index("]]") + 2)


def test_a_packed_body_may_not_unpack_to_very_much_more(monkeypatch, through):
    """Twenty kilobytes that unpack to twenty megabytes are a bomb, whatever the limit of bodies; ordinary ones are read."""
    bomb = gzip.compress(question(x=" " * 20_000_000))
    with RawHost(lambda _: [response()]) as host:
        url = through(host)
        assert status_of(exchanged(url, posted(bomb, "Content-Encoding: gzip"))) == 413
        assert status_of(exchanged(url, posted(gzip.compress(question(x="abc" * 100_000)), "Content-Encoding: gzip"))) == 200


# ── answers ──


def long_answer(size, cut=0):
    """Return an answer with so long a text, and the pieces in which a host writes it in chunks."""
    body = ANSWER.replace(b"four", b"x" * size)
    pieces = [body[at : at + 65_536] for at in range(0, len(body) - cut, 65_536)]
    if cut:
        pieces[-1] = pieces[-1][:-cut]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return body, [head, *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces), b"0\r\n\r\n"]


@both
def test_a_long_answer_passes_in_pieces(through, monkeypatch, upstream):
    """It is not held: the client has its beginning before its end was written."""
    monkeypatch.setattr(long_answers, "MOST_HELD", 100_000)
    body, pieces = long_answer(1_000_000)
    with RawHost(lambda _: pieces) as host:
        answer = exchanged(through(host, upstream), posted(question()))
    assert body_of(answer) == body
    assert answer.endswith(b"0\r\n\r\n")


@both
@pytest.mark.parametrize("how", ["connection", "json", "length"])
def test_a_long_answer_that_breaks_off_is_no_whole_one(through, monkeypatch, upstream, how):
    """The connection ends before it, its JSON does, or it is shorter than it says: the client's HTTP says that it is not whole."""
    monkeypatch.setattr(long_answers, "MOST_HELD", 100_000)
    body, pieces = long_answer(1_000_000, cut=3)

    def cut(_):
        yield from pieces[:-1]
        if how == "json":
            yield pieces[-1]
        else:
            raise OSError

    def short(_):
        yield response(body)[:-5]
        raise OSError

    with RawHost(short if how == "length" else cut) as host:
        answer = exchanged(through(host, upstream), posted(question()))
    assert status_of(answer) == 200
    assert not answer.endswith(b"0\r\n\r\n")


def test_an_ordinary_answer_is_judged_before_anybody_gets_it(through):
    """One without a length, up to the bound, is read as any other: an empty one is none."""
    _, pieces = long_answer(0)
    with RawHost(lambda _: pieces) as host:
        assert status_of(exchanged(through(host), posted(question()))) == 503


@both
def test_a_packed_answer_that_unpacks_to_very_much_more_is_none(through, upstream):
    """Nobody asked for it packed; whole or in events, it is given up."""
    bomb = gzip.compress(ANSWER.replace(b"four", b" " * 40_000_000))
    with RawHost(lambda _: [response(bomb, "Content-Encoding: gzip")]) as host:
        url = through(host, upstream)
        assert status_of(exchanged(url, posted(question()))) in {502, 503}
        assert status_of(exchanged(url, posted(question(stream=True)))) in {502, 503}
