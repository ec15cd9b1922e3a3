"""Finish reasons: each provider's word, its meaning, and whether an answer that ends so may be empty."""

from __future__ import annotations

from typing import Final

FINISH_REASONS: Final = {
    # Anthropic: https://docs.anthropic.com/en/api/handling-stop-reasons
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    # Gemini: https://ai.google.dev/api/generate-content#FinishReason (in lower case)
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "language": "content_filter",
    "image_safety": "content_filter",
    "image_prohibited_content": "content_filter",
    "image_recitation": "content_filter",
    # OpenAI, before tools: https://platform.openai.com/docs/api-reference/chat/object
    "function_call": "tool_calls",
    # the Responses API: https://platform.openai.com/docs/api-reference/responses/object
    "max_output_tokens": "length",
    # GLM: https://docs.z.ai/api-reference/llm/chat-completion
    "sensitive": "content_filter",
    # Bedrock: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    # Cohere: https://docs.cohere.com/reference/chat
    "complete": "stop",
    "error_toxic": "content_filter",
    "error_limit": "length",
    # Mistral: https://docs.mistral.ai/api/
    "model_length": "length",
    # Text Generation Inference, Together, AI21, Qianfan, watsonx: https://huggingface.co/docs/text-generation-inference/en/reference/api_reference
    "eos": "stop",
    "eos_token": "stop",
    "endoftext": "stop",
    "normal": "stop",
    "token_limit": "length",
    "max_length": "length",
}
"""Each provider's word for why it stopped -> ours; words that are not listed stay as they are."""

_CALLERS: Final = frozenset({"length", "content_filter", "pause_turn", "stop_sequence"})
"""Ends that are the caller's own doing, in a provider's word or in ours: his limit, his content, his stop sequence, his turn to go on."""
_FAULTS: Final = frozenset(
    {
        "error",  # OpenRouter and Mistral: https://docs.mistral.ai/api/
        "network_error",  # GLM, as above
        "insufficient_system_resource",  # DeepSeek: https://api-docs.deepseek.com/api/create-chat-completion
        "abort",  # vLLM, SGLang: the server gave the request up
        "engine_overloaded",
        "cancelled",
        # Gemini, as above: what came before is half an answer, and its SDKs end as if it were whole
        "malformed_function_call",
        "unexpected_tool_call",
        "other",
        "image_other",
        "malformed_response",
        "missing_thought_signature",
        "too_many_tool_calls",
        # Bedrock, Cohere, as above
        "malformed_model_output",
        "malformed_tool_use",
        "user_cancel",
        "timeout",
        "time_limit",  # watsonx: https://cloud.ibm.com/apidocs/watsonx-ai
        "not_finished",
    }
)
"""Ends that say that the provider broke off: what came before is half an answer at best."""


def plain(word: str) -> str:
    """Return our word for a provider's, in lower case."""
    word = word.lower()
    return FINISH_REASONS.get(word, word)


def judged(word: str) -> tuple[bool, bool]:
    """Return two things about a word for the end of an answer.

    Whether the end is the caller's own doing: such an answer is one even if it holds nothing, as another provider would
    give no more. And whether it is a fault: such an answer is none, whatever it holds.
    """
    found = _JUDGED.get(word)
    if found is None:
        word = word.lower()
        found = (word in _CALLERS or FINISH_REASONS.get(word) in _CALLERS, word in _FAULTS)
    return found


_JUDGED: Final = dict.fromkeys(("stop", "STOP", "tool_calls", "end_turn", "tool_use"), (False, False))
"""What most answers end with."""
