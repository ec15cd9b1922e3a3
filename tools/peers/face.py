"""What an adapter takes and gives."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

RETRIES = 2
TIMEOUT = 30.0
FIRST = float(os.environ.get("PEERS_FIRST_CONTENT", "0")) or None
"""Seconds until the first token, for the second table, in which systems that have such a limit get one. None: as they come."""


class Seat(NamedTuple):
    """A credential: where it leads, with which key, to which model."""

    id: str
    key: str
    model: str
    url: str


class Piece(NamedTuple):
    """A part of an answer, or a whole one."""

    text: str = ""
    model: str = ""
    tokens: int = 0


class Client(Protocol):
    """A client in one of two modes; the other mode's methods may be missing."""

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
    """Read an event of a stream in OpenAI's shape; one without a choice is usual, as the usage comes in such a one."""
    text = chunk.choices[0].delta.content if chunk.choices else ""
    return Piece(text or "", chunk.model or "", _tokens(chunk))


def whole(answer: Any) -> Piece:
    """Read an answer in OpenAI's shape as every example does: one without a choice is an error at this place."""
    return Piece(answer.choices[0].message.content or "", answer.model or "", _tokens(answer))


def _tokens(answer: Any) -> int:
    usage = getattr(answer, "usage", None)
    return (usage.completion_tokens or 0) if usage else 0
