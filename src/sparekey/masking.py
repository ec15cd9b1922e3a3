"""Keys that a provider repeats are cut out of every text before anybody sees it."""

from __future__ import annotations

import re
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
_BEGINNINGS: Final = (  # one of these stands in every key of a known shape; most errors hold none, and need no search
    *("sk-", "pk-", "rk-", "ak-", "AIza", "ya29", "AKIA", "ASIA", "AKLT", "LTAI", "AKID", "eyJ"),
    *("gsk_", "xai", "hf_", "hf-", "fw_", "fw-", "pplx", "nvapi", "jina", "pa_", "pa-", "csk_", "tgp", "r8_", "r8-"),
    *("key_", "key-", "up_", "up-", "ghp", "gho", "github_pat"),
)
_KEY: Final = re.compile(r"(?<![A-Za-z0-9])(?:" + "|".join(_SHAPES) + ")")
_ZHIPU: Final = re.compile(r"(?<![A-Za-z0-9])[0-9a-f]{32}\.[A-Za-z0-9]{8,}")
_ZHIPU_LENGTH: Final = 41
# A text without a word as long as the shortest value holds no key either.
_SHORTEST_VALUE = 8
# Whatever stands behind a name that says "secret": header lines, query strings, JSON fields. Matched on lower-case text.
_NAMED: Final = re.compile(
    r"(?:\b(?:authorization|proxy-authorization)[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:bearer |basic )?"
    r"|\bbearer "
    r"|\b(?:x-goog-api-key|x-api-key|api[-_ ]?key|apikey|access[-_]?token|client[-_]?secret"
    r"|secret[-_]?access[-_]?key|secret[-_]?key|access[-_]?key(?:[-_]?id)?|password|signature|ak|sk)"
    r"(?:[\"']?\s{0,3}[:=]\s{0,3}[\"']?|\s{1,3}(?:provided|given|is)[:=]?\s{1,3}[\"']?))"
    r"(?=[a-z0-9_\-./+=~*]{8})"
)
_VALUE: Final = re.compile(r"[A-Za-z0-9_\-./+=~*]+")
_PAIR: Final = tuple(f"{name}{sign}" for name in ("ak", "sk") for sign in ("=", ":", " =", '"', "'"))
_NAMES: Final = (  # the same, coarser: a text without any of them is not searched
    *(
        "authorization",
        "bearer ",
        "password",
        "signature",
        "apikey",
        "api-key",
        "api_key",
        "api key",
        "accesstoken",
        "access-token",
        "access_token",
    ),
    *(
        "clientsecret",
        "client-secret",
        "client_secret",
        "secretkey",
        "secret-key",
        "secret_key",
        "secretaccess",
        "secret-access",
        "secret_access",
    ),
    *("accesskey", "access-key", "access_key", "access key"),
    *_PAIR,
)
_HINTS: Final = ("key", "token", "secret", "auth", "bearer ", "password", "signature", *_PAIR)
"""Each name holds one of these."""
_URL_PASSWORD: Final = re.compile(r"(?<=://)[^\s/@:]{0,256}:[^\s/@]{1,256}@")


def mask(text: str) -> str:
    """Return `text` with everything that looks like a credential replaced by `***`.

    Idempotent and linear in the length of the text. It knows shapes, not values: a key of no known shape that stands alone is not found,
    so callers that hold the key itself use `mask_values`.
    """
    words = [word for word in text.split() if len(word) >= _SHORTEST_VALUE]
    if words and any(map(" ".join(words).__contains__, _BEGINNINGS)):
        text = _KEY.sub(MASK, text)
    if "." in text and any(len(word) >= _ZHIPU_LENGTH for word in words):
        text = _ZHIPU.sub(MASK, text)
    lower = text.lower()
    if words and any(map(lower.__contains__, _HINTS)) and any(map(lower.__contains__, _NAMES)):
        if len(lower) != len(text):  # a few letters change their length: places in both must agree
            lower = "".join(char if char.isascii() else "." for char in text).lower()
        text = _mask_named(text, lower)
    return _URL_PASSWORD.sub(f"{MASK}@", text) if "://" in text and "@" in text else text


def _mask_named(text: str, lower: str) -> str:
    """Cut out the values behind telling names; `lower` is `text` in lower case, of the same length."""
    pieces, done = [], 0
    for match in _NAMED.finditer(lower):
        value = _VALUE.match(text, match.end())
        if value and match.end() >= done and any(map(value[0].__contains__, "0123456789*_-")):
            pieces += [text[done : match.end()], MASK]
            done = value.end()
    return "".join([*pieces, text[done:]]) if pieces else text


def mask_values(text: str, *values: str) -> str:
    """Mask `text` and, whatever their shape, the given secret `values` (those of 6 characters or more)."""
    for value in values:
        if len(value) >= 6:  # noqa: PLR2004 - a shorter one would cut holes into ordinary words
            text = text.replace(value, MASK)
    return mask(text)
