"""The wires of Mistral and GLM: OpenAI's, with other errors, and streams that always count tokens.

Mistral's errors are flat objects with codes of four digits, and its embeddings have an id. GLM
knows no `stream_options`. In both, the event with the finish reason states the usage. Source:
https://docs.mistral.ai/api/ and https://docs.z.ai/api-reference/llm/chat-completion.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sparekey.lab.simulator.faults import bad_request
from sparekey.lab.simulator.wires.base import Mark, UnreadableRequestError, sse
from sparekey.lab.simulator.wires.openai import WORDINGS, OpenAIWire, finish_reason, usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.faults import Refusal
    from sparekey.lab.simulator.wires.base import Frame, RefusalWording, RequestedAnswer

_CODES: Final = {"model_not_found": "1500", "rate_limit": "1300", "overloaded": "3505"}


class _AlwaysCounted(OpenAIWire):
    """A wire whose streams state the usage in the event with the finish reason."""

    last_delta: ClassVar[dict[str, str]] = {}
    """The delta of that event."""

    def frames(self, ask: RequestedAnswer, voice: Voice) -> Iterator[Frame]:
        """Put the usage into the event with the finish reason."""
        choice = {"index": 0, "delta": self.last_delta, "finish_reason": finish_reason(ask)}
        last = sse({**self.chunk_envelope(ask), "choices": [choice], "usage": usage(ask, voice)})
        for frame in super().frames(ask, voice):
            yield replace(frame, data=last) if frame.mark is Mark.FINISH else frame


class MistralWire(_AlwaysCounted):
    """Chat and embeddings of Mistral."""

    name = "mistral"
    last_delta: ClassVar = {"content": ""}
    wordings: ClassVar[dict[str, RefusalWording]] = {kind: replace(wording, code=_CODES.get(kind)) for kind, wording in WORDINGS.items()}

    def embeddings(self, ask: RequestedAnswer, voice: Voice) -> dict[str, Any]:
        """Render vectors; their answer has an id."""
        return {"id": f"embd-sim{ask.serial}", **super().embeddings(ask, voice)}

    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Any:
        """Put an error into Mistral's flat shape."""
        del refusal, ask
        return {"object": "error", "message": wording.message, "type": wording.type, "param": wording.param, "code": wording.code}


class GLMWire(_AlwaysCounted):
    """Chat of GLM under `/api/paas/v4`."""

    name = "glm"
    root = "/api/paas/v4"

    def read_chat(self, body: Mapping[str, Any]) -> RequestedAnswer:
        """Read a chat request; a tool choice other than `auto` is refused, as GLM's reference says."""
        if "stream_options" in body or body.get("tool_choice", "auto") != "auto":
            raise UnreadableRequestError(bad_request(message="API 调用参数有误,请检查文档。"))
        return super().read_chat(body)
