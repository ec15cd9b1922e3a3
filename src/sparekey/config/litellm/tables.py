"""What LiteLLM calls things, where it looks for keys, and what has no counterpart here: data, with its sources.

Read from https://docs.litellm.ai/docs/providers and LiteLLM 1.106. A test holds keys and base URLs to the LiteLLM that is installed.
"""

from __future__ import annotations

from typing import Final

ENVIRON: Final = "os.environ/"
"""How LiteLLM's configuration refers to a variable of the environment."""

PROVIDERS: Final = {
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "nvidia_nim": "nvidia",
    "hosted_vllm": "vllm",
    "lm_studio": "lmstudio",
    "ollama_chat": "ollama",
    "jina_ai": "jina",
    "zai": "glm",
    "text-completion-openai": "openai",
}
"""Providers that LiteLLM calls otherwise."""

BASES: Final = {
    "zai": "https://api.z.ai/api/paas/v4",
    "perplexity": "https://api.perplexity.ai",
    "deepinfra": "https://api.deepinfra.com/v1/openai",
    "sambanova": "https://api.sambanova.ai/v1",
    "nebius": "https://api.studio.nebius.ai/v1",
    "hyperbolic": "https://api.hyperbolic.xyz/v1",
    "github": "https://models.inference.ai.azure.com",
}
"""LiteLLM's base URLs of hosts that are other ones than ours, or not in our table: a key must stay with its host."""

OPENAI_LIKE: Final = frozenset({*BASES, "openai_like", "custom_openai", "litellm_proxy", "llamafile", "xinference"})
"""Names of LiteLLM's that mean a host which speaks OpenAI's format."""

BY_MODEL: Final = (
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("text-embedding-", "openai"),
    ("omni-moderation-", "openai"),
    ("whisper-1", "openai"),
    ("tts-1", "openai"),
    ("dall-e-", "openai"),
    ("claude-", "anthropic"),
)
"""Beginnings of models that LiteLLM knows without a provider."""

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "openai": ("OPENAI_API_KEY",),
    "azure": ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "volcengine": ("VOLCENGINE_API_KEY",),
    "dashscope": ("DASHSCOPE_API_KEY",),
    "moonshot": ("MOONSHOT_API_KEY",),
    "zai": ("ZAI_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "groq": ("GROQ_API_KEY",),
    "xai": ("XAI_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY", "OR_API_KEY"),
    "together_ai": ("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY"),
    "fireworks_ai": ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY"),
    "nvidia_nim": ("NVIDIA_NIM_API_KEY",),
    "cerebras": ("CEREBRAS_API_KEY",),
    "minimax": ("MINIMAX_API_KEY",),
    "voyage": ("VOYAGE_API_KEY", "VOYAGE_AI_API_KEY"),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "jina_ai": ("JINA_AI_API_KEY", "JINA_API_KEY"),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "deepinfra": ("DEEPINFRA_API_KEY",),
    "sambanova": ("SAMBANOVA_API_KEY",),
    "nebius": ("NEBIUS_API_KEY",),
    "hyperbolic": ("HYPERBOLIC_API_KEY",),
    "github": ("GITHUB_API_KEY",),
    "litellm_proxy": ("LITELLM_PROXY_API_KEY",),
}
"""The variables in which LiteLLM looks for a key that its file leaves out; the first is named where none of them is set."""

ENV_BASES: Final[dict[str, tuple[str, ...]]] = {
    "openai": ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    "anthropic": ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
    "ollama_chat": ("OLLAMA_API_BASE",),
}
"""The same for base URLs; the other providers' are called after them: `GROQ_API_BASE`."""

PASSED: Final = frozenset({"chat", "completion", "responses", "image_generation", "audio_transcription", "audio_speech", "moderation"})
"""Modes of models whose requests the gateway passes on in a chain of `[gateway.chat]`."""

BODY: Final = frozenset(
    {
        *("temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "seed", "stop", "n", "user", "logit_bias"),
        *("presence_penalty", "frequency_penalty", "response_format", "reasoning_effort", "verbosity", "thinking"),
        *("tools", "tool_choice", "parallel_tool_calls", "service_tier", "modalities", "logprobs", "top_logprobs"),
    }
)
"""Parameters that are sent where a client leaves them out, as `extra_request_body` does it here."""

READ: Final = frozenset(
    {
        *("model", "api_key", "api_base", "base_url", "api_version", "extra_headers", "headers", "order", "organization"),
        *("dimensions", "litellm_credential_name", "extra_body", "timeout"),
    }
)
"""Further parameters of a deployment that are taken over."""

_LIMITS: Final = "limits are the provider's: a rate limit parks the credential for the stated wait"
_PARKS: Final = "how long a credential is parked depends on the provider's words and the class of the error"
_MONEY: Final = "costs and budgets are not counted"
WHY: Final = {
    "weight": "a chain has an order, no shares; the first credential takes all it can",
    "rpm": _LIMITS,
    "tpm": _LIMITS,
    "max_parallel_requests": _LIMITS,
    "default_max_parallel_requests": _LIMITS,
    "max_retries": "retries are the chain's: max_retries there",
    "stream_timeout": "see first_content_limit and idle_limit of the chain",
    "drop_params": "a request passes as it came; what a provider does not know it refuses",
    "additional_drop_params": "a request passes as it came; what a provider does not know it refuses",
    "modify_params": "a request passes as it came",
    "input_cost_per_token": _MONEY,
    "output_cost_per_token": _MONEY,
    "max_budget": _MONEY,
    "budget_duration": _MONEY,
    "routing_strategy": "a chain goes by its order",
    "routing_strategy_args": "a chain goes by its order",
    "cooldown_time": _PARKS,
    "disable_cooldowns": _PARKS,
    "allowed_fails": "the first failure moves on; its class says for how long",
    "allowed_fails_policy": "the first failure moves on; its class says for how long",
    "retry_policy": "what is tried again depends on the class of the error",
    "retry_after": "the provider's own wait counts",
    "max_fallbacks": "a chain tries every credential that is not parked",
    "content_policy_fallbacks": "refused content fails fast: the client gets the provider's answer",
    "enable_pre_call_checks": "a text that is too long goes on to a credential with another model by itself",
    "environment_variables": "export them where the gateway runs",
    "include": "put the files together first, and migrate the whole",
    "guardrails": "no content is changed",
    "cache": "no answers are kept",
    "cache_params": "no answers are kept",
    "success_callback": "see OpenTelemetry and Prometheus in docs/telemetry.md",
    "failure_callback": "see OpenTelemetry and Prometheus in docs/telemetry.md",
    "callbacks": "see OpenTelemetry and Prometheus in docs/telemetry.md",
    "set_verbose": "the log says why each attempt failed as it is",
    "json_logs": "the access log is JSON as it is",
    "database_url": "there is no database: the keys of clients stand in the file",
    "store_model_in_db": "there is no database: models that stand only there are not in this file",
    "alerting": "see the metrics; an alert on sparekey_credential_up is in docs/telemetry.md",
    "hidden": "every name is listed in /v1/models",
}
"""Why something is left out, by the last part of its path."""
