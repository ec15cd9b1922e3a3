"""Responses, completions, moderation, images and audio through the gateway: the official SDK over real sockets, and a key that fails."""

import asyncio
import http.client
import json

import pytest
from gateway_play import KEYS, SETTINGS, chain

from sparekey.lab.simulator import TEXT, faults
from sparekey.lab.simulator.wires.openai_resource import picture

openai = pytest.importorskip("openai")

ASKED = {"model": "chat", "input": "Where is the key?"}
PHOTO = ("photo.png", picture(), "image/png")
SOUND = ("sound.wav", bytes(range(256)) * 2000 + b"\r\n--no\r\n", "audio/wav")


@pytest.fixture
def client(running):
    with openai.OpenAI(base_url=running.url + "/v1", api_key="x", max_retries=0, timeout=20) as made:
        yield made


@pytest.fixture
def quick(serve, pair):
    """A gateway that waits a tenth of a second for the first content, and no longer for anything else."""
    return serve(chain("vlm", pair, extra="first_content_limit = 0.3\nidle_limit = 0.3") + SETTINGS)


CALLS = {
    "responses": lambda c: c.responses.create(**ASKED).output_text == TEXT,
    "completions": lambda c: c.completions.create(model="chat", prompt="Where?").choices[0].text == TEXT,
    "moderations": lambda c: c.moderations.create(model="chat", input="violence").results[0].flagged,
    "images/generations": lambda c: bool(c.images.generate(model="chat", prompt="a key").data[0].b64_json),
    "images/edits": lambda c: bool(c.images.edit(model="chat", image=PHOTO, prompt="a lock").data[0].b64_json),
    "images/variations": lambda c: bool(c.images.create_variation(model="chat", image=PHOTO).data),
    "audio/speech": lambda c: c.audio.speech.create(model="chat", voice="nova", input="a b").content == bytes(range(256)) * 2,
    "audio/transcriptions": lambda c: c.audio.transcriptions.create(model="chat", file=SOUND).text == TEXT,
    "audio/translations": lambda c: c.audio.translations.create(model="chat", file=SOUND, response_format="text").strip() == TEXT,
}
BREAKS = [faults.auth(), faults.rate_limit(), faults.server_error(), faults.reset(), faults.html()]


@pytest.mark.parametrize("path", CALLS)
def test_the_next_credential_serves(client, running, pair, path):
    """Whatever is asked for, and whatever the first key's fault: the answer is whole, from the second, with the model that it needs."""
    for number, fault in enumerate(BREAKS, 1):
        pair[0].fail(fault)
        assert CALLS[path](client)
        assert running.last(number).credential == "second"
    assert {one.path for one in pair[1].requests} == {f"/v1/{path}"}
    assert b"gpt-4o-mini" in pair[1].requests[0].body
    assert pair[1].requests[0].headers["authorization"] == f"Bearer {KEYS[1]}"


@pytest.mark.parametrize("path", CALLS)
def test_a_refusal_of_the_request_is_the_providers_own(client, pair, path):
    """A bad parameter is nobody's fault but the caller's: no other credential is asked."""
    pair[0].fail(faults.bad_request())
    with pytest.raises(openai.BadRequestError) as told:
        CALLS[path](client)
    assert told.value.code == "unsupported_value"
    assert not pair[1].requests


def texts(events):
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


@pytest.mark.parametrize(
    "fault",
    [
        *(faults.error_event(), faults.error_event(faults.server_error()), faults.error_event(faults.rate_limit())),
        *(faults.empty_answer(), faults.keepalive("empty"), faults.slow_start(20), faults.cut(after=0)),
    ],
    ids=str,
)
def test_a_response_without_content_fails_over(quick, pair, fault):
    """`error`, `response.failed`, silence, keep-alives, an early end: none of it is seen, and the preamble is the winner's alone."""
    pair[0].fail(fault)
    with openai.OpenAI(base_url=quick.url + "/v1", api_key="x", max_retries=0) as client:
        events = list(client.responses.create(**ASKED, stream=True))
    assert texts(events) == TEXT
    assert [event.type for event in events].count("response.created") == 1
    assert [event.sequence_number for event in events] == list(range(len(events)))
    finished = quick.last(1)
    assert finished.credential == "second"
    assert finished.usage.completion_tokens == 60


@pytest.mark.parametrize(
    "fault", [faults.error_body(faults.server_error()), faults.error_body(), faults.truncated_json(), faults.empty_body()], ids=str
)
def test_an_error_inside_a_whole_response_fails_over(client, pair, fault):
    """A response that says 200 and has failed is no answer."""
    pair[0].fail(fault)
    assert client.responses.create(**ASKED).output_text == TEXT


