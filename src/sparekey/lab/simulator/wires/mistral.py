"""The Mistral wire: OpenAI's, but errors are flat objects with codes of four digits, embeddings have an id, and streams always count.

Source: https://docs.mistral.ai/api/.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sparekey.lab.simulator.wires.base import Mark, sse
from sparekey.lab.simulator.wires.openai import WORDINGS, OpenAIWire, finish_reason, usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.faults import Refusal
    from sparekey.lab.simulator.wires.base import Frame, RefusalWording, RequestedAnswer

_CODES: Final = {"model_not_found": "1500", "rate_limit": "1300", "overloaded": "3505"}


class MistralWire(OpenAIWire):
    """Chat and embeddings of Mistral."""

    name = "mistral"
    wordings: ClassVar[dict[str, RefusalWording]] = {kind: replace(wording, code=_CODES.get(kind)) for kind, wording in WORDINGS.items()}

    def embeddings(self, ask: RequestedAnswer, voice: Voice) -> dict[str, Any]:
        """Render vectors; their answer has an id."""
        return {"id": f"embd-sim{ask.serial}", **super().embeddings(ask, voice)}

    def frames(self, ask: RequestedAnswer, voice: Voice) -> Iterator[Frame]:
        """Put the usage into the event with the finish reason."""
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": finish_reason(ask)}
        last = sse({**self.chunk_envelope(ask), "choices": [choice], "usage": usage(ask, voice)})
        for frame in super().frames(ask, voice):
            yield replace(frame, data=last) if frame.mark is Mark.FINISH else frame

    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Any:
        """Put an error into Mistral's flat shape."""
        del refusal, ask
        return {"object": "error", "message": wording.message, "type": wording.type, "param": wording.param, "code": wording.code}
