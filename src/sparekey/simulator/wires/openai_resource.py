"""What OpenAI's wire has beside chat and embeddings, each as one class: it reads a request and renders its answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from sparekey.simulator.wires.base import sse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.simulator.answers import Voice
    from sparekey.simulator.wires.base import Ask, Headers, Reply, Wording

CREATED = 1_767_225_600
"""When all that the simulator gives was made, in seconds since 1970."""


class Resource(ABC):
    """One path below `/v1`. Its asks have the path as their `kind`."""

    path: ClassVar[str]
    needed: ClassVar[tuple[str, ...]] = ()
    """Fields without which a request is refused."""
    form: ClassVar[bool] = False
    """Whether requests are forms with files."""

    @abstractmethod
    def read(self, body: Mapping[str, Any], key: str) -> Ask:
        """Read a request that came with a key. Raises `UnreadableRequestError`."""

    @abstractmethod
    def answer(self, ask: Ask, voice: Voice, headers: Headers) -> Reply:
        """Render the healthy answer."""

    def error_event(self, wording: Wording, error: Any, ask: Ask) -> bytes:
        """Render an error as an event; `error` is the JSON of an error response."""
        del wording, ask
        return sse(error)

    def error_body(self, wording: Wording, error: Any, ask: Ask) -> Any:
        """Return the JSON of an error inside a success."""
        del wording, ask
        return error

    def chunk(self, ask: Ask) -> bytes | None:
        """Return an event without content; None where this stream has none."""
        del ask
        return None


def tokens(given: int, written: int = 0) -> dict[str, Any]:
    """Count tokens as the newer endpoints do."""
    return {"input_tokens": given, "output_tokens": written, "total_tokens": given + written}
