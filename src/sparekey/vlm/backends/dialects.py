"""How hosts that speak OpenAI's wire differ from OpenAI, as data: one row a host, each with the page it was read from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

_NEVER: Final = re.compile(r"(?!)")
_EVERY: Final = re.compile("")


@dataclass(frozen=True, slots=True)
class Dialect:
    """One host's ways.

    Attributes:
        names: the provider names it goes by in configurations.
        hosts: its host names, for configurations that only give a base URL.
        source: the page of the host that says so.
        thinking: the field of the body that switches thinking: `thinking` holds `{"type": "enabled" | "disabled"}`,
            `enable_thinking` a boolean, `reasoning` `{"enabled": true}` and is left out otherwise. Empty: there is none.
        thinking_models: the models that know the field; others would refuse it.
        fixed_sampling: the models that refuse a temperature.
        completion_tokens: the models that want `max_completion_tokens` in the place of `max_tokens`.
        only_auto: whether `auto` is the only tool choice.
    """

    names: tuple[str, ...]
    hosts: tuple[str, ...]
    source: str
    thinking: str = ""
    thinking_models: re.Pattern[str] = _NEVER
    fixed_sampling: re.Pattern[str] = _NEVER
    completion_tokens: re.Pattern[str] = _NEVER
    only_auto: bool = False

    def thinking_fields(self, model: str, *, thinking: bool) -> dict[str, Any]:
        """Return the fields of the body that switch thinking on or off."""
        if not self.thinking_models.search(model):
            return {}
        if self.thinking == "enable_thinking":
            return {"enable_thinking": thinking}
        if self.thinking == "reasoning":
            return {"reasoning": {"enabled": True}} if thinking else {}
        return {"thinking": {"type": "enabled" if thinking else "disabled"}}


_OPENAI_REASONING: Final = re.compile(r"(?:^|/)(?:gpt-(?:[5-9]|[1-9]\d)|o\d)", re.IGNORECASE)

OPENAI: Final = Dialect(
    ("openai", "azure"),
    (),
    "https://platform.openai.com/docs/guides/reasoning",
    fixed_sampling=_OPENAI_REASONING,
    completion_tokens=_OPENAI_REASONING,
)

DIALECTS: Final = (
    Dialect(
        ("kimi", "moonshot"),
        ("api.kimi.com", "api.moonshot.ai", "api.moonshot.cn"),
        "https://platform.kimi.ai/docs/api/models-overview",
        thinking="thinking",
        thinking_models=re.compile(r"kimi-k2\.[56]"),
        fixed_sampling=re.compile(r"kimi-"),
    ),
    Dialect(
        ("glm",),
        ("api.z.ai", "open.bigmodel.cn"),
        "https://docs.z.ai/api-reference/llm/chat-completion",
        thinking="thinking",
        thinking_models=re.compile(r"glm-(?:4\.[5-9]|[5-9])"),
        only_auto=True,
    ),
    Dialect(
        ("dashscope",),
        ("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "dashscope-us.aliyuncs.com"),
        "https://help.aliyun.com/zh/model-studio/deep-thinking",
        thinking="enable_thinking",
        thinking_models=_EVERY,
    ),
    Dialect(
        ("openrouter",),
        ("openrouter.ai",),
        "https://openrouter.ai/docs/use-cases/reasoning-tokens",
        thinking="reasoning",
        thinking_models=_EVERY,
        fixed_sampling=_OPENAI_REASONING,
    ),
)


def dialect_of(provider: str, base_url: str | None) -> Dialect:
    """Return the dialect of a provider's name, else of a base URL's host, else OpenAI's own."""
    host = urlsplit(base_url or "").hostname or ""
    by_name = (d for d in DIALECTS if provider in d.names)
    by_host = (d for d in DIALECTS if host in d.hosts)
    return next(by_name, None) or next(by_host, OPENAI)
