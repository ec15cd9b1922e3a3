"""Counting tokens, once: one thread-safe tracker, shared or merged, never written to by anybody but its owner's calls."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from sparekey.types import Usage


def _add(a: Usage, b: Usage) -> Usage:
    return Usage(
        a.prompt_tokens + b.prompt_tokens,
        a.completion_tokens + b.completion_tokens,
        a.cached_tokens + b.cached_tokens,
        a.reasoning_tokens + b.reasoning_tokens,
    )


class TokenTracker:
    """Tokens by model and provider, since the start or the last reset."""

    def __init__(self) -> None:
        """Start at zero."""
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, str], Usage] = {}

    def record(self, model: str, provider: str, usage: Usage) -> None:
        """Add one call's usage."""
        with self._lock:
            self._rows[model, provider] = _add(self._rows.get((model, provider), Usage()), usage)

    def rows(self) -> dict[tuple[str, str], Usage]:
        """Return a copy of the counts by (model, provider)."""
        with self._lock:
            return dict(self._rows)

    @property
    def total(self) -> Usage:
        """Everything together."""
        total = Usage()
        for usage in self.rows().values():
            total = _add(total, usage)
        return total

    def reset(self) -> None:
        """Start again at zero."""
        with self._lock:
            self._rows.clear()

    def to_dict(self) -> dict[str, Any]:
        """Return `{"total_usage": {...}, "usage_by_model": {model: {"total_usage": ..., "usage_by_provider": ...}}}`."""
        models: dict[str, Any] = {}
        for (model, provider), usage in sorted(self.rows().items()):
            entry = models.setdefault(model, {"_sum": Usage(), "usage_by_provider": {}})
            entry["_sum"] = _add(entry["_sum"], usage)
            entry["usage_by_provider"][provider] = as_dict(usage)
        return {
            "total_usage": as_dict(self.total),
            "usage_by_model": {m: {"total_usage": as_dict(e.pop("_sum")), **e} for m, e in models.items()},
        }

    @classmethod
    def told(cls, usage: Any) -> TokenTracker:
        """Return a new tracker with the counts that `to_dict` of a tracker of any make tells; what it does not tell counts nothing."""
        out = cls()
        models = usage.get("usage_by_model") if isinstance(usage, dict) else None
        for model, entry in models.items() if isinstance(models, dict) else ():
            rows = entry.get("usage_by_provider") if isinstance(entry, dict) else None
            for provider, counts in rows.items() if isinstance(rows, dict) else ():
                out.record(str(model), str(provider), usage_from(counts) or Usage())
        return out

    @classmethod
    def merged(cls, *trackers: TokenTracker) -> TokenTracker:
        """Return a new tracker with the counts of all; a tracker that is named twice counts once."""
        out = cls()
        for tracker in {id(t): t for t in trackers}.values():
            for (model, provider), usage in tracker.rows().items():
                out.record(model, provider, replace(usage))
        return out


def as_dict(usage: Usage) -> dict[str, int]:
    """Return the counts under the names that the OpenAI wire format made common."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }


def usage_from(counts: Any) -> Usage | None:
    """Read counts of any make, a dictionary or an object, under the names of OpenAI's or Anthropic's format; None if it has none."""
    found = [next((n for name in names if isinstance(n := _part(counts, name), int)), 0) for names in _NAMES]
    return Usage(*found) if any(found) else None


def _part(counts: Any, name: str) -> Any:
    return counts.get(name) if isinstance(counts, dict) else getattr(counts, name, None)


_NAMES = (
    ("prompt_tokens", "input_tokens"),
    ("completion_tokens", "output_tokens"),
    ("cached_tokens", "prompt_cached_tokens", "cache_read_input_tokens"),
    ("reasoning_tokens", "completion_reasoning_tokens"),
)
