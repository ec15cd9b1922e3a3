"""OpenAI's further endpoints: audio, images, the older completions, moderation; and forms with files."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from abc import ABC, abstractmethod
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from sparekey.lab.simulator.faults import bad_request
from sparekey.lab.simulator.wires.base import (
    Frame,
    Mark,
    ProviderReply,
    RequestedAnswer,
    UnreadableRequestError,
    json_reply,
    sse,
    stream_reply,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import Message

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.traffic import ReceivedRequest
    from sparekey.lab.simulator.wires.base import Headers, RefusalWording

CREATED = 1_767_225_600
"""The creation time of everything that the simulator returns, in seconds since 1970."""


class Resource(ABC):
    """One path below `/v1`. The `kind` of its requests is the path."""

    path: ClassVar[str]
    needed: ClassVar[tuple[str, ...]] = ()
    """Fields without which a request is refused."""
    form: ClassVar[bool] = False
    """Whether requests are forms with files."""

    @abstractmethod
    def read(self, body: Mapping[str, Any], key: str) -> RequestedAnswer:
        """Read a request that came with a key.

        Raises:
            UnreadableRequestError: the provider would refuse the request.
        """

    @abstractmethod
    def answer(self, ask: RequestedAnswer, voice: Voice, headers: Headers) -> ProviderReply:
        """Render the healthy answer."""

    def error_event(self, wording: RefusalWording, error: Any, ask: RequestedAnswer) -> bytes:
        """Render an error as an event; `error` is the JSON of an error response."""
        del wording, ask
        return sse(error)

    def error_body(self, wording: RefusalWording, error: Any, ask: RequestedAnswer) -> Any:
        """Return the JSON of an error inside a success."""
        del wording, ask
        return error

    def chunk(self, ask: RequestedAnswer) -> bytes | None:
        """Return an event without content; None if this stream has none."""
        del ask
        return None


def tokens(given: int, written: int = 0) -> dict[str, Any]:
    """Count tokens as the newer endpoints do."""
    return {"input_tokens": given, "output_tokens": written, "total_tokens": given + written}


class Upload(NamedTuple):
    """A file of a form."""

    name: str
    content_type: str
    data: bytes


def form_body(seen: ReceivedRequest, *needed: str) -> Mapping[str, str | Upload]:
    """Return the fields of a form; of several with one name the last.

    Args:
        seen: the request.
        *needed: the names of fields that must be there.

    Raises:
        UnreadableRequestError: the body is no form, or a field is missing.
    """
    kind = seen.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise UnreadableRequestError(bad_request(message=f"Unsupported content type: '{kind}'. Please use 'multipart/form-data'."))
    parsed = BytesParser(policy=HTTP).parsebytes(f"content-type: {kind}\r\n\r\n".encode() + seen.body)
    fields = dict(_field(part) for part in parsed.iter_parts())
    for name in needed:
        if name not in fields:
            raise UnreadableRequestError(bad_request(message=f"Missing required parameter: '{name}'."))
    return fields


def _field(part: Message) -> tuple[str, str | Upload]:
    name = str(part.get_param("name", "", "content-disposition")).removesuffix("[]")
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)  # nested forms have no name, so they are not asked for
    filename = part.get_filename()
    return name, data.decode("utf-8", "replace") if filename is None else Upload(filename, part.get_content_type(), data)


_MEDIA: Final = {"mp3": "mpeg", "opus": "opus", "aac": "aac", "flac": "flac", "wav": "wav", "pcm": "pcm"}
_SOUND: Final = bytes(range(256))
"""One word of speech: every byte value, so that no program can take it for text."""
_PLAIN: Final = {
    "text": "{text}\n",
    "srt": "1\n00:00:00,000 --> 00:00:20,000\n{text}\n\n",
    "vtt": "WEBVTT\n\n00:00.000 --> 00:20.000\n{text}\n\n",
}


class SpeechResource(Resource):
    """`/v1/audio/speech`."""

    path = "audio/speech"
    needed = ("model", "input", "voice")

    def read(self, body: Mapping[str, Any], key: str) -> RequestedAnswer:
        """Read a request."""
        del key
        stream = body.get("stream_format") == "sse"
        return RequestedAnswer(self.path, str(body["model"]), words=str(body["input"]), stream=stream, body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice, headers: Headers) -> ProviderReply:
        """Return the input as speech, a word at a time: as bytes or, on request, as events."""
        del voice
        words = ask.prompt_tokens
        if ask.stream:
            return stream_reply(self._events(words), headers=headers)
        kind = f"audio/{_MEDIA.get(str(ask.body.get('response_format', 'mp3')), 'mpeg')}"
        frames = tuple(Frame(Mark.TOKEN, _SOUND) for _ in range(words))
        return ProviderReply(200, (("content-type", kind), *headers), frames=frames)

    def _events(self, words: int) -> Iterator[Frame]:
        for _ in range(words):
            yield Frame(Mark.TOKEN, sse({"type": "speech.audio.delta", "audio": base64.b64encode(_SOUND).decode()}))
        yield Frame(Mark.FINISH, sse({"type": "speech.audio.done", "usage": tokens(words, words)}))


class Transcriptions(Resource):
    """`/v1/audio/transcriptions`."""

    path = "audio/transcriptions"
    needed = ("model", "file")
    form = True

    def read(self, body: Mapping[str, Any], key: str) -> RequestedAnswer:
        """Read a request; the prompt is the only text in it."""
        del key
        stream = str(body.get("stream", "")).lower() == "true"
        return RequestedAnswer(self.path, str(body["model"]), words=str(body.get("prompt", "")), stream=stream, body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice, headers: Headers) -> ProviderReply:
        """Render the text: as JSON, as plain text, as subtitles, or a word an event."""
        if ask.stream:
            return stream_reply(self._events(ask, voice), headers=headers)
        form = str(ask.body.get("response_format", "json"))
        if form in _PLAIN:
            return ProviderReply(
                200, (("content-type", "text/plain; charset=utf-8"), *headers), _PLAIN[form].replace("{text}", voice.text).encode()
            )
        more: dict[str, Any] = {"usage": {"type": "tokens", **tokens(ask.prompt_tokens, voice.completion_tokens)}}
        if form == "verbose_json":
            more = {
                "task": "transcribe",
                "language": "english",
                "duration": 20.0,
                "segments": [],
                "usage": {"type": "duration", "seconds": 20},
            }
        return json_reply({"text": voice.text, **more}, headers=headers)

    def _events(self, ask: RequestedAnswer, voice: Voice) -> Iterator[Frame]:
        for piece in voice.pieces:
            yield Frame(Mark.TOKEN, sse({"type": "transcript.text.delta", "delta": piece}))
        used = {"type": "tokens", **tokens(ask.prompt_tokens, voice.completion_tokens)}
        yield Frame(Mark.FINISH, sse({"type": "transcript.text.done", "text": voice.text, "usage": used}))
        yield Frame(Mark.DONE, sse("[DONE]"))


class Translations(Transcriptions):
    """`/v1/audio/translations`."""

    path = "audio/translations"


_TOKENS = 272
"""The tokens that one picture costs."""


def picture(side: int = 8) -> bytes:
    """Return a PNG of `side` by `side` pixels."""
    rows = (b"\0" + b"\x7a\x5c\x2e" * side) * side
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


class Generations(Resource):
    """`/v1/images/generations`."""

    path = "images/generations"
    needed: ClassVar[tuple[str, ...]] = ("prompt",)
    event = "image_generation"

    def read(self, body: Mapping[str, Any], key: str) -> RequestedAnswer:
        """Read a request."""
        del key
        stream = str(body.get("stream", "")).lower() == "true"
        return RequestedAnswer(self.path, str(body.get("model", "dall-e-2")), words=str(body.get("prompt", "")), stream=stream, body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice, headers: Headers) -> ProviderReply:
        """Render as many pictures as were asked for: in the answer, at a URL, or as events."""
        del voice
        if ask.stream:
            return stream_reply(self._frames(ask), headers=headers)
        number = _count(ask, "n", 1, 10)
        data = [self._image(ask, index) for index in range(number)]
        return json_reply({"created": CREATED, "data": data, "usage": _picture_usage(ask, number)}, headers=headers)

    def _image(self, ask: RequestedAnswer, index: int) -> dict[str, Any]:
        if ask.body.get("response_format") == "url":
            return {"url": f"https://images.invalid/sim{ask.serial}/{index}.png", "revised_prompt": ask.words}
        return {"b64_json": base64.b64encode(picture()).decode()}

    def _frames(self, ask: RequestedAnswer) -> Iterator[Frame]:
        for index in range(_count(ask, "partial_images", 0, 3)):
            yield Frame(Mark.TOKEN, self._event("partial_image", partial_image_index=index))
        yield Frame(Mark.FINISH, self._event("completed", usage=_picture_usage(ask, 1)))

    def _event(self, end: str, **fields: Any) -> bytes:
        name = f"{self.event}.{end}"
        looks = {"size": "1024x1024", "quality": "low", "background": "opaque", "output_format": "png", "created_at": CREATED}
        return sse({"type": name, "b64_json": base64.b64encode(picture()).decode(), **looks, **fields}, name)


class Edits(Generations):
    """`/v1/images/edits`."""

    path = "images/edits"
    needed = ("image", "prompt")
    form = True
    event = "image_edit"


class Variations(Generations):
    """`/v1/images/variations`."""

    path = "images/variations"
    needed = ("image",)
    form = True


def _count(ask: RequestedAnswer, name: str, usual: int, most: int) -> int:
    number = int(ask.body.get(name) or usual)
    if not 0 <= number <= most:
        raise ValueError(f"{name} must be at most {most}")
    return number


def _picture_usage(ask: RequestedAnswer, number: int) -> dict[str, Any]:
    details = {"text_tokens": ask.prompt_tokens, "image_tokens": 0}
    return {**tokens(ask.prompt_tokens, _TOKENS * number), "input_tokens_details": details}


_CATEGORIES: Final = (
    *("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent"),
    *("self-harm", "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic"),
)
_BAD: Final = "violence"
"""The word that is flagged, in the category of the same name."""


class Completions(Resource):
    """`/v1/completions`."""

    path = "completions"
    needed = ("model", "prompt")

    def read(self, body: Mapping[str, Any], key: str) -> RequestedAnswer:
        """Read a request with one prompt, or several."""
        del key
        given = body["prompt"]
        words = given if isinstance(given, str) else " ".join(map(str, given))
        return RequestedAnswer(self.path, str(body["model"]), words=words, stream=bool(body.get("stream")), body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice, headers: Headers) -> ProviderReply:
        """Render the text at once, or a word an event."""
        if ask.stream:
            return stream_reply(self._frames(ask, voice), headers=headers)
        return json_reply({**_completion(ask, voice.text, "stop"), "usage": _usage(ask, voice)}, headers=headers)

    def _frames(self, ask: RequestedAnswer, voice: Voice) -> Iterator[Frame]:
        for piece in voice.pieces:
            yield Frame(Mark.TOKEN, sse(_completion(ask, piece)))
        yield Frame(Mark.FINISH, sse(_completion(ask, "", "stop")))
        if (ask.body.get("stream_options") or {}).get("include_usage"):
            yield Frame(Mark.USAGE, sse({**_completion(ask, ""), "choices": [], "usage": _usage(ask, voice)}))
        yield Frame(Mark.DONE, sse("[DONE]"))

    def chunk(self, ask: RequestedAnswer) -> bytes:
        """Return an event with no text in it."""
        return sse(_completion(ask, ""))


class Moderations(Resource):
    """`/v1/moderations`."""

    path = "moderations"
    needed = ("input",)

    def read(self, body: Mapping[str, Any], key: str) -> RequestedAnswer:
        """Read a text, several, or the parts of one message."""
        del key
        given = body["input"]
        several = isinstance(given, list) and all(isinstance(one, str) for one in given)
        texts = tuple(given) if several else (words_of(given) or json.dumps(given),)
        return RequestedAnswer(self.path, str(body.get("model", "omni-moderation-latest")), texts=texts, body=body)

    def answer(self, ask: RequestedAnswer, voice: Voice, headers: Headers) -> ProviderReply:
        """Render one result a text."""
        del voice
        results = [_result(_BAD in text) for text in ask.texts]
        return json_reply({"id": f"modr-sim{ask.serial}", "model": ask.model, "results": results}, headers=headers)


def _completion(ask: RequestedAnswer, text: str, finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
    return {"id": f"cmpl-sim{ask.serial}", "object": "text_completion", "created": CREATED, "model": ask.model, "choices": [choice]}


def _usage(ask: RequestedAnswer, voice: Voice) -> dict[str, Any]:
    given, written = ask.prompt_tokens, voice.completion_tokens
    return {"prompt_tokens": given, "completion_tokens": written, "total_tokens": given + written}


def _result(flagged: bool) -> dict[str, Any]:
    bad = {name: flagged and name == _BAD for name in _CATEGORIES}
    scores = {name: 0.9 if found else 0.001 for name, found in bad.items()}
    seen = {name: ["text"] for name in _CATEGORIES}
    return {"flagged": flagged, "categories": bad, "category_scores": scores, "category_applied_input_types": seen}
