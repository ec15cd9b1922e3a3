"""The base of OpenAI's further endpoints, and forms with files.

Each endpoint is one class that reads a request and renders its answer. Forms
(`multipart/form-data`) are read with the standard library's mail parser.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from sparekey.lab.simulator.faults import bad_request
from sparekey.lab.simulator.wires.base import UnreadableRequestError, sse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.traffic import ReceivedRequest
    from sparekey.lab.simulator.wires.base import Headers, ProviderReply, RefusalWording, RequestedAnswer

CREATED = 1_767_225_600
"""The creation time of everything that the simulator returns, in seconds since 1970."""


class Resource(ABC):
    """One path below `/v1`. The `kind` of its requests is the path."""

    path: ClassVar[str]
    needed: ClassVar[tuple[str, ...]] = ()
    """Fields without which a request is refused."""
    form: ClassVar[bool] = False
    """Whether requests are forms with files."""

    @abstractmethod
    def read(self, body: Mapping[str, Any], key: str) -> RequestedAnswer:
        """Read a request that came with a key.

        Raises:
            UnreadableRequestError: the provider would refuse the request.
        """

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
        """Return an event without content; None if this stream has none."""
        del ask
        return None


def tokens(given: int, written: int = 0) -> dict[str, Any]:
    """Count tokens as the newer endpoints do."""
    return {"input_tokens": given, "output_tokens": written, "total_tokens": given + written}


class Upload(NamedTuple):
    """A file of a form."""

    name: str
    content_type: str
    data: bytes


def form_body(seen: ReceivedRequest, *needed: str) -> Mapping[str, str | Upload]:
    """Return the fields of a form; of several with one name the last.

    Args:
        seen: the request.
        *needed: the names of fields that must be there.

    Raises:
        UnreadableRequestError: the body is no form, or a field is missing.
    """
    kind = seen.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise UnreadableRequestError(bad_request(message=f"Unsupported content type: '{kind}'. Please use 'multipart/form-data'."))
    parsed = BytesParser(policy=HTTP).parsebytes(f"content-type: {kind}\r\n\r\n".encode() + seen.body)
    fields = dict(_field(part) for part in parsed.iter_parts())
    for name in needed:
        if name not in fields:
            raise UnreadableRequestError(bad_request(message=f"Missing required parameter: '{name}'."))
    return fields


def _field(part: Message) -> tuple[str, str | Upload]:
    name = str(part.get_param("name", "", "content-disposition")).removesuffix("[]")
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)  # nested forms have no name, so they are not asked for
    filename = part.get_filename()
    return name, data.decode("utf-8", "replace") if filename is None else Upload(filename, part.get_content_type(), data)
