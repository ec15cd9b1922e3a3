"""Azure OpenAI: OpenAI's bodies, the model as a deployment in the path, API versions, an `api-key` header.

https://learn.microsoft.com/azure/ai-services/openai/reference; a base URL that ends in `/openai/v1` speaks the unified API, which names
the model in the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from sparekey.wire import common

if TYPE_CHECKING:
    from sparekey.wire.model import Put, Target, WireRequest

API_VERSION: Final = "2024-10-21"
"""The newest version that is not a preview: https://learn.microsoft.com/azure/ai-services/openai/api-version-lifecycle."""
_AUTH: Final = ("api-key", "")
_OF_A_DEPLOYMENT: Final = frozenset(
    {
        *("completions", "chat/completions", "embeddings"),
        *("audio/transcriptions", "audio/translations", "audio/speech"),
        *("images/generations", "images/edits"),
    }
)
"""Everything else stands beside the deployments."""


def put(call: WireRequest, target: Target) -> Put:
    """Put a request to an Azure resource."""
    base, resource = common.base_path(target), common.safe(call.resource)
    if base.endswith("/openai/v1"):
        query = _with_version(call.query, target.api_version) if target.api_version else call.query
        return common.put(call, target, f"{base}/{resource}", query, _AUTH)
    base, query = base.removesuffix("/openai"), _with_version(call.query, target.api_version or API_VERSION)
    deployment = common.model_of(call, target)
    if resource in _OF_A_DEPLOYMENT and deployment:
        body = common.with_model(call, target)
        return common.put(call, target, f"{base}/openai/deployments/{quote(deployment, safe='')}/{resource}", query, _AUTH, body)
    return common.put(call, target, f"{base}/openai/{resource}", query, _AUTH)


def _with_version(query: str, version: str) -> str:
    return f"{query}{'&' if query else ''}api-version={quote(version, safe='')}"
