"""The tokens of a call, as the JSON of an answer or of an event tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.types import Usage

if TYPE_CHECKING:
    from collections.abc import Callable


def usage_of(dialect: str, value: Any) -> Usage | None:
    """Return the tokens that an answer or an event counts, or None if it counts none."""
    return _READ[dialect](value) if isinstance(value, dict) else None


def _openai(value: dict[str, Any]) -> Usage | None:
    """Chat and completions say `prompt_tokens`, the Responses API `input_tokens`, in an event within its `response`."""
    usage = value.get("usage") or _dict(value, "response").get("usage") or _dict(value, "x_groq").get("usage") or _in_choice(value)
    if not isinstance(usage, dict):
        return None
    return Usage(
        _count(usage, "prompt_tokens", "input_tokens"),
        _count(usage, "completion_tokens", "output_tokens"),
        _count(_dict(usage, "prompt_tokens_details", "input_tokens_details"), "cached_tokens"),
        _count(_dict(usage, "completion_tokens_details", "output_tokens_details"), "reasoning_tokens"),
    )


def _in_choice(value: dict[str, Any]) -> Any:
    """Return the usage that stands in a choice (Moonshot's streams)."""
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first.get("usage") if isinstance(first, dict) else None


def _anthropic(value: dict[str, Any]) -> Usage | None:
    """The prompt is counted without its cached parts; the last event counts the whole call only on newer hosts."""
    usage = value.get("usage") or _dict(value, "message").get("usage")
    if not isinstance(usage, dict):
        return None
    cached = _count(usage, "cache_read_input_tokens")
    prompt = _count(usage, "input_tokens") + cached + _count(usage, "cache_creation_input_tokens")
    return Usage(prompt, _count(usage, "output_tokens"), cached, _count(_dict(usage, "output_tokens_details"), "thinking_tokens"))


def _gemini(value: dict[str, Any]) -> Usage | None:
    usage = value.get("usageMetadata")
    if not isinstance(usage, dict):
        return None
    thought = _count(usage, "thoughtsTokenCount")
    prompt = _count(usage, "promptTokenCount") + _count(usage, "toolUsePromptTokenCount")
    return Usage(prompt, _count(usage, "candidatesTokenCount") + thought, _count(usage, "cachedContentTokenCount"), thought)


def later(old: Usage | None, new: Usage | None) -> Usage | None:
    """Return what is known of a call after one more count of it: what the new one leaves out stays."""
    if old is None or new is None:
        return new or old
    return Usage(
        new.prompt_tokens or old.prompt_tokens,
        new.completion_tokens or old.completion_tokens,
        new.cached_tokens or old.cached_tokens,
        new.reasoning_tokens or old.reasoning_tokens,
    )


def _dict(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return next((found for name in names if isinstance(found := value.get(name), dict)), {})


def _count(value: dict[str, Any], *names: str) -> int:
    return next((found for name in names if isinstance(found := value.get(name), int)), 0)


_READ: Final[dict[str, Callable[[dict[str, Any]], Usage | None]]] = {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini}
