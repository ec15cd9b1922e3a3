"""What the wires speak in: where a request may go, what it asks for, what is sent, and what an event of a stream tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparekey.types import Secret
    from sparekey.wire.edit import Document
    from sparekey.wire.forms import Field

Kind = Literal["chat", "embed", "other"]
"""What a request is about: a conversation, embeddings, or anything else (files, images, audio, batches, lists of models)."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the requests of one credential go, and with what.

    Attributes:
        wire: the format its host speaks: `openai`, `azure`, `anthropic` or `gemini`.
        base_url: scheme, host and base path, without a slash at its end.
        api_key: the key; None: no key is sent.
        model: the model or deployment that takes the place of the caller's; None: the caller's own stays.
        kind: the kind of request whose model is replaced.
        api_version: the API version (azure, gemini); None: the wire's own default, or what the caller's SDK says.
        headers: further headers, which win over the caller's.
        body: further fields of the JSON body, where the caller leaves them out.
        stream_usage: whether its host takes `stream_options`: then streams of chats are asked for their tokens.
        fixed_length: the length of the vectors of a model that has no other, and whose host refuses a request that names it; None else.
    """

    wire: str
    base_url: str
    api_key: Secret | None = None
    model: str | None = None
    kind: Kind = "chat"
    api_version: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    stream_usage: bool = False
    fixed_length: int | None = None
    prepared: dict[tuple[str, str], Prepared] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What `wire.common` works out once: it depends on nothing else."""


class Prepared(NamedTuple):
    """What is the same for all requests to a target: origin, base path, the headers it adds and the names it lets nobody else set."""

    origin: str
    path: str
    headers: list[tuple[bytes, bytes]]
    names: frozenset[bytes]


class WireRequest(NamedTuple):
    """A request as an SDK put it, free of the host, base path and key that the SDK believes in.

    Attributes:
        dialect: the format it is written in: `openai` (also azure's SDK), `anthropic` or `gemini`.
        method: the HTTP method.
        resource: the path below base path and version, without a leading slash (`chat/completions`).
        version: the version in front of it where the dialect keeps it (`v1beta`), else "".
        query: the query as it stands in the URL, without what names keys and versions.
        key_in_query: the key came in the query.
        headers: the headers as they came, names in lower case.
        body: the body as it came.
        document: the body's JSON object, or None if it is none.
        kind: what it is about.
        model: the model it names, or "".
        stream: whether it asks for an answer in events.
        form: the fields of a form that matter here (`model`, `stream`), or None if the body is none.
        form_fault: why a body that looks like a form cannot be read as one.
    """

    dialect: str
    method: str
    resource: str
    version: str = ""
    query: str = ""
    key_in_query: bool = False
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytes = b""
    document: Document | None = None
    kind: Kind = "other"
    model: str = ""
    stream: bool = False
    form: Mapping[str, Field] | None = None
    form_fault: str = ""

    def __repr__(self) -> str:
        """Show neither headers nor body: they are the caller's."""
        return f"Call({self.dialect!r}, {self.method!r}, {self.resource!r}, kind={self.kind!r}, model={self.model!r})"

    def get(self, name: str) -> Any:
        """Return a field of the body's JSON, or None."""
        return self.document.fields.get(name) if self.document else None


class Put(NamedTuple):
    """A request as it goes out to one credential's host."""

    url: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Signs(NamedTuple):
    """What one event of a stream tells. A stream may hold several answers (`n` choices), told apart by their index.

    Attributes:
        content: it brings something that its reader shows: thoughts, or what `said` means.
        begun: the answers of which it holds a piece.
        ended: the answers whose finish reason it holds.
        error: it is an error.
        last: it says that nothing more comes.
        said: it brings what makes an answer: a tool call, a refusal, a picture, or an end that is the caller's own doing.
        text: the visible text it brings; whether that is an answer, or thoughts between tags, the texts together tell.
        fault: the word with which the provider broke its answer off, or "".
    """

    content: bool = False
    begun: tuple[int, ...] = ()
    ended: tuple[int, ...] = ()
    error: bool = False
    last: bool = False
    said: bool = False
    text: str = ""
    fault: str = ""


NOTHING: Final = Signs()
ERROR: Final = Signs(error=True)
