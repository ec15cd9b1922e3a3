"""The Ark wire with its Files and Responses APIs, for models that look at audio and video.

A file whose name holds `broken` cannot be processed; every other one is ready when it is asked for.
Source: https://www.volcengine.com/docs/82379/1885708 and the official Ark SDK.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.simulator.wires.ark import ArkWire
from sparekey.lab.simulator.wires.base import RequestedAnswer, json_reply, object_body, words_of

if TYPE_CHECKING:
    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.seen import ReceivedRequest
    from sparekey.lab.simulator.wires.base import ProviderReply

_CREATED: Final = 1_767_225_600
_NAME: Final = re.compile(rb'filename="([^"]*)"')


class ArkFilesWire(ArkWire):
    """Ark with `/files` and `/responses`. Stateless: a file's id is its name."""

    name = "ark_files"

    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read an upload, a look at a file, its removal, or a question."""
        if seen.path.endswith("/responses"):
            body = object_body(seen, "input", "model")
            return RequestedAnswer("responses", str(body["model"]), words=words_of(body["input"]), body=body)
        if "/files" not in seen.path:
            return super().read(seen)
        if seen.method == "POST":
            found = _NAME.search(seen.body)
            return RequestedAnswer("upload", words=found[1].decode() if found else "file")
        return RequestedAnswer(
            "remove" if seen.method == "DELETE" else "file", words=seen.path.rpartition("/files/")[2].removeprefix("file-")
        )

    def answer(self, ask: RequestedAnswer, voice: Voice) -> ProviderReply:
        """Render a file, its removal, or an answer."""
        match ask.kind:
            case "upload":
                return json_reply(file_object(ask.words, "processing"))
            case "file":
                return json_reply(file_object(ask.words, "failed" if "broken" in ask.words else "active"))
            case "remove":
                return json_reply({"id": f"file-{ask.words}", "object": "file", "deleted": True})
            case "responses":
                return json_reply(response(ask, voice))
            case _:
                return super().answer(ask, voice)


def file_object(name: str, status: str) -> dict[str, Any]:
    """Render a file."""
    error = {"code": "InvalidFile", "message": "The file cannot be decoded."} if status == "failed" else None
    times = {"created_at": _CREATED, "expire_at": _CREATED + 604_800}
    return {
        "id": f"file-{name}",
        "object": "file",
        "filename": name,
        "bytes": 1,
        "purpose": "user_data",
        "status": status,
        "error": error,
        **times,
    }


def response(ask: RequestedAnswer, voice: Voice) -> dict[str, Any]:
    """Render an answer of the Responses API."""
    part = {"type": "output_text", "text": voice.text, "annotations": []}
    message = {"type": "message", "id": f"msg_sim{ask.serial}", "role": "assistant", "status": "completed", "content": [part]}
    usage = {
        "input_tokens": ask.prompt_tokens,
        "output_tokens": voice.completion_tokens,
        "total_tokens": ask.prompt_tokens + voice.completion_tokens,
        "input_tokens_details": {"cached_tokens": voice.cached_tokens},
        "output_tokens_details": {"reasoning_tokens": voice.reasoning_tokens},
    }
    head = {"id": f"resp_sim{ask.serial}", "object": "response", "created_at": _CREATED, "model": ask.model, "status": "completed"}
    return {**head, "output": [message] if voice.text else [], "usage": usage}
