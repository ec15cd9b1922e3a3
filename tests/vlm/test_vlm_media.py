"""Audio and video, where a backend takes them."""

import asyncio

import pytest
from vlm_backends import BACKENDS, KEY, config_of, provider_of

from sparekey.errors import InvalidInputError, UnsupportedMediaInputError
from sparekey.lab.simulator import TEXT, faults
from sparekey.vlm import MultiCredentialVLM, VLMFactory

BY_NAME = {b.provider: b for b in BACKENDS}
FAST = {"media": {"file_poll_interval": 0.0, "video_fps": 2.0}}


async def _ask(vlm, path, media_type):
    async with vlm:
        return await vlm.get_media_completion_async(prompt="Sum up.", media_path=path, filename=path.name, media_type=media_type)


def ask(vlm, path, media_type="audio"):
    """Ask about a file in a fresh event loop."""
    return asyncio.run(_ask(vlm, path, media_type))


@pytest.fixture
def talk(tmp_path):
    """A file that is called an MP3."""
    path = tmp_path / "talk.mp3"
    path.write_bytes(b"ID3 not really")
    return path


def ark(simulator, **more):
    """Return an Ark provider with files, and an instance for it."""
    backend = BY_NAME["volcengine"]
    provider = simulator.provider(f"ark-files-{len(simulator.providers)}", wire="ark_files", keys=(KEY,))
    return provider, VLMFactory.create(config_of(backend, provider, **FAST, **more))


@pytest.mark.parametrize("name", ["talk.mp3", "walk.mp4"])
def test_ark_gets_the_file_answers_and_forgets_it(simulator, tmp_path, name):
    """The file goes up, is asked about, and is removed; tokens are counted."""
    path = tmp_path / name
    path.write_bytes(b"media")
    provider, vlm = ark(simulator, max_tokens=99)
    assert ask(vlm, path, "video" if name.endswith("mp4") else "audio") == TEXT
    assert [(s.method, s.path.rpartition("/api/v3")[2]) for s in provider.requests] == [
        ("POST", "/files"),
        ("GET", f"/files/file-{name}"),
        ("POST", "/responses"),
        ("DELETE", f"/files/file-{name}"),
    ]
    question = provider.requests[2].json
    assert question["max_output_tokens"] == 99
    assert question["input"][0]["content"][0] == {
        "type": "input_video" if name.endswith("mp4") else "input_audio",
        "file_id": f"file-{name}",
    }
    assert vlm.get_token_usage()["total_usage"]["completion_tokens"] == 60


def test_a_file_that_ark_cannot_read_blames_the_request(simulator, tmp_path):
    """The provider's words are told, and the file does not stay behind."""
    path = tmp_path / "broken.mp3"
    path.write_bytes(b"noise")
    provider, vlm = ark(simulator)
    with pytest.raises(InvalidInputError, match="cannot be decoded"):
        ask(vlm, path)
    assert provider.requests[-1].method == "DELETE"


def test_an_answer_survives_a_file_that_cannot_be_removed(simulator, talk, caplog):
    """What stays behind at the provider is a line in the log, not an error."""
    provider, vlm = ark(simulator)
    provider.fail(faults.server_error(), after=3)
    assert ask(vlm, talk) == TEXT
    assert "stays behind" in caplog.text


def test_a_failed_question_is_raised_and_the_file_removed(simulator, talk):
    """An error of the question reaches the caller as the SDK raises it."""
    provider, vlm = ark(simulator)
    provider.script([None, None, faults.auth()])
    with pytest.raises(Exception, match="API key"):
        ask(vlm, talk)
    assert provider.requests[-1].method == "DELETE"


def test_gemini_gets_the_file_inline(simulator, talk):
    """Small files travel in the request."""
    backend = BY_NAME["gemini"]
    provider = provider_of(simulator, backend)
    assert ask(VLMFactory.create(config_of(backend, provider)), talk) == TEXT
    part = provider.requests[0].json["contents"][0]["parts"][0]["inlineData"]
    assert part["mime_type"] == "audio/mpeg"


@pytest.mark.parametrize("name", ["gemini", "volcengine"])
def test_a_backend_takes_a_path_as_text(simulator, talk, name):
    """A path need not be a `Path`."""
    backend = BY_NAME[name]
    vlm = ark(simulator)[1] if name == "volcengine" else VLMFactory.create(config_of(backend, provider_of(simulator, backend)))

    async def answer():
        async with vlm:
            return await vlm.get_media_completion_async(prompt="?", media_path=str(talk), filename=talk.name, media_type="audio")

    assert asyncio.run(answer()) == TEXT


@pytest.mark.parametrize(
    ("provider", "media_type", "filename", "size", "taken"),
    [
        ("gemini", "audio", "a.MP3", 1000, True),
        ("gemini", "video", "a.mp4", 15 * 1024 * 1024, False),
        ("gemini", "audio", "a.mp4", 1000, False),
        ("volcengine", "video", "a.mov", 400 * 1024 * 1024, True),
        ("volcengine", "audio", "a.flac", 1000, False),
        ("volcengine", "text", "a.txt", 1000, False),
        ("openai", "audio", "a.mp3", 1000, False),
    ],
)
def test_what_a_backend_takes_is_known_before(provider, media_type, filename, size, taken):
    """Kind, ending and size decide, without a request."""
    vlm = VLMFactory.create({"provider": provider, "model": "m", "api_key": "k"})
    assert vlm.supports_media(media_type=media_type, filename=filename, size_bytes=size) is taken


@pytest.mark.parametrize("provider", ["openai", "gemini", "volcengine"])
def test_what_it_does_not_take_is_refused_in_plain_words(provider, tmp_path):
    """The error names the file, and nothing is sent."""
    path = tmp_path / "notes.txt"
    path.write_text("no sound")
    vlm = VLMFactory.create({"provider": provider, "model": "m", "api_key": "k", "api_base": "http://127.0.0.1:9"})
    with pytest.raises(UnsupportedMediaInputError, match=r"notes\.txt"):
        ask(vlm, path)


def test_a_chain_routes_media_past_its_active_credential(simulator, talk):
    """OpenAI stays active for texts while Gemini hears the file."""
    made = [(BY_NAME[name], provider_of(simulator, BY_NAME[name])) for name in ("openai", "gemini")]
    vlm = MultiCredentialVLM([VLMFactory.create(config_of(*pair)) for pair in made], ["texts", "files"])
    assert ask(vlm, talk) == TEXT
    assert vlm.active_credential_id == "texts"
    assert [len(provider.requests) for _, provider in made] == [0, 1]
