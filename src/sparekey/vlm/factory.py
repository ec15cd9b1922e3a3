"""Makes an instance from a configuration; a table says which backend serves which provider."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sparekey.providers import find

if TYPE_CHECKING:
    from sparekey.config import VLMConfig
    from sparekey.vlm.base import VLMBase

BACKENDS: Final = {
    "openai": "openai:OpenAIVLM",
    "azure": "openai:AzureVLM",
    "ark": "volcengine:VolcengineVLM",
    "anthropic": "anthropic:AnthropicVLM",
    "gemini": "gemini:GeminiVLM",
    "litellm": "litellm:LiteLLMVLM",
}
"""The wire of a provider's chat models (see `sparekey.providers`) -> the backend that speaks it."""


class VLMFactory:
    """Makes instances from plain configurations."""

    @staticmethod
    def create(config: dict[str, Any]) -> VLMBase:
        """Return one instance.

        Args:
            config: `provider` (older: `backend`; `openai` by default; a name that is not known goes to litellm), `model`,
                `api_key`, `api_base` and the other fields of `VLMBase` and of the backend.

        Raises:
            MissingExtraError: the provider's SDK is not installed; the message names the extra.
            ConfigError: a field is missing without which no request can be made.
        """
        given = str(config.get("provider") or config.get("backend") or "openai").strip().lower()
        row = find(given)
        backend = _load(BACKENDS[row.chat.wire if row and row.chat else "litellm"])
        return backend({**config, "provider": row.name if row else given})


def build(config: VLMConfig) -> VLMBase:
    """Return what a configuration describes: the lone instance, or a `MultiCredentialVLM` over several.

    The instances of a chain try nothing twice by themselves: the chain's engine does, as its policy says. A lone instance
    keeps the configured `max_retries`.
    """
    from sparekey.engine import Chain  # noqa: PLC0415 - only chains need the engine
    from sparekey.vlm.multi import MultiCredentialVLM  # noqa: PLC0415 - as above

    dicts, credentials = config.instance_dicts(), config.engine_credentials()
    if len(dicts) == 1:
        return VLMFactory.create(dicts[0])
    instances = [VLMFactory.create({**one, "max_retries": 0}) for one in dicts]
    return MultiCredentialVLM(
        instances, [c.id for c in credentials], chain=Chain(credentials, config.policy(), classify=config.classifier())
    )


def _load(place: str) -> type[VLMBase]:
    module, _, name = place.partition(":")
    backend: type[VLMBase] = getattr(import_module(f"sparekey.vlm.backends.{module}"), name)
    return backend
