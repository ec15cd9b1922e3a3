"""Whole messages that are a provider's own, known to the last word: proof even under a status whose texts may repeat the caller.

A row stands here only if the provider gives nothing better (no code, no status of its own), and if the message has no room for anybody
else's words: it is compared as a whole.
"""

from __future__ import annotations

from typing import Final

OWN_WORDS: Final = frozenset(
    {
        # Anthropic under 400 invalid_request_error; github.com/anthropics/claude-code/issues/66314
        "your credit balance is too low to access the anthropic api. please go to plans & billing to upgrade or purchase credits.",
        # Gemini under 400 where the details are left out; github.com/Jazee6/cloudflare-ai-web/issues/13
        "api key not valid. please pass a valid api key.",
    }
)


def is_own(texts: list[str]) -> bool:
    """Return whether one of the texts is a provider's own message, word for word."""
    return any(text.strip().lower() in OWN_WORDS for text in texts)
