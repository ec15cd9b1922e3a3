"""Rewrite a request for a credential's host: address, key, model and API version are the credential's, nothing else changes.

A host speaks one of four wires: OpenAI's (a bearer token), Azure's (deployments in the path, `api-key`; a base URL that
ends in `/openai/v1` speaks the unified API), Anthropic's (`x-api-key`) or Gemini's (version and model in the path).
https://learn.microsoft.com/azure/ai-services/openai/reference, https://ai.google.dev/api
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote, urlsplit

from sparekey.wire import json_body, multipart
from sparekey.wire.embeddings import LENGTH_FIELDS
from sparekey.wire.request import Prepared, Put, gemini_method

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.wire.request import Target, WireRequest

_OWN: Final = frozenset(
    {
        # keys, whatever wire they belong to
        *(b"authorization", b"api-key", b"x-api-key", b"x-goog-api-key", b"cookie", b"proxy-authorization"),
        # whose account is charged: it belongs to the key
        *(b"openai-organization", b"openai-project", b"x-goog-user-project"),
        # they are made anew
        *(b"host", b"content-length", b"transfer-encoding"),
    }
)
"""Headers that never pass from the caller to a provider."""
_ALTERNATIVES: Final = frozenset({"authorization", "api-key", "x-api-key", "x-goog-api-key"})
_VERSION: Final = re.compile(r"/v\d[a-z0-9]*$")
_SUSPECT: Final = re.compile(r"[.%\\]")


COUNTED: Final = frozenset({"chat/completions", "completions"})
"""Resources whose streams tell tokens only where `stream_options.include_usage` asks for them."""
API_VERSION: Final = "2024-10-21"
"""The newest version that is not a preview: https://learn.microsoft.com/azure/ai-services/openai/api-version-lifecycle."""
_AZURE_AUTH: Final = ("api-key", "")
_OF_A_DEPLOYMENT: Final = frozenset(
    {
        *("completions", "chat/completions", "embeddings"),
        *("audio/transcriptions", "audio/translations", "audio/speech"),
        *("images/generations", "images/edits"),
    }
)
"""Everything else stands beside the deployments."""
NESTED: Final = ("requests", "generateContentRequest", "generate_content_request")
"""Fields of Gemini's requests that hold further requests, each with a model of its own."""


class UnsafePathError(ValueError):
    """A path that would leave the base path of the credential's host."""


def rewrite(call: WireRequest, target: Target) -> Put:
    """Rewrite a request for a credential's host: address, key, model and API version are the credential's, nothing else changes.

    Raises:
        UnsafePathError: the path would leave the base path.
    """
    return HOSTS[target.wire](call, target)


def _openai(call: WireRequest, target: Target) -> Put:
    """Rewrite a request for a host with one base URL; the key is a bearer token."""
    path = f"{base_path(target)}/{safe(call.resource)}"
    return _put(call, target, path, call.query, ("authorization", "Bearer "), _naming(call, target))


def _azure(call: WireRequest, target: Target) -> Put:
    """Rewrite a request for an Azure resource."""
    base, resource = base_path(target), safe(call.resource)
    if base.endswith("/openai/v1"):
        query = _with_version(call.query, target.api_version) if target.api_version else call.query
        return _put(call, target, f"{base}/{resource}", query, _AZURE_AUTH, _naming(call, target))
    base, query = base.removesuffix("/openai"), _with_version(call.query, target.api_version or API_VERSION)
    deployment = model_of(call, target)
    if resource in _OF_A_DEPLOYMENT and deployment:
        body = with_model(call, target)
        return _put(call, target, f"{base}/openai/deployments/{quote(deployment, safe='')}/{resource}", query, _AZURE_AUTH, body)
    return _put(call, target, f"{base}/openai/{resource}", query, _AZURE_AUTH)


def _with_version(query: str, version: str) -> str:
    return f"{query}{'&' if query else ''}api-version={quote(version, safe='')}"


def _anthropic(call: WireRequest, target: Target) -> Put:
    """Rewrite a request for Anthropic, or for a host that speaks its format."""
    base, version = without_version(base_path(target))
    path = f"{base}/{version or 'v1'}/{safe(call.resource)}"
    return _put(call, target, path, call.query, ("x-api-key", ""))


def _gemini(call: WireRequest, target: Target) -> Put:
    """Rewrite a request for the Gemini API; the key replaces the caller's, in the header or in the query."""
    base, version = without_version(base_path(target))
    version = target.api_version or version or call.version or "v1beta"
    resource, query = safe(call.resource), call.query
    upload = "upload/" if resource.startswith("upload/") else ""
    body = None
    if target.model and call.kind == target.kind:
        resource = f"{quote(_named(target.model), safe='/')}:{gemini_method(resource)[1]}"
        body = _gemini_body(call, target)
    if call.key_in_query and target.api_key:
        query = f"{query}{'&' if query else ''}key={quote(target.api_key.reveal(), safe='')}"
    return _put(call, target, f"{base}/{upload}{version}/{resource.removeprefix(upload)}", query, ("x-goog-api-key", ""), body)


def _put(call: WireRequest, target: Target, path: str, query: str, auth: tuple[str, str], body: bytes | None = None) -> Put:
    """Put a request together: `path` (from the root of the host), `query`, and a key in the header `auth[0]`, behind `auth[1]`."""
    ready = prepared(target, ("", "") if call.key_in_query else auth)
    body = with_model(call, target) if body is None else body
    headers = [header for header in call.headers if header[0] not in ready.names]
    headers += ready.headers
    if body or call.method in {"POST", "PUT", "PATCH"}:
        headers.append((b"content-length", b"%d" % len(body)))
    return Put(f"{ready.origin}{path}?{query}" if query else ready.origin + path, headers, body)


