"""What LiteLLM calls things, where it looks for keys, and what has no counterpart here: data, with its sources.

Read from https://docs.litellm.ai/docs/providers and LiteLLM 1.106. A test holds keys and base URLs to the LiteLLM that is installed.
"""

from __future__ import annotations

import re
from typing import Final

ENVIRON: Final = "os.environ/"
"""How LiteLLM's configuration refers to a variable of the environment."""

OPENAI_LIKE: Final[dict[str, tuple[str, ...]]] = {
    "openai_like": (),
    "custom_openai": (),
    "litellm_proxy": ("LITELLM_PROXY_API_KEY",),
    "llamafile": (),
    "xinference": (),
}
"""Names of LiteLLM's that mean any host which speaks OpenAI's format -> the variables in which it looks for a key."""


HINTS: Final = {"azure": ("o_series", "gpt5_series", "responses"), "openai": ("responses",)}
"""Words between LiteLLM's name of a provider and the model that only tell LiteLLM how to ask: no part of the model."""

PASSED: Final = frozenset({"chat", "responses", "image_generation", "audio_transcription", "audio_speech", "moderation"})
"""Modes of models whose requests the gateway passes on in a chain of `[gateway.chat]`."""

RANKS: Final = re.compile(r"rerank|ranker|(?<![a-z])rank(?![a-z])")
"""A word in the name of a model that orders documents."""
MODES: Final = (
    (re.compile(r"whisper|[\w.-]*-transcribe"), "audio_transcription"),
    (re.compile(r"tts-|[\w.-]*-tts\b"), "audio_speech"),
    (re.compile(r"dall-e|gpt-image|imagen-"), "image_generation"),
    (re.compile(r"(omni|text)-moderation"), "moderation"),
)
"""The mode of a model whose entry names none, by the beginning of its name."""
TEXT_PROVIDERS: Final = frozenset({"text-completion-openai", "text-completion-codestral", "azure_text", "text-completion-inference"})
"""LiteLLM's names of providers of models that continue a text."""
COMPLETES: Final = re.compile(r"(ft:)?(gpt-3\.?5-turbo-instruct|((text|code)-)?(davinci|curie|babbage|ada))(-[\w-]+)?(:.*)?")
"""OpenAI's models that continue a text."""

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
    "port": "LiteLLM reads it from general_settings alone; here it is port in [gateway]",
    "hidden": "every name is listed in /v1/models",
}
"""Why something is left out, by the last part of its path."""
