"""The GLM wire: OpenAI's, but the last event of a stream counts the tokens by itself, and `stream_options` is not known.

Source: https://docs.z.ai/api-reference/llm/chat-completion.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sparekey.lab.simulator.faults import bad_request
from sparekey.lab.simulator.wires.base import Mark, UnreadableRequestError, sse
from sparekey.lab.simulator.wires.openai import OpenAIWire, finish_reason, usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.wires.base import Frame, RequestedAnswer


class GLMWire(OpenAIWire):
    """Chat of GLM under `/api/paas/v4`."""

    name = "glm"
    root = "/api/paas/v4"

    def read_chat(self, body: Mapping[str, Any]) -> RequestedAnswer:
        """Read a chat request; a tool choice other than `auto` is refused, as GLM's reference says."""
        if "stream_options" in body or body.get("tool_choice", "auto") != "auto":
            raise UnreadableRequestError(bad_request(message="API 调用参数有误,请检查文档。"))
        return super().read_chat(body)

    def frames(self, ask: RequestedAnswer, voice: Voice) -> Iterator[Frame]:
        """Put the usage into the event with the finish reason."""
        choice = {"index": 0, "delta": {}, "finish_reason": finish_reason(ask)}
        last = sse({**self.chunk_envelope(ask), "choices": [choice], "usage": usage(ask, voice)})
        for frame in super().frames(ask, voice):
            yield replace(frame, data=last) if frame.mark is Mark.FINISH else frame
