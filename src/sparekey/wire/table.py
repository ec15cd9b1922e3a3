"""The wires by name, and the reading of requests: which dialect is it, what is it about?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sparekey.wire import anthropic, azure, edit, forms, gemini, openai
from sparekey.wire.model import WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from sparekey.wire.model import Kind, Put, Signs, Target

PUTS: Final[dict[str, Callable[[WireRequest, Target], Put]]] = {
    "openai": openai.put,
    "azure": azure.put,
    "anthropic": anthropic.put,
    "gemini": gemini.put,
}
"""How a request is put to a host that speaks a wire."""
DIALECTS: Final = {"openai": "openai", "azure": "openai", "anthropic": "anthropic", "gemini": "gemini"}
"""The dialect in which a wire's requests and answers are written: only its own wires can serve it."""
_OBJECT: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*\{")
"""How a JSON object begins."""
EVENTS: Final[dict[str, Callable[[str, Any], Signs]]] = {
    "openai": openai.read_event,
    "anthropic": anthropic.read_event,
    "gemini": gemini.read_event,
}
"""How an event of a stream is read."""
REOPENING: Final = frozenset({"gemini"})
"""Dialects in which an answer may go on behind a finish reason: Gemini sends one behind each round of a tool of its own."""


def rewrite(call: WireRequest, target: Target) -> Put:
    """Put a request to a credential's host: address, key, model and API version are the credential's, nothing else changes.

    Raises:
        UnsafePathError: the path would leave the base path.
    """
    return PUTS[target.wire](call, target)


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
    document = edit.read(body) if method == "POST" and _OBJECT.match(body) else None
    asked = (method, pairs, headers, body, document)
    if b"x-goog-api-key" in names or b"x-goog-api-client" in names:
        return _gemini(raw_path, *asked)
    resource, deployment = openai.resource_of(raw_path)
    if b"anthropic-version" in names:
        return _call("anthropic", resource, *asked, kind=anthropic.KINDS.get(resource))
    found = _call("openai", resource, *asked, kind=openai.KINDS.get(resource), model=deployment)
    return _of_form(found, names) if document is None and body.startswith(b"--") else found


def _gemini(
    path: str, method: str, pairs: list[str], headers: Sequence[tuple[bytes, bytes]], body: bytes, document: edit.Document | None
) -> WireRequest:
    resource, version = gemini.resource_of(path)
    model, verb = gemini.method_of(resource)
    rest = [pair for pair in pairs if not pair.startswith("key=")]
    call = _call("gemini", resource, method, rest, headers, body, document, kind=gemini.KINDS.get(verb), model=model)
    return call._replace(version=version, key_in_query=len(rest) < len(pairs), stream=verb == "streamGenerateContent")


def _call(
    dialect: str,
    resource: str,
    method: str,
    pairs: list[str],
    headers: Sequence[tuple[bytes, bytes]],
    body: bytes,
    document: edit.Document | None,
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
        form = forms.read(names.get(b"content-type", b""), call.body)
    except forms.UnreadableFormError as exc:
        return call._replace(form_fault=str(exc))
    model, stream = form.get("model"), form.get("stream")
    return call._replace(form=form, model=call.model or (model.value if model else ""), stream=bool(stream and stream.value == "true"))
