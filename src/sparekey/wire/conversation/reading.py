"""A request is read into a conversation, in whichever format it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.wire.conversation import chat_completions, generate_content, messages, responses

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.wire.conversation.values import Conversation
    from sparekey.wire.request import WireRequest

READERS: Final[dict[str, Callable[[dict[str, Any]], Conversation]]] = {
    "openai": chat_completions.read_request,
    "anthropic": messages.read_request,
    "gemini": generate_content.read_request,
}
"""What reads the JSON of a dialect's chats; the Responses API, OpenAI's second format, has a reader of its own."""


def read(call: WireRequest) -> Conversation:
    """Read a request of any chat format.

    Args:
        call: the request; one without JSON is an empty conversation.

    Returns:
        All that it says. What a format has and a conversation has not is in the `extra` of what it belongs to. Nothing is raised,
        whatever the fields hold.
    """
    fields = call.document.fields if call.document else {}
    if call.dialect == "openai" and call.resource == "responses":
        return responses.read_request(fields)
    return READERS[call.dialect](fields)
