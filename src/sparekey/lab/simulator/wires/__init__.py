"""The wires that the simulator speaks: one module each, one line each in the table."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sparekey.lab.simulator.wires.base import Wire

WIRES: Final[dict[str, str]] = {
    "anthropic": "AnthropicWire",
    "ark": "ArkWire",
    "ark_files": "ArkFilesWire",
    "azure": "AzureWire",
    "cohere": "CohereWire",
    "dashscope": "DashScopeWire",
    "gemini": "GeminiWire",
    "glm": "GLMWire",
    "jina": "JinaWire",
    "minimax": "MiniMaxWire",
    "mistral": "MistralWire",
    "ollama": "OllamaWire",
    "openai": "OpenAIWire",
    "vikingdb": "VikingDBWire",
    "voyage": "VoyageWire",
}
"""Name of the wire, and of its module here, to its class."""


def find(name: str) -> Wire:
    """Return the wire called `name`; ValueError names those that exist."""
    if name not in WIRES:
        raise ValueError(f"unknown wire {name!r}; there are {', '.join(sorted(WIRES))}")
    wire: Wire = getattr(import_module(f"{__name__}.{name}"), WIRES[name])()
    return wire
