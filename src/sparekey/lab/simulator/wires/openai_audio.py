"""Audio: speech as bytes, and transcriptions and translations of a file in a form.

The text that is heard is always the voice's own text. Source:
https://platform.openai.com/docs/api-reference/audio.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.simulator.wires.base import Frame, Mark, ProviderReply, RequestedAnswer, json_reply, sse, stream_reply
from sparekey.lab.simulator.wires.openai_resource import Resource, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.wires.base import Headers

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
