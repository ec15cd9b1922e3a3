"""Read prose: statuses that stand as such, codes in words of their own, the text of an HTML page."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_TAG: Final = re.compile(r"<(?:script|style)\b[^<>]*+>[^<]*+|<!--[^>]*+>|</?[a-zA-Z!][^<>]*+>")
_NUMBER: Final = re.compile(
    r"(?<![\w.\-/$:#])(?:HTTP/?)?([1-5]\d\d)(?![\w\-%]|\.\d|,\d|:\d\d|/)|(?<=[\w ]:)([45]\d\d)(?=[\s,;:)\]]|\Z)|(?<=Status:)([45]\d\d)\b"
)
_BEFORE: Final = re.compile(
    r"(?:\b(?:error code|status code|statuscode|status|http|http error|http code|error|errors|code|api error|server returned|returned|rejected|request failed|failed|failure|"
    r"response|http/1\.[01]|http/2|http/3|msg|exception|got|raised|resourceexhausted|failed with|client error|server error|returns|received|error_code|err|success)|错误|状态码|报错|错误码)"
    r"[\s:=(\[<#\"'*,`]{0,6}\Z",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(
    r"[\s:)\]>\-\"'*,]{0,4}(?:client error|server error|bad request|unauthorized|payment required|forbidden|not found|method not allowed|request timeout|conflict|gone|"
    r"payload too large|request entity|unprocessable|too many|internal|bad gateway|service unavailable|gateway time|resource_exhausted|resource has|unavailable|"
    r"invalid_argument|permission_denied|unauthenticated|not_found|failed_precondition|deadline_exceeded|you exceeded|an internal|status code|error\b|\{)",
    re.IGNORECASE,
)
_UNITS: Final = re.compile(
    r"\s{0,2}(?:tokens?|items?|chars|characters|bytes|kb|mb|ms|seconds?|secs?|minutes?|hours?|days?|requests?|queries|credits?|pixels|images?|texts?|inputs?|rows?|x\b|%|/)",
    re.IGNORECASE,
)
_PAIR: Final = re.compile(
    r"\b(?:error[_ ]?code|err_code|code|type|reason|status|errortype|finish_reason|block_reason)\b[\"'\s]{0,2}[:=]\s{0,2}[\"']?([A-Za-z][\w.]{3,80})",
    re.IGNORECASE,
)
_CAMEL: Final = re.compile(r"\b(?:[A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)+|[A-Z]{3,}(?:_[A-Z]{2,})++)\b")
_BRACKETED: Final = re.compile(r"[(\[]([a-z]+(?:_[a-z]+)+|[A-Z][a-z]+(?:[A-Z][a-z]+)+)[)\]]")
_SUFFIX: Final = re.compile(r"\((\d{4,6})\)\s*\Z")
_MAX_CODES: Final = 8
_NO_CODES: Final = frozenset({"error", "exception", "null", "none", "string", "object"})


class Prose(NamedTuple):
    """What prose holds."""

    text: str
    statuses: list[int]
    codes: list[str]
    numbers: list[str]


def read_prose(text: str) -> Prose:
    """Take `text` apart; HTML loses its tags."""
    if "<" in text and ("</" in text or "<html" in text.lower() or "<!" in text):
        text = _TAG.sub(" ", text)
    return Prose(text, statuses(text), codes(text), _SUFFIX.findall(text[-20:]))


def statuses(text: str) -> list[int]:
    """Return the numbers that stand as an HTTP status: after a word like "status", before its own name, or at the very beginning."""
    found = []
    for match in _NUMBER.finditer(text):
        number = int(match[1] or match[2] or match[3])
        if number >= 400 and _is_status(text, match.start(), match.end()):  # noqa: PLR2004 - the first status that is an error
            found.append(number)
    return found


def _is_status(text: str, start: int, end: int) -> bool:
    if _UNITS.match(text, end):
        return False
    if text[start : start + 4].upper() == "HTTP" or _BEFORE.search(text[max(0, start - 32) : start]) or _AFTER.match(text, end):
        return True
    return not text[:start].strip(" [(\"'") and text[end : end + 1] in {"", " ", ":", "\n", ".", ")", "]"}


def codes(text: str) -> list[str]:
    """Return what stands in prose as a code: `code: x`, `(content_filter)`, and names like `ThrottlingException`."""
    found = _PAIR.findall(text) if ":" in text or "=" in text else []
    found += _BRACKETED.findall(text) if "(" in text or "[" in text else []
    found += _CAMEL.findall(text)
    return [code for code in dict.fromkeys(found) if code.lower() not in _NO_CODES][:_MAX_CODES]