def prepared(target: Target, auth: tuple[str, str]) -> Prepared:
    """Return what all requests to a target have in common.

    Where the credential's own headers bring a key, `api_key` is not sent as well.
    """
    found = target.prepared.get(auth)
    if found is None:
        parts = urlsplit(target.base_url)
        own = {name.lower(): value for name, value in target.headers.items()}
        if target.api_key and auth[0] and not _ALTERNATIVES & own.keys():
            own[auth[0]] = auth[1] + target.api_key.reveal()
        own["host"] = parts.netloc
        headers = [(name.encode("ascii"), value.encode("utf-8")) for name, value in own.items()]
        names = frozenset(name for name, _ in headers) | _OWN
        found = target.prepared[auth] = Prepared(f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/"), headers, names)
    return found


def with_model(call: WireRequest, target: Target) -> bytes:
    """Return the body with the credential's model and further fields; the very same bytes where nothing changes."""
    document = call.document
    if document is None or call.kind != target.kind:
        return _in_form(call, target) if call.form and call.kind == target.kind else call.body
    edited = document if call.kind != "embed" else json_body.without(document, needless(call, target))
    name = _named(target.model) if target.model and call.dialect == "gemini" else target.model
    if name and isinstance(model := call.get("model"), str) and model != name:
        edited = json_body.replaced(edited, "model", name)
    if target.body:
        added = {k: v for k, v in target.body.items() if k not in LENGTH_FIELDS} if call.lengthless else target.body
        edited = json_body.completed(edited, added)
    if call.stream and target.stream_usage and call.resource in COUNTED and not asks_for_usage(call):
        edited = counting(edited)
    return call.body if edited is document else edited.text.encode()


def _naming(call: WireRequest, target: Target) -> bytes:
    """Return the body for a host that reads the model there; a caller of Azure's may have named it in the path alone."""
    if not call.model or call.method != "POST" or call.get("model") is not None or (call.form and "model" in call.form):
        return with_model(call, target)
    name = model_of(call, target)
    if call.form is not None:
        return multipart.added(call.body, "model", name)
    if call.document is None:
        return with_model(call, target)
    named = json_body.completed(json_body.without(call.document, {"model"}), {"model": name})  # it may be null
    return with_model(call._replace(document=named, body=named.text.encode()), target)


def asks_for_usage(call: WireRequest) -> bool:
    """Tell whether a request for a stream asks for an event with its tokens."""
    options = call.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def counting(document: json_body.Document) -> json_body.Document:
    """Return a request that asks for the tokens of its stream."""
    options = document.fields.get("stream_options")
    wanted = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    if "stream_options" in document.fields:
        return json_body.replaced(document, "stream_options", wanted)
    return json_body.completed(document, {"stream_options": wanted})


def needless(call: WireRequest, target: Target) -> set[str]:
    """Return the fields of a request for vectors that its host need not see, and may refuse.

    Those that are null, and the length where the host refuses it, or the model's vectors have it anyway.
    """
    fields = call.document.fields if call.document else {}
    return {
        name
        for name, value in fields.items()
        if value is None
        or (call.lengthless and name in LENGTH_FIELDS)
        or (target.fixed_length and value == target.fixed_length and name == "dimensions")
    }


def _in_form(call: WireRequest, target: Target) -> bytes:
    """Return a form with the credential's model; its files stay the bytes they are."""
    field = (call.form or {}).get("model")
    return (
        call.body
        if field is None or not target.model or field.value == target.model
        else multipart.replaced(call.body, field, target.model)
    )


def model_of(call: WireRequest, target: Target) -> str:
    """Return the model that the request is to name at the credential's host."""
    return target.model if target.model and call.kind == target.kind else call.model


def base_path(target: Target) -> str:
    """Return the path of the base URL, without a slash at its end."""
    return prepared(target, ("", "")).path


def without_version(path: str) -> tuple[str, str]:
    """Split a base path into what stands before an API version at its end, and that version or ""."""
    found = _VERSION.search(path)
    return (path[: found.start()], found.group()[1:]) if found else (path, "")


def safe(resource: str) -> str:
    """Check that a path stays below its base path; return it.

    Raises:
        UnsafePathError: it holds a segment that climbs up, in whatever disguise.
    """
    if not _SUSPECT.search(resource):
        return resource
    for segment in resource.split("/"):
        if unquote(unquote(segment)).strip() in {".", ".."} or "\\" in unquote(segment):
            raise UnsafePathError("a path with '..' in it is not sent to any provider")
    return resource


def _named(model: str) -> str:
    """Return the name of a model as Gemini's API has it."""
    return model if "/" in model else f"models/{model}"


def _gemini_body(call: WireRequest, target: Target) -> bytes | None:
    """Name the model, and what it is to be asked besides, in each request within the body, too; only there the body is written anew."""
    within = {name: value for name in NESTED if isinstance(value := call.get(name), list | dict)}
    if not call.document or not within:
        return None

    def named(request: Any) -> Any:
        if not isinstance(request, dict):
            return request
        asked = {k: v for k, v in request.items() if v is not None}
        return {**target.body, **asked, "model": _named(target.model or call.model)}

    changed = {name: [*map(named, value)] if isinstance(value, list) else named(value) for name, value in within.items()}
    fields = call.document.fields | changed
    if isinstance(fields.get("model"), str):
        fields["model"] = _named(target.model or call.model)
    return json.dumps(fields).encode()


HOSTS: Final[dict[str, Callable[[WireRequest, Target], Put]]] = {
    "openai": _openai,
    "azure": _azure,
    "anthropic": _anthropic,
    "gemini": _gemini,
}
"""How a request is put to a host that speaks a wire."""
