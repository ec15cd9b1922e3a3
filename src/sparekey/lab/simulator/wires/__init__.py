"""The wires that the simulator speaks: one class each, one line each in the table."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sparekey.lab.simulator.wires.base import Wire

WIRES: Final[dict[str, str]] = {
    "anthropic": "anthropic.AnthropicWire",
    "ark": "ark.ArkWire",
    "ark_files": "ark.ArkFilesWire",
    "azure": "azure.AzureWire",
    "cohere": "cohere.CohereWire",
    "dashscope": "dashscope.DashScopeWire",
    "gemini": "gemini.GeminiWire",
    "glm": "openai_like.GLMWire",
    "jina": "jina.JinaWire",
    "minimax": "minimax.MiniMaxWire",
    "mistral": "openai_like.MistralWire",
    "ollama": "ollama.OllamaWire",
    "openai": "openai.OpenAIWire",
    "vikingdb": "vikingdb.VikingDBWire",
    "voyage": "voyage.VoyageWire",
}
"""The wires by name: the module below this package, and the class in it."""


def find(name: str) -> Wire:
    """Return the wire called `name`.

    Raises:
        ValueError: there is no such wire; the message names those that exist.
    """
    if name not in WIRES:
        raise ValueError(f"unknown wire {name!r}; there are {', '.join(sorted(WIRES))}")
    module, _, of = WIRES[name].partition(".")
    wire: Wire = getattr(import_module(f"{__name__}.{module}"), of)()
    return wire
