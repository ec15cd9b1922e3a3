"""What the rows say about LiteLLM is what the LiteLLM that is installed says."""

import pytest

from later import later
from sparekey.config.litellm import tables
from sparekey.providers import PROVIDERS, find_litellm

litellm = later("litellm", reason="LiteLLM is not installed (extra `litellm`)")

UNBASED = frozenset({"openai", "text-completion-openai", "azure", "anthropic", "gemini", "volcengine", "deepseek", "openrouter", "minimax"})
"""Names of whose base URLs LiteLLM does not tell before a call, or at which it has another path."""
HOSTED = [
    name
    for row in PROVIDERS.values()
    if row.chat and row.chat.base and row.chat.base.startswith("https:")
    for name in (row.litellm.names if row.litellm.names is not None else (row.name,))
    if name not in {"kimi", "siliconflow"}  # LiteLLM does not know these
]
"""LiteLLM's names of hosted providers."""


def keys_of(name):
    row = find_litellm(name)
    return row.litellm.keys or row.key_variables


@pytest.fixture
def no_bases(monkeypatch):
    """An environment that moves no base URL."""
    for name in HOSTED:
        monkeypatch.delenv(f"{name.upper()}_API_BASE", raising=False)


@pytest.mark.parametrize("name", sorted(set(HOSTED) - UNBASED))
def test_base_urls_are_litellms(no_bases, name):
    """LiteLLM's base URL is the one that a row names for it, else that of the row's chat models."""
    row = find_litellm(name)
    assert litellm.get_llm_provider(f"{name}/x")[3].rstrip("/") == (row.litellm.base or row.chat.base)


UNTOLD = frozenset({"text-completion-openai", "zai", "minimax", "sambanova", "hyperbolic", "github", "scaleway"})
"""Providers of which LiteLLM does not tell where it looks for a key."""


@pytest.mark.parametrize("name", sorted(set(HOSTED) - UNTOLD))
def test_keys_are_where_litellm_looks(monkeypatch, name):
    """What LiteLLM misses where no variable is set is one of the row."""
    for variable in keys_of(name):
        monkeypatch.delenv(variable, raising=False)
    assert set(litellm.validate_environment(f"{name}/x")["missing_keys"]) & set(keys_of(name))


def test_general_names_are_nobodys():
    """A name of LiteLLM's that means any host is no provider's."""
    assert not any(find_litellm(name) for name in tables.OPENAI_LIKE)
