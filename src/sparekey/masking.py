"""Keys that a provider repeats are cut out of every text before anybody sees it."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

MASK: Final = "***"

# Shapes that issuers publish for their keys (their docs and GitHub's list of secret-scanning patterns). Each starts with a literal and
# continues with one class of characters, so that reading stays linear in the length of the text.
_SHAPES: Final = (
    r"(?:sk|pk|rk|ak)-[A-Za-z0-9_\-*]{8,}",  # openai, anthropic, deepseek, openrouter, moonshot, dashscope, litellm
    r"AIza[A-Za-z0-9_\-]{20,}",  # google
    r"ya29\.[A-Za-z0-9_\-]{10,}",  # google oauth
    r"(?:AKIA|ASIA)[A-Z0-9]{12,}",  # aws
    r"(?:AKLT|LTAI|AKID)[A-Za-z0-9_\-]{12,}",  # volcengine, alibaba, tencent
    r"(?:gsk|xai|hf|fw|pplx|nvapi|jina|pa|csk|tgp|r8|key|up|ghp|gho|github_pat)[_-][A-Za-z0-9_\-]{16,}",
    r"eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-.]{8,}",  # JSON web tokens
)
_OF_LETTERS: Final = ("AIza", "AK", "ASIA", "LTAI", "eyJ")
"""Beginnings of keys that may hold nothing but letters."""
_ZHIPU_LENGTH: Final = 41
# A text without a word as long as the shortest value holds no key either.
_SHORTEST_VALUE = 8
# Whatever stands behind a name that says "secret": header lines, query strings, JSON fields. Matched on lower-case text.
_NAMED: Final = (
    r"(?:\b(?:authorization|proxy-authorization)[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:bearer |basic )?"
    r"|\bbearer "
    r"|\b(?:x-goog-api-key|x-api-key|api[-_ ]?key|apikey|access[-_]?token|client[-_]?secret"
    r"|secret[-_]?access[-_]?key|secret[-_]?key|access[-_]?key(?:[-_]?id)?|password|signature|ak|sk)"
    r"(?:[\"']?\s{0,3}[:=]\s{0,3}[\"']?|\s{1,3}(?:provided|given|is)[:=]?\s{1,3}[\"']?))"
    r"(?=[a-z0-9_\-./+=~*]{8})"
)
_VALUE: Final = re.compile(r"[A-Za-z0-9_\-./+=~*]+")
_HINTS: Final = ("secret", "authorization", "bearer ", "password", "signature")
_KEY: Final = r"(?<![A-Za-z0-9])(?:" + "|".join(_SHAPES) + ")"
_ZHIPU: Final = r"(?<![A-Za-z0-9])[0-9a-f]{32}\.[A-Za-z0-9]{8,}"
_URL_LOGIN: Final = r"(?<=://)[^\s/@:]{0,256}:[^\s/@]{1,256}@"
_TELLTALE: Final = re.compile(r"[0-9*_\-]")
"""A value behind a name holds one of these; a word that holds none is no key ("authorization: required")."""


@cache
def _compiled(source: str) -> re.Pattern[str]:
    """Compile when it is first needed: most texts hold nothing that is searched for."""
    return re.compile(source)


def mask(text: str) -> str:
    """Return `text` with everything that looks like a credential replaced by `***`.

    Idempotent and linear in the length of the text. It knows shapes, not values: a key of no known shape that stands alone is not found,
    so callers that hold the key itself use `mask_values`.
    """
    words = [word for word in text.split() if len(word) >= _SHORTEST_VALUE]
    if words:
        text = _mask_words(text, " ".join(words))
    return _compiled(_URL_LOGIN).sub(f"{MASK}@", text) if "://" in text and "@" in text else text


def _mask_words(text: str, words: str) -> str:
    """Mask `text`, whose words that are long enough for a key are `words`: most errors hold none that looks like one."""
    marked = _TELLTALE.search(words) is not None
    if (marked or any(map(words.__contains__, _OF_LETTERS))) and _compiled(_KEY).search(words):
        text, marked = _compiled(_KEY).sub(MASK, text), True
    if not marked:
        return text
    if len(words) >= _ZHIPU_LENGTH and "." in words:
        text = _compiled(_ZHIPU).sub(MASK, text)
    lower = text.lower()
    if _names_a_secret(lower):
        if len(lower) != len(text):  # a few letters change their length: places in both must agree
            lower = "".join(char if char.isascii() else "." for char in text).lower()
        text = _mask_named(text, lower)
    return text


def _names_a_secret(lower: str) -> bool:
    """Tell whether one of the names may stand in the lower-case text: the cheap half of `_NAMED`."""
    return (
        ("key" in lower and ("api" in lower or "access" in lower))
        or ("token" in lower and "access" in lower)
        or (("ak" in lower or "sk" in lower) and ("=" in lower or ":" in lower))
        or any(map(lower.__contains__, _HINTS))
    )


def _mask_named(text: str, lower: str) -> str:
    """Cut out the values behind telling names; `lower` is `text` in lower case, of the same length."""
    pieces, done = [], 0
    for match in _compiled(_NAMED).finditer(lower):
        value = _VALUE.match(text, match.end())
        if value and match.end() >= done and _TELLTALE.search(value[0]):
            pieces += [text[done : match.end()], MASK]
            done = value.end()
    return "".join([*pieces, text[done:]]) if pieces else text


def mask_values(text: str, *values: str) -> str:
    """Mask `text` and, whatever their shape, the given secret `values` (those of 6 characters or more)."""
    for value in values:
        if len(value) >= 6:  # noqa: PLR2004 - a shorter one would cut holes into ordinary words
            text = text.replace(value, MASK)
    return mask(text)
