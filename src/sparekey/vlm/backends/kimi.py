"""Kimi (Moonshot AI), on the `openai` SDK."""

from __future__ import annotations

from typing import Any, Final

from sparekey.vlm.backends.openai import OpenAIVLM

_ALIASES: Final = {"kimi-code": "kimi-for-coding", "k2p5": "kimi-for-coding"}
"""Names of older configurations -> the model's own (https://www.kimi.com/code/docs/)."""


class KimiVLM(OpenAIVLM):
    """Kimi's chat models: a coding plan's base URL by default, `https://api.moonshot.ai/v1` for pay-as-you-go keys.

    An `api_base` of older configurations that ends with `/coding` is Kimi's Anthropic-like wire; its OpenAI-like one is
    below it, under `/v1`, and is the one that is used.
    """

    default_model = "kimi-for-coding"
    default_base = "https://api.kimi.com/coding/v1"

    def __init__(self, config: dict[str, Any]) -> None:
        """Read the configuration (see `ChatBackend`)."""
        base = str(config.get("api_base") or self.default_base).rstrip("/")
        config = {**config, "api_base": f"{base}/v1" if base.endswith("/coding") else base}
        config["model"] = _ALIASES.get(config.get("model") or "", config.get("model"))
        super().__init__({"provider": "kimi", **config})
