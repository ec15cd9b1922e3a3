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


def piece(answer: Any) -> Piece:
    """Read a chunk or a completion in OpenAI's shape."""
    choice = answer.choices[0] if answer.choices else None
    content = getattr(choice, "delta", None) or getattr(choice, "message", None)
    usage = getattr(answer, "usage", None)
    return Piece(getattr(content, "content", None) or "", answer.model or "", (usage.completion_tokens or 0) if usage else 0)
