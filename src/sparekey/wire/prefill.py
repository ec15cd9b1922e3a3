"""Which models go on behind the beginning of an answer, and how a request asks them to: one row a provider."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Prefill(NamedTuple):
    """One provider's way.

    Attributes:
        providers: its names in configurations.
        models: the models that take it.
        marks: what the last message, the assistant's, says beside its text.
        source: the page that says so.
    """

    providers: frozenset[str]
    models: re.Pattern[str]
    marks: Mapping[str, Any]
    source: str


_ALL: Final = re.compile("")
PREFILLS: Final = (
    Prefill(
        frozenset({"anthropic"}),
        re.compile(r"claude-(?:3|(?:[a-z]+-)4(?:-[0-5])?(?:[-@]\d{6,}|$))"),
        {},
        "https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6 (prefill removed from 4.6 on)",
    ),
    Prefill(frozenset({"kimi"}), _ALL, {"partial": True}, "https://platform.moonshot.ai/docs/guide/use-partial-mode-feature-of-kimi-api"),
    Prefill(frozenset({"mistral"}), _ALL, {"prefix": True}, "https://docs.mistral.ai/capabilities/completion/usage"),
    Prefill(frozenset({"dashscope"}), re.compile("qwen"), {"partial": True}, "https://help.aliyun.com/zh/model-studio/partial-mode"),
)


def prefill(provider: str | None, model: str | None) -> Mapping[str, Any] | None:
    """Return what marks the beginning of an answer in a request to this model, or None if it is not known to take one."""
    rows = (row for row in PREFILLS if provider in row.providers and row.models.search(model or ""))
    return next((row.marks for row in rows), None)


def going_on(messages: list[Any], text: str, marks: Mapping[str, Any]) -> list[Any]:
    """Return a conversation that ends with the beginning of its answer."""
    return [*messages, {"role": "assistant", "content": text, **marks}]
