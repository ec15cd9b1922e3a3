"""The answers of a healthy simulated provider: one fixed text, and vectors made from the text."""

from __future__ import annotations

import array
import base64
import hashlib
import math
import re
from dataclasses import dataclass
from typing import Final

TEXT: Final = (
    "A spare key lies under the third stone beside the old garden gate. Nobody thinks of it while the first one turns "
    "in the lock, and that is how it should be. On the night when the first key breaks, somebody kneels in the "
    "rain, lifts the stone, opens the door, and goes to bed as if nothing had happened."
)
"""The healthy chat answer: sixty words, so that "complete" can mean word for word."""


def pieces(text: str) -> tuple[str, ...]:
    """Split `text` into words, each with the white space before it: joined they give `text` again."""
    return tuple(re.findall(r"\s*\S+(?:\s+$)?", text))


def count_tokens(text: str) -> int:
    """Return the number of words: the simulator's idea of a token."""
    return len(text.split())


_LONGEST: Final = 65_536


def unit_vector(text: str, length: int, space: str = "") -> list[float]:
    """Return a vector of norm 1, which `text` and `space` alone decide.

    A shorter vector is the beginning of a longer one, normalised again, like that of providers with
    a `dimensions` parameter.

    Raises:
        ValueError: `length` is not positive.
    """
    if not isinstance(length, int) or not 1 <= length <= _LONGEST:
        raise ValueError(f"{length} dimensions")
    seed = hashlib.shake_256(f"{space}\0{text}".encode("utf-8", "surrogatepass"))
    numbers = array.array("h", seed.digest(2 * length))
    norm = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return [round(number / norm, 8) for number in numbers]


def base64_floats(vector: list[float]) -> str:
    """Encode `vector` as base64 of little-endian 32-bit floats, OpenAI's SDK's default format."""
    return base64.b64encode(array.array("f", vector).tobytes()).decode()


@dataclass(frozen=True, slots=True)
class Voice:
    """What one provider answers when it is well.

    Attributes:
        text: the chat answer.
        reasoning: the reasoning that precedes it; empty for none. Wires without reasoning leave it
            out.
        cached_tokens: how many prompt tokens it says were read from its cache.
        dimension: the length of its vectors when the request does not ask for another.
        space: vectors of different spaces have nothing to do with each other.
        models: the models it lists.
        force_length: the length of its vectors whatever the request asks for; None: as asked.
    """

    text: str = TEXT
    reasoning: str = ""
    cached_tokens: int = 0
    dimension: int = 1536
    space: str = ""
    models: tuple[str, ...] = ("sim-chat", "sim-embedding")
    force_length: int | None = None

    @property
    def pieces(self) -> tuple[str, ...]:
        """The answer, one word an item."""
        return pieces(self.text)

    @property
    def reasoning_pieces(self) -> tuple[str, ...]:
        """The reasoning, one word an item."""
        return pieces(self.reasoning)

    @property
    def completion_tokens(self) -> int:
        """How many tokens it says it wrote, reasoning included."""
        return count_tokens(self.text) + self.reasoning_tokens

    @property
    def reasoning_tokens(self) -> int:
        """How many of them were reasoning."""
        return count_tokens(self.reasoning)

    def vector(self, text: str, dimensions: int | None = None) -> list[float]:
        """Return the embedding of `text`, `dimensions` long if the request asked for that."""
        return unit_vector(text, self.force_length or dimensions or self.dimension, self.space)
