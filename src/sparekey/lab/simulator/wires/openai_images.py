"""Images: made from words, or from a file in a form. Every picture is the same plain square.

Source: https://platform.openai.com/docs/api-reference/images and /images-streaming.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING, Any, ClassVar

from sparekey.lab.simulator.wires.base import Frame, Mark, ProviderReply, RequestedAnswer, json_reply, sse, stream_reply
from sparekey.lab.simulator.wires.openai_resource import CREATED, Resource, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.wires.base import Headers

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
        return json_reply({"created": CREATED, "data": data, "usage": _usage(ask, number)}, headers=headers)

    def _image(self, ask: RequestedAnswer, index: int) -> dict[str, Any]:
        if ask.body.get("response_format") == "url":
            return {"url": f"https://images.invalid/sim{ask.serial}/{index}.png", "revised_prompt": ask.words}
        return {"b64_json": base64.b64encode(picture()).decode()}

    def _frames(self, ask: RequestedAnswer) -> Iterator[Frame]:
        for index in range(_count(ask, "partial_images", 0, 3)):
            yield Frame(Mark.TOKEN, self._event("partial_image", partial_image_index=index))
        yield Frame(Mark.FINISH, self._event("completed", usage=_usage(ask, 1)))

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


def _usage(ask: RequestedAnswer, number: int) -> dict[str, Any]:
    details = {"text_tokens": ask.prompt_tokens, "image_tokens": 0}
    return {**tokens(ask.prompt_tokens, _TOKENS * number), "input_tokens_details": details}
