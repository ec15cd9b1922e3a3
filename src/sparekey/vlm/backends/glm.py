"""GLM (Zhipu, Z.ai), on the `openai` SDK."""

from __future__ import annotations

from typing import Any

from sparekey.vlm.backends.openai import OpenAIVLM


class GLMVLM(OpenAIVLM):
    """GLM's chat models: a coding plan's base URL by default, `https://open.bigmodel.cn/api/paas/v4` for other keys."""

    default_model = "glm-4.6v"
    default_base = "https://api.z.ai/api/coding/paas/v4"

    def __init__(self, config: dict[str, Any]) -> None:
        """Read the configuration (see `ChatBackend`)."""
        super().__init__({"provider": "glm", **config})
