"""The older completions endpoint, and moderation.

Source: https://platform.openai.com/docs/api-reference/completions and /moderations.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sparekey.lab.simulator.wires.base import Frame, Mark, ProviderReply, RequestedAnswer, json_reply, sse, stream_reply, words_of
from sparekey.lab.simulator.wires.openai_resource import CREATED, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.wires.base import Headers

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