@pytest.mark.parametrize("how", ["close", "reset", "end", "done"])
def test_a_response_that_is_cut_is_whole_or_says_so(quick, pair, how):
    """The second credential says the same, so its words go on where the first one's ended; if both die, the SDK raises."""
    with openai.OpenAI(base_url=quick.url + "/v1", api_key="x", max_retries=0) as client:
        pair[0].fail(faults.cut(after=20, how=how))
        events = list(client.responses.create(**ASKED, stream=True))
        assert texts(events) == TEXT
        assert events[-1].response.output_text == TEXT
        assert quick.last(1).usage.completion_tokens == 60
        pair[1].fail(faults.cut(after=30, how=how))
        with pytest.raises(openai.APIError, match="broke off") as told:
            list(client.responses.create(**ASKED, stream=True))
    assert told.value.code == "stream_broken"


def test_a_response_belongs_to_the_account_that_made_it(client, running, pair):
    """What goes on from it stays with its credential, streamed or not, and is never asked of another one."""
    pair[0].fail(faults.server_error(), times=2)
    first = client.responses.create(**ASKED)
    assert running.last(1).credential == "second"
    for stream in (False, True):
        again = client.responses.create(**ASKED, previous_response_id=first.id, stream=stream)
        events = list(again) if stream else [again]
        assert events
    assert {running.last(3).credential, running.finished[1].credential} == {"second"}
    pair[1].fail(faults.auth())
    before = len(pair[0].requests)
    with pytest.raises(openai.InternalServerError) as told:
        client.responses.create(**ASKED, previous_response_id=first.id)
    assert told.value.body is not None
    assert len(pair[0].requests) == before


def test_async_and_streamed(running, pair):
    """Ten at once of four kinds, whole and streamed, while the first key is dead."""
    pair[0].fail(faults.auth())

    async def one(client, number):
        if number % 4 == 0:
            return texts([event async for event in await client.responses.create(**ASKED, stream=True)])
        if number % 4 == 1:
            stream = await client.completions.create(model="chat", prompt="a", stream=True)
            return "".join([event.choices[0].text async for event in stream if event.choices])
        if number % 4 == 2:
            return (await client.audio.transcriptions.create(model="chat", file=SOUND)).text
        return (await client.responses.create(**ASKED)).output_text

    async def all_of_them():
        async with openai.AsyncOpenAI(base_url=running.url + "/v1", api_key="x", max_retries=0) as client:
            return await asyncio.gather(*[one(client, number) for number in range(12)])

    assert asyncio.run(all_of_them()) == [TEXT] * 12


@pytest.mark.parametrize("fault", [faults.error_event(), faults.empty_answer(), faults.cut(after=0), faults.broken_event(at=1)], ids=repr)
def test_a_completion_without_content_fails_over(client, pair, fault):
    """The older kind of stream, too; the usage is counted once."""
    pair[0].fail(fault)
    events = list(client.completions.create(model="chat", prompt="Where?", stream=True, stream_options={"include_usage": True}))
    assert "".join(event.choices[0].text for event in events if event.choices) == TEXT
    assert sum(1 for event in events if event.usage) == 1


def test_pictures_and_transcripts_as_events(client, pair):
    """What other kinds of streams there are fails over before their content, too."""
    pair[0].fail(faults.error_event())
    shown = [event.type for event in client.images.generate(model="chat", prompt="a", stream=True, partial_images=1)]
    assert shown == ["image_generation.partial_image", "image_generation.completed"]
    heard = list(client.audio.transcriptions.create(model="chat", file=SOUND, stream=True))
    assert heard[-1].text == TEXT


def test_speech_that_breaks_is_never_a_short_success(client, running, pair):
    """Bytes go on as they come; where they end too early, the client's HTTP says so, and the gateway lives."""
    pair[0].fail(faults.cut(after=1), times=1)
    with pytest.raises(openai.APIConnectionError):
        client.audio.speech.create(model="chat", voice="nova", input="a b c")
    assert CALLS["audio/speech"](client)


def test_a_form_keeps_its_file(client, running, pair):
    """Only the model's bytes change: the boundary, the other fields and the file are what the client sent."""
    client.audio.transcriptions.create(model="chat", file=SOUND, language="en", timestamp_granularities=["word"])
    seen = pair[0].requests[0]
    boundary = seen.headers["content-type"].partition("boundary=")[2].encode()
    assert SOUND[1] in seen.body
    assert b'name="model"\r\n\r\ngpt-4o-mini\r\n--' + boundary in seen.body
    assert int(seen.headers["content-length"]) == len(seen.body)


