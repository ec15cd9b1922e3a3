"""A thread-safe tracker of tokens by model and provider; trackers can be shared and merged."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sparekey.types import Usage


def _add(a: Usage, b: Usage) -> Usage:
    return Usage(
        a.prompt_tokens + b.prompt_tokens,
        a.completion_tokens + b.completion_tokens,
        a.cached_tokens + b.cached_tokens,
        a.reasoning_tokens + b.reasoning_tokens,
    )


@dataclass(frozen=True, slots=True)
class ModelTokens:
    """The tokens of one model at one provider.

    Attributes:
        usage: the tokens.
        calls: the number of calls that used them.
        last: when the last call was counted.
    """

    usage: Usage = field(default_factory=Usage)
    calls: int = 0
    last: datetime | None = None

    def plus(self, other: ModelTokens) -> ModelTokens:
        """Return the sum of both."""
        last = max(filter(None, (self.last, other.last)), default=None)
        return ModelTokens(_add(self.usage, other.usage), self.calls + other.calls, last)

    def as_dict(self) -> dict[str, Any]:
        """Return the counts for JSON, the time in ISO 8601."""
        return {**as_dict(self.usage), "call_count": self.calls, "last_updated": self.last.isoformat() if self.last else None}


class TokenTracker:
    """Tokens and calls by model and provider, since the start or the last reset."""

    def __init__(self) -> None:
        """Start at zero."""
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, str], ModelTokens] = {}

    def record(self, model: str, provider: str, usage: Usage) -> None:
        """Add one call's usage."""
        self._add(model, provider, ModelTokens(usage, 1, datetime.now(UTC)))

    def update(self, model_name: str, provider: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Add one call's usage under the name that OpenViking's tracker has for it."""
        self.record(model_name, provider, Usage(prompt_tokens, completion_tokens))

    def _add(self, model: str, provider: str, counted: ModelTokens) -> None:
        with self._lock:
            self._rows[model, provider] = self._rows.get((model, provider), ModelTokens()).plus(counted)

    def rows(self) -> dict[tuple[str, str], Usage]:
        """Return a copy of the tokens by (model, provider)."""
        return {place: counted.usage for place, counted in self.counted().items()}

    def counted(self) -> dict[tuple[str, str], ModelTokens]:
        """Return a copy of tokens and calls by (model, provider)."""
        with self._lock:
            return dict(self._rows)

    @property
    def total(self) -> Usage:
        """Return the sum over all models and providers."""
        total = Usage()
        for usage in self.rows().values():
            total = _add(total, usage)
        return total

    def reset(self) -> None:
        """Start again at zero."""
        with self._lock:
            self._rows.clear()

    def to_dict(self) -> dict[str, Any]:
        """Return the counts in OpenViking's form.

        It is `{"total_usage": {...}, "usage_by_model": {MODEL: {"total_usage": {...},
        "usage_by_provider": {...}}}}`. Each usage holds tokens, `call_count` and `last_updated`.
        """
        models: dict[str, dict[str, ModelTokens]] = {}
        for (model, provider), counted in sorted(self.counted().items(), key=lambda row: row[0]):
            models.setdefault(model, {})[provider] = counted
        sums = {model: _sum(rows) for model, rows in models.items()}
        return {
            "total_usage": _sum(sums).as_dict(),
            "usage_by_model": {
                model: {
                    "model_name": model,
                    "total_usage": sums[model].as_dict(),
                    "usage_by_provider": {provider: counted.as_dict() for provider, counted in rows.items()},
                }
                for model, rows in models.items()
            },
        }

    @classmethod
    def from_dict(cls, usage: Any) -> TokenTracker:
        """Return a tracker with the counts of another one's `to_dict`; a sum alone counts for a model without a name."""
        out = cls()
        models = usage.get("usage_by_model") if isinstance(usage, dict) else None
        for model, entry in models.items() if isinstance(models, dict) else ():
            rows = entry.get("usage_by_provider") if isinstance(entry, dict) else None
            for provider, counts in rows.items() if isinstance(rows, dict) else ():
                calls = _part(counts, "call_count")
                last = _time(_part(counts, "last_updated"))
                counted = ModelTokens(usage_from(counts) or Usage(), calls if isinstance(calls, int) else 0, last)
                out._add(str(model), str(provider), counted)
        total = usage.get("total_usage") if isinstance(usage, dict) else None
        if not out.rows() and (tokens := usage_from(total)) is not None:
            calls = _part(total, "call_count")
            out._add("", "", ModelTokens(tokens, calls if isinstance(calls, int) else 0, _time(_part(total, "last_updated"))))
        return out

    @classmethod
    def merged(cls, *trackers: TokenTracker) -> TokenTracker:
        """Return a tracker with the summed counts of all; the same tracker twice counts once."""
        out = cls()
        for tracker in {id(t): t for t in trackers}.values():
            for (model, provider), counted in tracker.counted().items():
                out._add(model, provider, replace(counted))
        return out


def _sum(rows: dict[str, ModelTokens]) -> ModelTokens:
    total = ModelTokens()
    for counted in rows.values():
        total = total.plus(counted)
    return total


def _time(text: Any) -> datetime | None:
    """Parse an ISO time; without a zone it is local. None: it is no time."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (TypeError, ValueError):
        return None


def as_dict(usage: Usage) -> dict[str, int]:
    """Return the counts under OpenAI's names."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "cached_tokens": usage.cached_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }


def usage_from(counts: Any) -> Usage | None:
    """Read a dictionary's or an object's counts, by OpenAI's or Anthropic's names.

    None: no counts.
    """
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
