"""Provider names of LiteLLM: which of ours they mean, and which can be reached through LiteLLM only.

Read from https://docs.litellm.ai/docs/providers and LiteLLM 1.106; a test holds them to the LiteLLM that is installed.
"""

from __future__ import annotations

from typing import Final

from sparekey.providers import find, find_litellm

ROUTED: Final = frozenset(
    {
        *("ai21", "ai21_chat", "aiml", "amazon_nova", "azure_ai", "azure_text", "baseten", "bedrock", "chutes", "clarifai", "cloudflare"),
        *("codestral", "cometapi", "databricks", "datarobot", "deepinfra", "docker_model_runner", "featherless_ai", "friendliai"),
        *("galadriel", "gigachat", "github", "github_copilot", "gradient_ai", "heroku", "huggingface", "hyperbolic", "inception"),
        *("infinity", "lambda_ai", "langgraph", "lemonade", "litellm_proxy", "llamafile", "maritalk", "meta_llama", "modelscope"),
        *("morph", "nano-gpt", "nebius", "nlp_cloud", "novita", "nscale", "oci", "oobabooga", "openai_like", "ovhcloud", "perplexity"),
        *("petals", "poe", "predibase", "reka", "replicate", "sagemaker", "sagemaker_chat", "sagemaker_nova", "sambanova", "sap"),
        *("scaleway", "snowflake", "synthetic", "triton", "v0", "vercel_ai_gateway", "vertex_ai", "vertex_ai_beta", "wandb"),
        *("watsonx", "watsonx_text", "xiaomi_mimo", "xinference"),
    }
)
"""Providers of chat models or embeddings that have no row here: LiteLLM's own code reaches them."""


def ours(name: str) -> str:
    """Return the name here of a provider that LiteLLM knows: its own row's, else `litellm`; any other name as it is."""
    plain = name.strip().lower()
    if find(plain):
        return name
    row = find_litellm(plain)
    return row.name if row else "litellm" if plain in ROUTED else name
