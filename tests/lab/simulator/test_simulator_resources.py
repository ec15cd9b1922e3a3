"""What OpenAI's wire has beside chat and embeddings, as the official SDK understands it."""

import pytest
from openai import APIConnectionError, AzureOpenAI, BadRequestError, OpenAI, RateLimitError

from sparekey.lab.simulator import TEXT, faults
from sparekey.lab.simulator.wires.openai import RESOURCES
from sparekey.lab.simulator.wires.openai_resource import picture

PHOTO = ("photo.png", picture(), "image/png")
SOUND = ("sound.wav", bytes(range(256)) * 300 + b"\r\n--not-the-end\r\n", "audio/wav")
ASKED = {"model": "gpt-4.1", "input": "Where is the key?"}


@pytest.fixture
def provider(simulator):
    return simulator.provider("first")


@pytest.fixture
def client(provider):
    with OpenAI(api_key="sk-sim-1234", base_url=provider.base_url, max_retries=0, timeout=10) as made:
        yield made


CALLS = {
    "responses": lambda c: c.responses.create(**ASKED).output_text == TEXT,
    "responses/input_tokens": lambda c: c.responses.input_tokens.count(**ASKED).input_tokens == 4,
    "completions": lambda c: c.completions.create(model="davinci-002", prompt="Where?").choices[0].text == TEXT,
    "moderations": lambda c: [r.flagged for r in c.moderations.create(input=["a kiss", "violence"]).results] == [False, True],
    "images/generations": lambda c: len(c.images.generate(model="gpt-image-1", prompt="a key", n=2).data) == 2,
    "images/edits": lambda c: bool(c.images.edit(model="gpt-image-1", image=PHOTO, prompt="a lock").data[0].b64_json),
    "images/variations": lambda c: c.images.create_variation(image=PHOTO, response_format="url").data[0].url.startswith("https://"),
    "audio/speech": lambda c: c.audio.speech.create(model="tts-1", voice="nova", input="a b").content == bytes(range(256)) * 2,
    "audio/transcriptions": lambda c: c.audio.transcriptions.create(model="whisper-1", file=SOUND).text == TEXT,
    "audio/translations": lambda c: c.audio.translations.create(model="whisper-1", file=SOUND).text == TEXT,
}


def test_each_has_a_call_here():
    """Whoever adds a resource shows that an SDK understands it."""
    assert CALLS.keys() == RESOURCES.keys()


@pytest.mark.parametrize("path", CALLS)
def test_the_sdk_understands_it_well_and_refused(client, provider, path):
    """A healthy answer is read; a scripted fault meets every resource alike."""
    assert CALLS[path](client)
    assert provider.requests[-1].path == f"/v1/{path}"
    provider.fail(faults.rate_limit(retry_after=2))
    with pytest.raises(RateLimitError) as told:
        CALLS[path](client)
    assert told.value.response.headers["retry-after"] == "2"


def test_a_form_arrives_whole(client, provider):
    """Bytes of a file that look like the end of a form are no end."""
    client.audio.transcriptions.create(model="whisper-1", file=SOUND, response_format="text")
    assert SOUND[1] in provider.requests[-1].body


def test_a_streamed_response_has_the_official_events(client, simulator):
    """Every event is of a known type, numbered in order, and the deltas make up the text."""
    thinking = simulator.provider("thinking", reasoning="Under a stone, perhaps.")
    with OpenAI(api_key="any", base_url=thinking.base_url, max_retries=0) as other:
        for one in (client, other):
            events = list(one.responses.create(**ASKED, stream=True))
            assert [event.sequence_number for event in events] == list(range(len(events)))
            assert [event.type for event in events][:2] == ["response.created", "response.in_progress"]
            assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == TEXT
            assert events[-1].response.output_text == TEXT
            assert type(events[-1]).__name__ == "ResponseCompletedEvent"
        with other.responses.stream(**ASKED) as stream:
            assert stream.get_final_response().output[0].summary[0].text == "Under a stone, perhaps."


def test_a_response_calls_the_offered_tool(client):
    """Whole and streamed."""
    tool = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
    assert client.responses.create(**ASKED, tools=[tool]).output[0].name == "look"
    events = list(client.responses.create(**ASKED, tools=[tool], stream=True))
    assert "".join(event.delta for event in events if event.type.endswith("arguments.delta")) == events[-1].response.output[0].arguments


