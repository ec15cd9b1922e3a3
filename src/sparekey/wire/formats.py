"""The formats by name; `WireRequest.format` returns the one that a request is written in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.wire import chat_completions, generate_content, media_streams, messages, responses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sparekey.core.splice import Piece
    from sparekey.wire.format import WireFormat

DIALECTS: Final = {"openai": "openai", "azure": "openai", "anthropic": "anthropic", "gemini": "gemini"}
"""The dialect in which a wire's requests and answers are written: only its own wires can serve it."""
FORMATS: Final[dict[str, WireFormat]] = {"openai": chat_completions, "anthropic": messages, "gemini": generate_content}
"""The format of a dialect's chats and errors, where nothing more is known of a request."""
FOLLOWING: Final[dict[WireFormat, Callable[[Sequence[Piece]], Callable[[Any], list[Any]] | None]]] = {
    messages: messages.following,
    responses: responses.following,
}
"""How an answer follows thoughts in the formats that number the parts of an answer: what was shown -> a function for each event."""
REOPENING: Final[tuple[WireFormat, ...]] = (generate_content,)
"""Formats in which an answer may go on behind a finish reason: Gemini sends one behind each round of a tool of its own."""
OPENAI_FORMATS: Final[dict[str, WireFormat]] = {
    "chat/completions": chat_completions,
    "completions": chat_completions,
    "responses": responses,
}
"""The formats of the resources of OpenAI's dialect that are chats."""
MEDIA_STREAMS: Final[WireFormat] = media_streams
"""The format of what else the dialect streams."""
