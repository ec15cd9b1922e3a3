"""The interface of an adapter: the credentials it takes, and the answers it gives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

RETRIES = 2
TIMEOUT = 30.0
FIRST = float(os.environ.get("PEERS_FIRST_CONTENT", "0")) or None
"""The limit for the first token in seconds; None: the system's default.

The second table gives it to the systems that have such a limit.
"""


class Seat(NamedTuple):
    """A credential: its id, key and model, and the base URL of its provider."""

    id: str
    key: str
    model: str
    url: str


class Piece(NamedTuple):
    """A part of an answer, or a whole answer."""

    text: str = ""
    model: str = ""
    tokens: int = 0


class Client(Protocol):
    """A client, blocking (`sync`) or asynchronous (`async`).

    The other mode's methods may be missing.
    """

    def __init__(self, seats: Sequence[Seat], mode: str) -> None: ...
    def stream(self, prompt: str) -> Iterator[Piece]: ...
    def ask(self, prompt: str) -> Piece: ...
    def astream(self, prompt: str) -> AsyncIterator[Piece]: ...
    async def aask(self, prompt: str) -> Piece: ...
    def close(self) -> None: ...
    async def aclose(self) -> None: ...


def question(prompt: str) -> list[Any]:
    """Return a conversation of one message."""
    return [{"role": "user", "content": prompt}]


def piece(chunk: Any) -> Piece:
    """Return the piece in an event of OpenAI's format; an event without choices holds the usage."""
    text = chunk.choices[0].delta.content if chunk.choices else ""
    return Piece(text or "", chunk.model or "", _tokens(chunk))


def whole(answer: Any) -> Piece:
    """Return an answer of OpenAI's format, read as in every example; one without choices raises."""
    return Piece(answer.choices[0].message.content or "", answer.model or "", _tokens(answer))


def _tokens(answer: Any) -> int:
    usage = getattr(answer, "usage", None)
    return (usage.completion_tokens or 0) if usage else 0
