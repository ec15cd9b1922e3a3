"""The tables about LiteLLM say what the LiteLLM that is installed says."""

import pytest

from later import later
from sparekey.config import providers
from sparekey.config.litellm import tables

litellm = later("litellm", reason="LiteLLM is not installed (extra `litellm`)")

OWN = ("moonshot", "groq", "xai", "cerebras", "mistral", "fireworks_ai", "together_ai", "nvidia_nim", "dashscope", "volcengine", "jina_ai")
"""Providers whose base URL is ours as well."""


@pytest.fixture
def no_bases(monkeypatch):
    """An environment that moves no base URL."""
    for prefix in (*tables.BASES, *OWN):
        monkeypatch.delenv(f"{prefix.upper()}_API_BASE", raising=False)


def base_of(prefix):
    return litellm.get_llm_provider(f"{prefix}/x")[3].rstrip("/")


@pytest.mark.parametrize("prefix", tables.BASES)
def test_base_urls_are_litellms(no_bases, prefix):
    """Each base URL of the table is that of LiteLLM."""
    assert base_of(prefix) == tables.BASES[prefix]


@pytest.mark.parametrize("prefix", OWN)
def test_base_urls_that_are_left_out_are_ours(no_bases, prefix):
    """Where the table has no base URL, LiteLLM's own is that of our provider."""
    row = providers.find(tables.PROVIDERS.get(prefix, prefix))
    assert base_of(prefix) in {row.vlm_base, row.embedding_base}


UNTOLD = frozenset({"zai", "minimax", "jina_ai", "sambanova", "hyperbolic", "github", "litellm_proxy"})
"""Providers of which LiteLLM does not tell where it looks for a key."""


@pytest.mark.parametrize("prefix", sorted(tables.KEYS.keys() - UNTOLD))
def test_keys_are_where_litellm_looks(monkeypatch, prefix):
    """What LiteLLM misses where no variable is set is one of the row."""
    for name in tables.KEYS[prefix]:
        monkeypatch.delenv(name, raising=False)
    assert set(litellm.validate_environment(f"{prefix}/x")["missing_keys"]) & set(tables.KEYS[prefix])
