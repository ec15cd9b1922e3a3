"""A request as an SDK makes it (its format, resource, model), and the target to which a credential's requests go."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from urllib.parse import unquote

from sparekey.wire import multipart
from sparekey.wire.formats import FORMATS, MEDIA_STREAMS, OPENAI_FORMATS
from sparekey.wire.json_body import read as read_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparekey.types import Secret
    from sparekey.wire.format import WireFormat
    from sparekey.wire.json_body import Document
    from sparekey.wire.multipart import Field

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
    """What `wire.rewrite` works out once: it depends on nothing else."""


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
        lengthless: it goes out without the length of the vectors that it asks for: its host refuses the field.
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
    lengthless: bool = False

    def __repr__(self) -> str:
        """Leave out headers and body, which hold the caller's key and words."""
        return f"WireRequest({self.dialect!r}, {self.method!r}, {self.resource!r}, kind={self.kind!r}, model={self.model!r})"

    @property
    def format(self) -> WireFormat:
        """The format of its answers and errors."""
        if self.dialect != "openai":
            return FORMATS[self.dialect]
        return OPENAI_FORMATS.get(self.resource) or (MEDIA_STREAMS if self.kind == "other" else FORMATS["openai"])

    def get(self, name: str) -> Any:
        """Return a field of the body's JSON, or None."""
        return self.document.fields.get(name) if self.document else None


class Put(NamedTuple):
    """A request as it goes out to one credential's host."""

    url: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


OPENAI_KINDS: Final[dict[str, Kind]] = {
    "chat/completions": "chat",
    "completions": "chat",
    "responses": "chat",
    "responses/input_tokens": "chat",
    "embeddings": "embed",
    "embeddings/multimodal": "embed",
}
"""The resources that ask the chain's own model; what is not listed is about something else.

`embeddings/multimodal` is Ark's: https://www.volcengine.com/docs/82379/1523520
"""
ANTHROPIC_KINDS: Final[dict[str, Kind]] = {"messages": "chat", "messages/count_tokens": "chat", "complete": "chat"}
"""The resources that ask the chain's own model."""
GEMINI_KINDS: Final[dict[str, Kind]] = {
    "generateContent": "chat",
    "streamGenerateContent": "chat",
    "countTokens": "chat",
    "embedContent": "embed",
    "batchEmbedContents": "embed",
}
"""The methods that ask the chain's own model."""
_OBJECT: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*\{")
"""How a JSON object begins."""
_DEPLOYMENT: Final = re.compile(r"/openai/deployments/([^/]+)/(.+)")
_BELOW: Final = re.compile(r"(?:/[^/]+)*?/v\d[a-z0-9]*/(.*)|/openai/(.*)|/(.*)", re.DOTALL)
_GEMINI_PATH: Final = re.compile(r"(?:/[^/]+)*?/((?:upload/)?)(v\d[a-z0-9]*)/(.*)", re.DOTALL)
_GEMINI_MODEL: Final = re.compile(r"(?:models/)?([^:]+):(\w+)")


def understand(method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> WireRequest:
    """Read a request as an SDK made it.

    Args:
        method: the HTTP method, upper-case.
        target: path and query.
        headers: names and values, in any case.
        body: the whole body.
    """
    return understood(method, target, [(name.lower(), value) for name, value in headers], body)


def understood(method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> WireRequest:
    """As `understand`, for headers whose names are in lower case already."""
    raw_path, _, query = target.decode("ascii", "replace").partition("?")
    names = dict(headers)
    pairs = [pair for pair in query.split("&") if pair and not pair.startswith("api-version=")] if query else []
    document = read_object(body) if method == "POST" and _OBJECT.match(body) else None
    asked = (method, pairs, headers, body, document)
    if b"x-goog-api-key" in names or b"x-goog-api-client" in names:
        return _gemini(raw_path, *asked)
    resource, deployment = openai_resource(raw_path)
    if b"anthropic-version" in names:
        return _call("anthropic", resource, *asked, kind=ANTHROPIC_KINDS.get(resource))
    found = _call("openai", resource, *asked, kind=OPENAI_KINDS.get(resource), model=deployment)
    return _of_form(found, names) if document is None and body.startswith(b"--") else found


def _gemini(
    path: str, method: str, pairs: list[str], headers: Sequence[tuple[bytes, bytes]], body: bytes, document: Document | None
) -> WireRequest:
    resource, version = gemini_resource(path)
    model, verb = gemini_method(resource)
    rest = [pair for pair in pairs if not pair.startswith("key=")]
    call = _call("gemini", resource, method, rest, headers, body, document, kind=GEMINI_KINDS.get(verb), model=model)
    return call._replace(version=version, key_in_query=len(rest) < len(pairs), stream=verb == "streamGenerateContent")


def _call(
    dialect: str,
    resource: str,
    method: str,
    pairs: list[str],
    headers: Sequence[tuple[bytes, bytes]],
    body: bytes,
    document: Document | None,
    *,
    kind: Kind | None,
    model: str = "",
) -> WireRequest:
    fields = document.fields if document else {}
    return WireRequest(
        dialect,
        method,
        resource,
        query="&".join(pairs),
        headers=headers,
        body=body,
        document=document,
        kind=(kind or "other") if method == "POST" else "other",
        model=model or str(fields.get("model") or ""),
        stream=fields.get("stream") is True,
    )


def _of_form(call: WireRequest, names: dict[bytes, bytes]) -> WireRequest:
    """Return a call with what a form says (audio, images); one that cannot be read goes on as it is."""
    try:
        form = multipart.read(names.get(b"content-type", b""), call.body)
    except multipart.UnreadableFormError as exc:
        return call._replace(form_fault=str(exc))
    model, stream = form.get("model"), form.get("stream")
    return call._replace(form=form, model=call.model or (model.value if model else ""), stream=bool(stream and stream.value == "true"))


@lru_cache(256)
def openai_resource(path: str) -> tuple[str, str]:
    """Return (resource, deployment or "") of a path that the SDK of OpenAI or of Azure made, whatever its base URL was."""
    if found := _DEPLOYMENT.fullmatch(path):
        return found[2], unquote(found[1])
    below = _BELOW.fullmatch(path)
    return (next(part for part in below.groups() if part is not None) if below else path.lstrip("/")), ""


def gemini_resource(path: str) -> tuple[str, str]:
    """Return (resource, version) of a path; uploads keep their `upload/` in front of the resource."""
    found = _GEMINI_PATH.fullmatch(path)
    return (found[1] + found[3], found[2]) if found else (path.lstrip("/"), "")


def gemini_method(resource: str) -> tuple[str, str]:
    """Return (model, method) that a resource names, or ("", "")."""
    found = _GEMINI_MODEL.fullmatch(resource)
    return (unquote(found[1]), found[2]) if found else ("", "")
