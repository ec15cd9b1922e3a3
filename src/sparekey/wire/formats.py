"""Which format a request is written in, and what differs between the dialects of SDKs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.wire import chat_completions, generate_content, media_streams, messages, responses

if TYPE_CHECKING:
    from sparekey.wire.format import WireFormat

DIALECTS: Final = {"openai": "openai", "azure": "openai", "anthropic": "anthropic", "gemini": "gemini"}
"""The dialect in which a wire's requests and answers are written: only its own wires can serve it."""
FORMATS: Final[dict[str, WireFormat]] = {"openai": chat_completions, "anthropic": messages, "gemini": generate_content}
"""The format of a dialect's chats and errors, where nothing more is known of a request."""
REOPENING: Final[tuple[WireFormat, ...]] = (generate_content,)
"""Formats in which an answer may go on behind a finish reason: Gemini sends one behind each round of a tool of its own."""
_OF_OPENAI: Final[dict[str, WireFormat]] = {"chat/completions": chat_completions, "completions": chat_completions, "responses": responses}


def format_of(dialect: str, resource: str, kind: str = "chat") -> WireFormat:
    """Return the format of the answers to a request.

    Args:
        dialect: `openai`, `anthropic` or `gemini`.
        resource: the path below base path and version (`chat/completions`).
        kind: `chat`, `embed` or `other`.
    """
    if dialect != "openai":
        return FORMATS[dialect]
    return _OF_OPENAI.get(resource) or (media_streams if kind == "other" else chat_completions)