def test_a_file_that_is_too_large_is_refused_clearly(serve, pair):
    """413 with a reason, also for a client that would rather send all of it first; no provider hears of it."""
    running = serve(chain("vlm", pair) + SETTINGS + "max_body_mb = 1\n")
    with openai.OpenAI(base_url=running.url + "/v1", api_key="x", max_retries=0, timeout=20) as client:
        for _ in range(3):
            with pytest.raises(openai.APIStatusError) as told:
                client.audio.transcriptions.create(model="chat", file=("big.wav", bytes(12 << 20)))
            assert told.value.status_code == 413
            assert told.value.code == "body_too_large"
    assert not pair[0].requests


@pytest.mark.parametrize("path", ["audio/transcriptions", "images/edits", "responses", "embeddings", "messages"])
def test_a_hundred_megabytes_are_refused_by_their_length(running, pair, path):
    """C01: at every endpoint, before they are sent, in the shape of its errors."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    connection.putrequest("POST", f"/v1/{path}")
    connection.putheader("content-length", str(100 << 20))
    connection.endheaders(b"{")
    response = connection.getresponse()
    told = json.loads(response.read())
    connection.close()
    assert response.status == 413
    assert told["error"]["type"] == ("request_too_large" if path == "messages" else "invalid_request_error")
    assert not pair[0].requests


FORM = {"content_type": "multipart/form-data; boundary=x"}
PART = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n%b\r\n'


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        ("audio/transcriptions", PART % b"chat", FORM, 400, "bad_form"),
        ("audio/transcriptions", PART % b"chat" + PART % b"other" + b"--x--", FORM, 400, "bad_form"),
        ("audio/transcriptions", PART % b"chat" + b"--x--", {}, 400, "bad_form"),
        ("audio/transcriptions", PART % b"nope" + b"--x--", FORM, 404, "model_not_found"),
        ("audio/transcriptions", b"--x--", FORM, 400, "no_model"),
        ("chat/completions", PART % b"chat" + b"--x--", FORM, 400, "not_json"),
        ("audio/speech", b"not json", {}, 400, "not_json"),
        ("images/generations", b'{"model": ["chat"]}', {}, 400, "wrong_type"),
        ("responses", b'{"model": "chat", "input": 5}', {}, 400, "wrong_type"),
        ("responses", b'{"model": "chat", "input": "a", "stream": "yes"}', {}, 400, "wrong_type"),
        ("completions", b'{"model": "chat", "prompt": {}}', {}, 400, "wrong_type"),
        ("chat/completions", b'{"model": "chat", "messages": "hello"}', {}, 400, "wrong_type"),
        ("moderations", b'{"input": "a"}', {}, 400, "no_model"),
        ("moderations", b"", {}, 400, "not_json"),
        ("files", b"{}", {}, 404, "unknown_path"),
    ],
)
def test_what_cannot_be_passed_on_is_refused_here(running, pair, path, body, headers, status, code):
    """C01 for every endpoint: 4xx in OpenAI's shape, and no provider asked."""
    found, _, told = running.ask(path=f"/v1/{path}", body=body, **headers)
    assert (found, told["error"]["code"]) == (status, code)
    assert told["error"]["message"]
    assert not pair[0].requests


def test_an_embedding_chain_makes_no_pictures(serve, pair):
    """Only chains of other models are asked for something else."""
    running = serve(chain("embedding.dense", pair, model="text-embedding-3-small") + SETTINGS)
    status, _, told = running.ask(path="/v1/images/generations", body={"model": "embedding", "prompt": "a"})
    assert (status, told["error"]["code"]) == (400, "wrong_kind")
    assert json.dumps(told).count("embeddings")


def test_a_response_that_nobody_knows_any_more_is_looked_for(running, client, pair):
    """After a restart no memory says whose it is: every account is asked, none is parked, and 404 says that none has it."""
    with openai.OpenAI(api_key=KEYS[1], base_url=pair[1].base_url, max_retries=0) as direct:
        made = direct.responses.create(**ASKED)
    assert client.responses.create(**ASKED, previous_response_id=made.id).output_text == TEXT
    assert running.last(1).credential == "second"
    with pytest.raises(openai.NotFoundError) as told:
        client.responses.create(**ASKED, previous_response_id="resp_of-nobody")
    assert told.value.code == "all_credentials_failed"
    assert client.responses.create(**ASKED).output_text == TEXT
    assert running.last(3).attempts[0].credential_id in {"first", "second"}
