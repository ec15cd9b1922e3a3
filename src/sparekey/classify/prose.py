"""Read prose: statuses that stand as such, codes in words of their own, the text of an HTML page."""

from __future__ import annotations

from typing import Final

from sparekey.classify.patterns import Pattern

_TAG: Final = Pattern(r"<(?:script|style)\b[^<>]*+>[^<]*+|<!--[^>]*+>|</?[a-zA-Z!][^<>]*+>")
_NUMBER: Final = Pattern(r"[45]\d\d")
# What stands around a number that is a status. `gpt-4-0314`, `req-413-abcd`, `1400`, `:443` and `400 tokens` are none.
_GLUE_BEFORE: Final = frozenset("-/$#.%+@~&?_")
_GLUE_AFTER: Final = frozenset("-_/%")
_DIGITS_FOLLOW: Final = frozenset(".,:")
_AT_THE_BEGINNING: Final = frozenset({"", *" :\n.)]"})
_BEFORE: Final = (
    *(
        "status",
        "status code",
        "statuscode",
        "error code",
        "code",
        "error",
        "errors",
        "http",
        "http/1.1",
        "http/1.0",
        "http/2",
        "http/3",
        "http/2.0",
    ),
    *(
        "returned",
        "returns",
        "rejected",
        "failed",
        "failure",
        "response",
        "exception",
        "got",
        "received",
        "raised",
        "resourceexhausted",
        "err",
        "msg",
    ),
    *(
        "answered",
        "responded with",
        "failed with",
        "success",
        "with",
        "retries",
        "错误",
        "状态码",
        "报错",
        "错误码",
        "异常",
        "エラー",
        "오류",
    ),
)
_AFTER: Final = (
    *(
        "client error",
        "server error",
        "bad request",
        "unauthorized",
        "payment required",
        "forbidden",
        "not found",
        "method not allowed",
        "request timeout",
    ),
    *(
        "conflict",
        "gone",
        "payload too large",
        "request entity",
        "content too large",
        "unprocessable",
        "too many",
        "internal",
        "bad gateway",
        "gateway time",
    ),
    *(
        "service unavailable",
        "service temporarily",
        "resource_exhausted",
        "resource has",
        "unavailable",
        "invalid_argument",
        "permission_denied",
        "error",
    ),
    *(
        "unauthenticated",
        "not_found",
        "failed_precondition",
        "deadline_exceeded",
        "you exceeded",
        "status code",
        "model_error",
        "origin",
    ),
)
_UNITS: Final = (
    *(
        "token",
        "item",
        "char",
        "byte",
        "kb",
        "mb",
        "ms",
        "sec",
        "minute",
        "hour",
        "day",
        "request",
        "quer",
        "credit",
        "pixel",
        "image",
        "text",
    ),
    *("input", "row", "%", "word", "dimension", "page", "call", "message", "max", "limit", "km", "dollars", "usd", "条", "个", "秒", "字"),
)
_EDGE_BEFORE: Final = " \t\r\n:=([])<#\"'*,`"
_EDGE_AFTER: Final = " \t\r\n:)]>-\"'*,"
_PAIR: Final = Pattern(
    r"\b(?:error[_ ]?code|err_code|code|type|reason|status|errortype|finish_reason|block_reason)"
    r"[\"'\s]{0,2}[:=]\s{0,2}[\"']?(?=[a-z][\w.]{3})"
)
_NAME: Final = Pattern(r"[\w.]{1,80}")
_CAMEL: Final = Pattern(r"\b(?:[A-Z][a-z0-9]+(?:[A-Z][A-Za-z0-9]*)+|[A-Z]{3,}(?:_[A-Z]{2,})++)\b")
_BRACKETED: Final = Pattern(r"[(\[]([a-z]+(?:_[a-z]+)+)[)\]]")
_LOCATOR: Final = Pattern(r"\b(?:messages|tools|contents|input|system|instances|tool_config)(?:\.\d{1,5}|\[\d{1,5}\])[\w.\[\]]{0,200}:")
_LOCATED: Final = (
    "messages.",
    "messages[",
    "tools.",
    "tools[",
    "contents",
    "input[",
    "input.",
    "system.",
    "system[",
    "instances[",
    "tool_config",
)
_SUFFIX: Final = Pattern(r"\((\d{4,6})\)\s{0,4}\Z")
_MAX_CODES: Final = 8
_NO_CODES: Final = frozenset({"error", "exception", "null", "none", "string", "object"})


def strip_html(text: str) -> str:
    """Return `text` without the tags of a page."""
    return _TAG.sub(" ", text)


def is_html(text: str) -> bool:
    """Tell whether `text` looks like a page."""
    return "</" in text or "<!" in text or "<html" in text or "<HTML" in text


def statuses(text: str) -> list[int]:
    """Return the numbers that stand as an HTTP status: after a word like "status", before its own name, or at the very beginning."""
    if "4" not in text and "5" not in text:
        return []
    return [int(m[0]) for m in _NUMBER.finditer(text) if _is_status(text, m.start(), m.end())]


def _is_status(text: str, start: int, end: int) -> bool:
    left, right = text[start - 1 : start], text[end : end + 1]
    if (right.isalnum() and right.isascii()) or right in _GLUE_AFTER or (left.isdigit() and left.isascii()):
        return False
    before, after = text[max(0, start - 26) : start].lower(), text[end : end + 26].lower()
    if not _stands_alone(before, left, right, after):
        return False
    what = after.lstrip(_EDGE_AFTER)
    if what[:1] == "{" or before.endswith(("http", "http/")):
        return True
    worded = what[:1].isalpha() or what[:1] == "%"
    if worded and what.startswith(_UNITS):
        return False
    if (worded and what.startswith(_AFTER)) or before.rstrip(_EDGE_BEFORE).endswith(_BEFORE):
        return True
    return start < 4 and not before.strip(" [(\"'") and right in _AT_THE_BEGINNING  # noqa: PLR2004 - at the very beginning


def _stands_alone(before: str, left: str, right: str, after: str) -> bool:
    if left.isalnum() and left.isascii() and not before.endswith("http"):
        return False
    if left in _GLUE_BEFORE and not before.endswith(("http/", "(#")):
        return False
    if left == ":" and before[-2:-1].isdigit():
        return False
    return not (right in _DIGITS_FOLLOW and after[1:2].isdigit())


def codes(text: str) -> list[str]:
    """Return what stands in prose as a code: `code: x`, `(content_filter)`, `ThrottlingException`, paths like `messages.3.content:`."""
    found = _pairs(text) if ":" in text or "=" in text else []
    if "(" in text or "[" in text:
        found += _BRACKETED.findall(text)
    found += _CAMEL.findall(text)
    if any(map(text.__contains__, _LOCATED)) and _LOCATOR.search(text):
        found.append("invalid_request_field")
    return [code for code in dict.fromkeys(found) if code.lower() not in _NO_CODES][:_MAX_CODES]


def _pairs(text: str) -> list[str]:
    lower = text.lower()
    if len(lower) != len(text):
        return []
    return [name[0] for match in _PAIR.finditer(lower) if (name := _NAME.match(text, match.end()))]


def suffix_number(text: str) -> str:
    """Return the number that closes a text in brackets, as in "insufficient balance (1008)", or ""."""
    match = _SUFFIX.search(text[-16:])
    return match[1] if match else ""
