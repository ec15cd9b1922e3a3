"""The requests that the gateway takes, as tables. The path gives the wire and the resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.gateway.api.access import FORWARDING
from sparekey.gateway.api.replies import RefusalError
from sparekey.wire.json_body import times_named
from sparekey.wire.large_json import Unread
from sparekey.wire.request import ANTHROPIC_KINDS, GEMINI_KINDS, OPENAI_KINDS, openai_resource, understood
from sparekey.wire.rewrite import NESTED

if TYPE_CHECKING:
    from sparekey.gateway.upstream.messages import Raw
    from sparekey.wire.json_body import Document
    from sparekey.wire.request import WireRequest

OPENAI: Final = frozenset(
    {
        *OPENAI_KINDS,
        *("images/generations", "images/edits", "images/variations"),
        *("audio/speech", "audio/transcriptions", "audio/translations"),
        "moderations",
    }
)
FORMS: Final = frozenset({"images/edits", "images/variations", "audio/transcriptions", "audio/translations"})
"""Resources whose requests are forms with files."""
ANTHROPIC: Final = frozenset(ANTHROPIC_KINDS)
GEMINI: Final = frozenset(GEMINI_KINDS)

_HOP: Final = frozenset(
    {
        *(b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"expect", b"proxy-connection", b"accept-encoding"),
        *(b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"origin", b"referer"),
        *(b"x-http-method-override", b"x-http-method", b"x-method-override"),
        *(b"x-sparekey-request-id", b"transfer-encoding", b"content-encoding", b"baggage", b"tracestate"),
    }
)
"""Headers of this connection only. `wire.rewrite` holds the others that are not passed on."""
_HERE: Final = _HOP | FORWARDING | {b"x-sparekey-admin-key"}
"""Headers that are not passed on: about this connection, the client, or the proxies between."""
_DROPPED: Final = {
    "openai": _HERE | {b"anthropic-version", b"x-goog-api-key", b"x-goog-api-client"},
    "anthropic": _HERE,
    "gemini": _HERE,
}
"""The same by wire: a header of another wire would be misread."""
_PLAIN: Final = (b"accept-encoding", b"identity")
"""The gateway reads the answers, and they are short, so it asks for no compression."""
_VERSION: Final = (b"anthropic-version", b"2023-06-01")
_JSON: Final = (b"content-type", b"application/json")
_GOOGLE: Final = (b"x-goog-api-client", b"sparekey")


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "messages": (list,),
    "input": (str, list),
    "prompt": (str, list),
    "stream": (bool,),
    "contents": (list, dict, str),
    "requests": (list,),
}
"""Field types on which all providers agree. Null and missing fields are left to the provider."""
_NAMES: Final = {list: "a list", str: "text", bool: "true or false", dict: "an object"}


class RequestedResource(NamedTuple):
    """What a path names: the wire, and the resource below its root."""

    dialect: str
    resource: str


def asked(path: str) -> RequestedResource:
    """Return the wire and the resource that a path names.

    Raises:
        RefusalError: the gateway has nothing there.
    """
    root, _, rest = path.removeprefix("/").partition("/")
    if root == "v1" and rest in ANTHROPIC and rest not in OPENAI:
        return RequestedResource("anthropic", rest)
    if root == "v1" and rest in OPENAI:
        return RequestedResource("openai", rest)
    if root in {"v1beta", "v1alpha", "v1"} and rest.startswith("models/") and rest.rpartition(":")[2] in GEMINI:
        return RequestedResource("gemini", rest)
    if root == "openai":
        resource, _ = openai_resource(path)
        if resource in OPENAI:
            return RequestedResource("openai", resource)
    if is_read(path):
        raise RefusalError(405, "wrong_method", "this is read with GET", [(b"allow", b"GET, HEAD")])
    raise RefusalError(404, "unknown_path", f"there is nothing at this path; models are asked at {', '.join(_PLACES)}")


def is_read(path: str) -> bool:
    """Return whether a path is for reading (description, health, models) and asks no model."""
    if path in _READ:
        return True
    root, _, name = path.partition("/models")
    return root in _ROOTS and (not name or (name.startswith("/") and name.rpartition(":")[2] not in GEMINI))


def refuse_reading(path: str) -> None:
    """Raise the refusal for a request that is no POST.

    Raises:
        RefusalError: always: 404 if the path does not exist, 405 if it takes POST.
    """
    asked(path)
    raise RefusalError(405, "wrong_method", "models are asked with POST", [(b"allow", b"POST")])


DESCRIPTION: Final = "/openapi.json"
_READ: Final = frozenset({DESCRIPTION, "/healthz", "/readyz"})
_ROOTS: Final = frozenset({"/v1", "/v1beta", "/v1alpha"})
_PLACES: Final = ("/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/messages", "/v1beta/models/NAME:generateContent")


def dialect_of(path: str, headers: dict[bytes, bytes]) -> str:
    """Return the wire in which a client expects errors and lists, guessed from path and headers."""
    if path.startswith(("/v1beta/", "/v1alpha/")) or b"x-goog-api-key" in headers:
        return "gemini"
    if path.startswith("/v1/messages") or b"anthropic-version" in headers:
        return "anthropic"
    return "openai"


def read(
    asked_for: RequestedResource, method: str, target: bytes, headers: Raw, named: dict[bytes, bytes], body: bytes, key: bytes = b""
) -> WireRequest:
    """Return a client's request as the transport takes it.

    Args:
        asked_for: what its path names.
        method: its HTTP method.
        target: its path and query, as sent.
        headers: its headers, as sent.
        named: the same by name in lower case.
        body: its decoded body.
        key: the client's key of this gateway; a header that holds it goes to no provider, whatever its name.

    Raises:
        RefusalError: the body does not fit the resource.
    """
    dropped = _DROPPED[asked_for.dialect]
    if (listed := named.get(b"connection", b"")) not in {b"", b"keep-alive", b"close"}:
        dropped |= {name.strip().lower() for name in listed.split(b",")}
    kept = [pair for pair in headers if pair[0] not in dropped and not (key and key in pair[1])]
    kept.append(_PLAIN)
    if asked_for.dialect == "anthropic" and b"anthropic-version" not in named:
        kept.append(_VERSION)
    elif asked_for.dialect == "gemini":
        kept.append(_GOOGLE)
    if not target.isascii():
        raise RefusalError(400, "bad_path", "the path holds characters that no URL has")
    if asked_for.dialect != "gemini" and b"key=" in target:  # Gemini's is replaced later
        path, _, query = target.partition(b"?")
        target = path + b"?" + b"&".join(pair for pair in query.split(b"&") if not pair.startswith(b"key="))
    if named.get(b"content-type") != _JSON[1] and not body.startswith(b"--"):  # one reader takes it for JSON, another for a form
        kept = [pair for pair in kept if pair[0] != b"content-type"]
        kept.append(_JSON)
    elif sum(name == b"content-type" for name, _ in kept) > 1:
        raise RefusalError(400, "bad_header", "the header content-type stands there twice")
    call = understood(method, target, kept, body)
    _readable(asked_for.resource, call)
    if not call.model:
        raise RefusalError(400, "no_model", "the field `model` is missing: it names the chain")
    return call


def _is_ambiguous(call: WireRequest, document: Document) -> bool:
    """Tell whether a provider may read another model than the gateway: a field for it twice, or only in another spelling.

    Raises:
        RefusalError: that takes too long to find out.
    """
    try:
        times = times_named(document, "model")
    except ValueError:
        raise RefusalError(413, "too_many_values", "the name `model` stands in the body in too many places") from None
    if times > 1 or (times and "model" not in document.fields):
        return True
    within = [document.fields.get(name) for name in NESTED] if call.dialect == "gemini" else []
    requests = [one for value in within for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
    return any(name != "model" and name.lower() == "model" for one in requests for name in one)


def _type_of(value: Any) -> type:
    return value.kind if isinstance(value, Unread) else type(value)


def _readable(resource: str, call: WireRequest) -> None:
    """Check a body before it is sent, so that no credential is blamed for it.

    Raises:
        RefusalError: it is neither JSON nor (where allowed) a form, or a field has a wrong type.
    """
    if call.document is None and (resource not in FORMS or not call.body.startswith(b"--")):
        raise RefusalError(400, "not_json", "the body is not a JSON object")
    if call.form_fault:
        raise RefusalError(400, "bad_form", f"the form cannot be passed on: {call.form_fault}")
    fields = call.document.fields if call.document else {}
    if call.document and _is_ambiguous(call, call.document):
        text = "the body has more than one field that a provider may read as `model`, or one in another spelling"
        raise RefusalError(400, "ambiguous_model", text)
    if call.document and call.document.partial and not fields.keys().isdisjoint(NESTED):
        raise RefusalError(413, "too_many_values", "the batch has too many values: send it in several requests")
    if not isinstance(fields.get("model") or "", str):
        raise RefusalError(400, "wrong_type", "the field `model` must be text: it names the chain")
    for name, types in _TYPES.items():
        if (value := fields.get(name)) is not None and _type_of(value) not in types:
            wanted = " or ".join(_NAMES[one] for one in types)
            raise RefusalError(400, "wrong_type", f"the field `{name}` must be {wanted}")
