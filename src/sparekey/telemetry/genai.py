"""OpenTelemetry's GenAI conventions: bounds of histograms, and attributes of a request.

They are read from github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-spans.md
and gen-ai-metrics.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sparekey.providers import find

if TYPE_CHECKING:
    from sparekey.types import Credential

SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)

_PORTS: Final = {"http": 80, "https": 443}


def about(credential: Credential, operation: str) -> dict[str, str | int]:
    """Return the attributes of every request with a credential; unknown ones are left out."""
    row = find(credential.provider)
    attributes = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": (row.genai or row.name) if row else credential.provider,
        "gen_ai.request.model": credential.model,
    }
    return {name: value for name, value in attributes.items() if value} | server(credential.endpoint)


def server(endpoint: str | None) -> dict[str, str | int]:
    """Return host and port of a base URL, and nothing else: its other parts may hold a key."""
    try:
        parts = urlsplit(endpoint if endpoint and "://" in endpoint else f"//{endpoint or ''}")
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme, 443)
    except ValueError:
        return {}
    return {"server.address": host, "server.port": port} if host else {}
