"""The lists of models, as each SDK expects them: a chain is a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sparekey.gateway.api.replies import JSON, GatewayReply

if TYPE_CHECKING:
    from collections.abc import Sequence


def models(dialect: str, names: Sequence[str]) -> GatewayReply:
    """Return the chains as a list of models in the format of one wire."""
    found = [_model(dialect, name) for name in names]
    if dialect == "gemini":
        return _reply({"models": found})
    if dialect == "anthropic":
        ends = {"first_id": names[0], "last_id": names[-1]} if names else {"first_id": None, "last_id": None}
        return _reply({"data": found, "has_more": False, **ends})
    return _reply({"object": "list", "data": found})


def model(dialect: str, name: str) -> GatewayReply:
    """Return one chain as a model in the format of one wire."""
    return _reply(_model(dialect, name))


def _model(dialect: str, name: str) -> dict[str, Any]:
    if dialect == "gemini":
        return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": ["generateContent", "countTokens"]}
    if dialect == "anthropic":
        return {"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"}
    return {"id": name, "object": "model", "created": 0, "owned_by": "sparekey"}


def _reply(value: dict[str, Any]) -> GatewayReply:
    return GatewayReply(200, [JSON], json.dumps(value).encode())