def test_a_response_belongs_to_its_key(client, provider):
    """Another key cannot go on from it."""
    first = client.responses.create(**ASKED)
    assert client.responses.create(**ASKED, previous_response_id=first.id).previous_response_id == first.id
    with (
        OpenAI(api_key="another", base_url=provider.base_url, max_retries=0) as other,
        pytest.raises(BadRequestError, match="previous_response_not_found"),
    ):
        other.responses.create(**ASKED, previous_response_id=first.id)


def test_errors_inside_a_stream_of_a_response(client, provider):
    """What has a code for it fails the response, whole or streamed; everything else is an event `error`."""
    provider.fail(faults.error_event(faults.server_error(), after=2))
    last = list(client.responses.create(**ASKED, stream=True))[-1]
    assert (last.type, last.response.status, last.response.error.code) == ("response.failed", "failed", "server_error")
    assert client.responses.create(**ASKED).error.code == "server_error"
    provider.fail(faults.error_event(faults.quota()))
    (only,) = client.responses.create(**ASKED, stream=True)
    assert (only.type, only.code) == ("error", "insufficient_quota")


def test_the_other_streams(client, simulator):
    """Completions, pictures on their way, speech and transcripts, as events."""
    words = client.completions.create(model="m", prompt="Where?", stream=True, stream_options={"include_usage": True})
    events = list(words)
    assert "".join(event.choices[0].text for event in events if event.choices) == TEXT
    assert events[-1].usage.completion_tokens == 60
    shown = list(client.images.generate(model="gpt-image-1", prompt="a key", stream=True, partial_images=2))
    assert [event.type.rpartition(".")[2] for event in shown] == ["partial_image", "partial_image", "completed"]
    heard = list(client.audio.transcriptions.create(model="gpt-4o-transcribe", file=SOUND, stream=True))
    assert "".join(event.delta for event in heard if event.type == "transcript.text.delta") == heard[-1].text == TEXT
    with client.audio.speech.with_streaming_response.create(model="m", voice="nova", input="a b", stream_format="sse") as said:
        assert b"".join(said.iter_bytes()).count(b"speech.audio.delta") == 2


def test_speech_dies_in_its_middle(client, provider):
    """A cut leaves bytes behind, and HTTP tells that they are not all."""
    provider.fail(faults.cut(after=1))
    with pytest.raises(APIConnectionError):
        client.audio.speech.create(model="tts-1", voice="nova", input="a b c")
    provider.fail(faults.error_body())
    assert b"insufficient_quota" in client.audio.speech.create(model="tts-1", voice="nova", input="a").content


def test_no_form_and_a_form_without_its_file_are_refused(client, provider):
    """As the provider would do it."""
    with pytest.raises(BadRequestError, match="multipart/form-data"):
        client.post("/audio/transcriptions", cast_to=object, body={"model": "whisper-1"})
    asked = {"headers": {"Content-Type": "multipart/form-data"}}
    with pytest.raises(BadRequestError, match="Missing required parameter: 'file'"):
        client.post("/audio/transcriptions", cast_to=object, files={"model": (None, b"whisper-1")}, options=asked)


def test_azure_has_them_by_deployment_too(simulator):
    """The deployment in the path is the model, for forms as well."""
    azure = simulator.provider("azure", wire="azure")
    with AzureOpenAI(api_key="k", azure_endpoint=azure.base_url, api_version="2024-10-21", max_retries=0) as client:
        assert client.completions.create(model="dep", prompt="a").model == "dep"
        assert client.audio.transcriptions.create(model="dep", file=SOUND).text == TEXT
        assert client.responses.create(model="dep", input="a").output_text == TEXT
        assert "deployments/dep/audio/transcriptions" in azure.requests[1].path


@pytest.mark.parametrize("dimensions", [-3, 2.5, 10**12, "many", [1]])
def test_a_length_that_is_none_is_refused(client, dimensions):
    """As a provider does it, and not with a broken connection."""
    with pytest.raises(BadRequestError):
        client.embeddings.create(model="m", input="a", dimensions=dimensions)
