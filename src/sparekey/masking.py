"""Keys that a provider repeats are cut out of every text before anybody sees it."""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"

# Shapes that issuers publish for their keys (their docs and GitHub's list of secret-scanning patterns). Each starts with a literal and
# continues with one class of characters, so that reading stays linear in the length of the text.
_SHAPES: Final = (
    r"(?<![A-Za-z0-9])(?:sk|pk|rk|ak)-[A-Za-z0-9_\-*]{8,}",  # openai, anthropic, deepseek, openrouter, moonshot, dashscope, litellm
    r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_\-]{20,}",  # google
    r"(?<![A-Za-z0-9])ya29\.[A-Za-z0-9_\-]{10,}",  # google oauth
    r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,}",  # aws
    r"(?<![A-Za-z0-9])AKLT[A-Za-z0-9_\-]{12,}",  # volcengine
    r"(?<![A-Za-z0-9])LTAI[A-Za-z0-9]{12,}",  # alibaba
    r"(?<![A-Za-z0-9])AKID[A-Za-z0-9]{12,}",  # tencent
    r"(?<![A-Za-z0-9])(?:gsk|xai|hf|fw|pplx|nvapi|jina|pa|csk|tgp|r8|key|up|ghp|gho|github_pat)[_-][A-Za-z0-9_\-]{16,}",
    r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-.]{8,}",  # JSON web tokens
    r"(?<![A-Za-z0-9])[0-9a-f]{32}\.[A-Za-z0-9]{8,}",  # zhipu
)
_KEY: Final = re.compile("|".join(_SHAPES))
# Whatever stands after a name that says "secret": header lines, query strings, JSON fields.
_NAMED: Final = re.compile(
    r"(?i)(\b(?:authorization|proxy-authorization)[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:bearer |basic )?"
    r"|\bbearer "
    r"|\b(?:x-goog-api-key|x-api-key|api[-_ ]?key|apikey|access[-_]?token|client[-_]?secret|secret[-_]?access[-_]?key|secret[-_]?key|password|signature)"
    r"(?:[\"']?\s{0,3}[:=]\s{0,3}[\"']?|\s{1,3}(?:provided|given|is)[:=]?\s{1,3}[\"']?))"
    r"([A-Za-z0-9_\-./+=~*]{8,})"
)
_URL_PASSWORD: Final = re.compile(r"(?<=://)[^\s/@:]{1,256}:[^\s/@]{1,256}@")


def _keep_name(match: re.Match[str]) -> str:
    return match[1] + MASK


def mask(text: str) -> str:
    """Return `text` with everything that looks like a credential replaced by `***`.

    Idempotent and linear in the length of the text. It knows shapes, not values: a key of no known shape that stands alone is not found,
    so callers that hold the key itself pass it to `mask_values` as well.
    """
    text = _KEY.sub(MASK, text)
    text = _NAMED.sub(_keep_name, text)
    return _URL_PASSWORD.sub(f"{MASK}@", text) if "://" in text else text


def mask_values(text: str, *values: str) -> str:
    """Mask `text` and, whatever their shape, the given secret `values` (those of 6 characters or more)."""
    for value in values:
        if len(value) >= 6:  # noqa: PLR2004 - a shorter one would cut holes into ordinary words
            text = text.replace(value, MASK)
    return mask(text)
