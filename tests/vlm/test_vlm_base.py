"""What every model has without doing anything for it."""

import asyncio

import pytest

from sparekey.errors import UnsupportedMediaInputError
from sparekey.types import Secret
from sparekey.vlm import VLMBase, VLMChunk, VLMResponse


class OldVLM(VLMBase):
    """A model of a user, written for the older API: four methods that answer with plain texts."""

    def get_completion(self, prompt, thinking=False):
        return f"text {prompt}"

    async def get_completion_async(self, prompt, thinking=False):
        return f"text {prompt}"

    def get_vision_completion(self, prompt, images, thinking=False):
        return VLMResponse(f"{len(images)} images {prompt}", usage={"prompt_tokens": 1, "completion_tokens": 2})

    async def get_vision_completion_async(self, prompt, images, thinking=False):
        return self.get_vision_completion(prompt, images)


async def _streamed(vlm, **options):
    return [str(chunk) async for chunk in vlm.stream_completion_async("hi", **options)]


def test_an_older_model_streams_its_whole_answer():
    """A text or an answer becomes one chunk, with the counts it had."""
    vlm = OldVLM({})
    assert list(vlm.stream_completion("hi")) == [VLMChunk("text hi", finish_reason="stop")]
    chunk = next(vlm.stream_completion("hi", images=[b"x"]))
    assert (str(chunk), chunk.usage.total_tokens) == ("1 images hi", 3)
    assert asyncio.run(_streamed(vlm)) == ["text hi"]
    assert asyncio.run(_streamed(vlm, images=[b"x", b"y"])) == ["2 images hi"]


def test_defaults_are_those_of_the_older_api():
    """What is not configured has a value all the same; a temperature is the provider's own."""
    vlm = OldVLM({"backend": "volcengine"})
    assert (vlm.provider, vlm.max_retries, vlm.timeout, vlm.thinking, vlm.temperature) == ("volcengine", 3, 600.0, False, None)
    assert (vlm.extra_headers, vlm.extra_request_body, vlm.max_tokens, vlm.model) == (None, {}, None, None)


@pytest.mark.parametrize(
    ("config", "available"), [({}, False), ({"api_key": Secret("")}, False), ({"api_key": "k"}, True), ({"api_base": "x"}, True)]
)
def test_a_model_with_a_key_or_an_address_is_available(config, available):
    """An empty secret is no key."""
    assert OldVLM(config).is_available() is available


def test_a_configuration_shows_no_value():
    """Keys, headers and own fields stand in no `repr` of an instance, its attributes or its configuration."""
    headers, fields = {"X-Key": "sk-header"}, {"token": "sk-field"}
    given = {"api_key": "sk-key", "ak": "sk-access", "sk": "sk-secret", "extra_headers": headers, "extra_request_body": fields}
    vlm = OldVLM(given)
    assert "sk-" not in f"{vlm!r} {vlm.config} {vars(vlm)}"
    assert (vlm.config["api_key"], vlm.config["sk"]) == (Secret("sk-key"), Secret("sk-secret"))
    assert (vlm.api_key, vlm.extra_headers, vlm.extra_request_body) == ("sk-key", headers, fields)
    assert given["api_key"] == "sk-key"


@pytest.mark.parametrize("key", ["k", Secret("k"), None])
def test_a_key_is_read_as_it_was_given_or_set(key):
    """Programs that read or replace the key find what they put there."""
    vlm = OldVLM({"api_key": "another"})
    vlm.api_key = key
    assert (OldVLM({"api_key": key}).api_key, vlm.api_key) == (key, key)


def test_media_are_refused_by_default(tmp_path):
    """A model that says nothing takes no audio and no video."""
    vlm = OldVLM({})
    assert not vlm.supports_media(media_type="audio", filename="a.mp3", size_bytes=1)
    with pytest.raises(UnsupportedMediaInputError, match=r"openai.*audio.*a\.mp3"):
        asyncio.run(vlm.get_media_completion_async(prompt="", media_path=tmp_path, filename="a.mp3", media_type="audio"))


def test_usage_is_counted_and_reset():
    """Subclasses count by the older method; everybody reads one form."""
    vlm = OldVLM({})
    vlm.update_token_usage("m", "p", 10, 5, duration_seconds=1.0, prompt_cached_tokens=4, completion_reasoning_tokens=2)
    counted = vlm.get_token_usage()["usage_by_model"]["m"]["usage_by_provider"]["p"]
    assert (counted.pop("call_count"), counted.pop("last_updated")[:2]) == (1, "20")
    assert counted == {
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cached_tokens": 4, "reasoning_tokens": 2,
    }  # fmt: skip
    vlm.reset_token_usage()
    assert vlm.get_token_usage()["total_usage"]["total_tokens"] == 0


def test_models_are_context_managers():
    """`with` and `async with` close."""
    closed = []

    class Closing(OldVLM):
        def close(self):
            closed.append(1)

    async def both():
        async with Closing({}):
            pass

    with Closing({}):
        pass
    asyncio.run(both())
    assert closed == [1, 1]


def test_thoughts_are_cleaned_by_the_older_name():
    """Subclasses of the older API clean their answers themselves."""
    assert OldVLM({})._clean_response("<think>hm</think> yes ") == "yes"
