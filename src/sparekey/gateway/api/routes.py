"""Which requests the gateway takes, as tables: the path tells the format, the resource what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.gateway.api.access import FORWARDING
from sparekey.gateway.api.replies import RefusalError
from sparekey.wire.request import ANTHROPIC_KINDS, GEMINI_KINDS, OPENAI_KINDS, openai_resource, understood

if TYPE_CHECKING:
    from sparekey.gateway.upstream.messages import Raw
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
"""Those that take files, in a form."""
ANTHROPIC: Final = frozenset(ANTHROPIC_KINDS)
GEMINI: Final = frozenset(GEMINI_KINDS)

_HOP: Final = frozenset(
    {
        *(b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"expect", b"proxy-connection", b"accept-encoding"),
        *(b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"origin", b"referer"),
        *(b"x-sparekey-request-id", b"transfer-encoding", b"content-encoding", b"baggage", b"tracestate"),
    }
)
"""Headers of this connection. The rest is `wire.rewrite`'s to keep back."""
_HERE: Final = _HOP | FORWARDING | {b"x-sparekey-admin-key"}
"""Headers that end here: they are about this connection, who the client is, or the way by which it came."""
_DROPPED: Final = {
    "openai": _HERE | {b"anthropic-version", b"x-goog-api-key", b"x-goog-api-client"},
    "anthropic": _HERE,
    "gemini": _HERE,
}
"""The same by format: what belongs to another one would be read as that."""
_PLAIN: Final = (b"accept-encoding", b"identity")
"""Answers have to be read, and are short: nobody gains from packing them."""
_VERSION: Final = (b"anthropic-version", b"2023-06-01")
_GOOGLE: Final = (b"x-goog-api-client", b"sparekey")


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "messages": (list,),
    "input": (str, list),
    "prompt": (str, list),
    "stream": (bool,),
    "contents": (list, dict, str),
    "requests": (list,),
}
"""What no provider takes in another type; null and fields that are missing are the provider's to judge."""
_NAMES: Final = {list: "a list", str: "text", bool: "true or false", dict: "an object"}


class RequestedResource(NamedTuple):
    """What a path is about: the format, and the resource below its root."""

    dialect: str
    resource: str


def asked(path: str) -> RequestedResource:
    """Read a path.

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
    """Tell whether something is read at a path, and no model asked: the description, health, models as a list and one by one."""
    if path in _READ:
        return True
    root, _, name = path.partition("/models")
    return root in _ROOTS and (not name or (name.startswith("/") and name.rpartition(":")[2] not in GEMINI))


def refuse_reading(path: str) -> None:
    """Refuse another method than POST where a model is asked.

    Raises:
        RefusalError: always; there is nothing at this path, or something that is asked with POST.
    """
    asked(path)
    raise RefusalError(405, "wrong_method", "models are asked with POST", [(b"allow", b"POST")])


DESCRIPTION: Final = "/openapi.json"
_READ: Final = frozenset({DESCRIPTION, "/healthz", "/readyz"})
_ROOTS: Final = frozenset({"/v1", "/v1beta", "/v1alpha"})
_PLACES: Final = ("/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/messages", "/v1beta/models/NAME:generateContent")


def dialect_of(path: str, headers: dict[bytes, bytes]) -> str:
    """Return in which format a client expects errors and lists, whatever it asked for."""
    if path.startswith(("/v1beta/", "/v1alpha/")) or b"x-goog-api-key" in headers:
        return "gemini"
    if path.startswith("/v1/messages") or b"anthropic-version" in headers:
        return "anthropic"
    return "openai"


def read(asked_for: RequestedResource, method: str, target: bytes, headers: Raw, named: dict[bytes, bytes], body: bytes) -> WireRequest:
    """Read a request.

    Raises:
        RefusalError: it is none of this format.
    """
    dropped = _DROPPED[asked_for.dialect]
    if (listed := named.get(b"connection", b"")) not in {b"", b"keep-alive", b"close"}:
        dropped |= {name.strip().lower() for name in listed.split(b",")}
    kept = [pair for pair in headers if pair[0] not in dropped]
    kept.append(_PLAIN)
    if asked_for.dialect == "anthropic" and b"anthropic-version" not in named:
        kept.append(_VERSION)
    elif asked_for.dialect == "gemini":
        kept.append(_GOOGLE)
    if not target.isascii():
        raise RefusalError(400, "bad_path", "the path holds characters that no URL has")
    if asked_for.dialect != "gemini" and b"key=" in target:  # Gemini's is replaced where the credential's is put
        path, _, query = target.partition(b"?")
        target = path + b"?" + b"&".join(pair for pair in query.split(b"&") if not pair.startswith(b"key="))
    call = understood(method, target, kept, body)
    _readable(asked_for.resource, call)
    if not call.model:
        raise RefusalError(400, "no_model", "the field `model` is missing: it names the chain")
    return call


def _readable(resource: str, call: WireRequest) -> None:
    """Look at what a body is, before anybody could be blamed for it.

    Raises:
        RefusalError: it is neither JSON nor a form where one may be, or a field of a type that no provider takes.
    """
    if call.document is None and (resource not in FORMS or not call.body.startswith(b"--")):
        raise RefusalError(400, "not_json", "the body is not a JSON object")
    if call.form_fault:
        raise RefusalError(400, "bad_form", f"the form cannot be passed on: {call.form_fault}")
    fields = call.document.fields if call.document else {}
    if not isinstance(fields.get("model") or "", str):
        raise RefusalError(400, "wrong_type", "the field `model` must be text: it names the chain")
    for name, types in _TYPES.items():
        if (value := fields.get(name)) is not None and type(value) not in types:
            wanted = " or ".join(_NAMES[one] for one in types)
            raise RefusalError(400, "wrong_type", f"the field `{name}` must be {wanted}")
