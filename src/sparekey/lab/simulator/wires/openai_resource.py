"""What OpenAI's wire has beside chat and embeddings, each as one class: it reads a request and renders its answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from sparekey.lab.simulator.wires.base import sse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.wires.base import Headers, ProviderReply, RefusalWording, RequestedAnswer

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
    def read(self, body: Mapping[str, Any], key: str) -> RequestedAnswer:
        """Read a request that came with a key. Raises `UnreadableRequestError`."""

    @abstractmethod
    def answer(self, ask: RequestedAnswer, voice: Voice, headers: Headers) -> ProviderReply:
        """Render the healthy answer."""

    def error_event(self, wording: RefusalWording, error: Any, ask: RequestedAnswer) -> bytes:
        """Render an error as an event; `error` is the JSON of an error response."""
        del wording, ask
        return sse(error)

    def error_body(self, wording: RefusalWording, error: Any, ask: RequestedAnswer) -> Any:
        """Return the JSON of an error inside a success."""
        del wording, ask
        return error

    def chunk(self, ask: RequestedAnswer) -> bytes | None:
        """Return an event without content; None where this stream has none."""
        del ask
        return None


def tokens(given: int, written: int = 0) -> dict[str, Any]:
    """Count tokens as the newer endpoints do."""
    return {"input_tokens": given, "output_tokens": written, "total_tokens": given + written}
