"""Response headers of every library as one plain dict with lower-case names."""

from __future__ import annotations

from typing import Any, Final

_MAX_HEADERS: Final = 200


def lower_headers(headers: Any) -> dict[str, str]:
    """Return `headers` (a mapping, pairs, or any object with `items()`) with lower-case names; {} for anything else."""
    try:
        pairs = headers.items() if hasattr(headers, "items") else headers or ()
        return {_text(name).lower(): _text(value) for name, value in list(pairs)[:_MAX_HEADERS]}
    except Exception:  # noqa: BLE001 - foreign objects may raise anything
        return {}


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return str(value)[:1000]
