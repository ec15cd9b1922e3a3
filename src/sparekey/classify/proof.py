"""How much a verdict proves, and what else of a failure tells others: one model's limit, a wait, and whether two refusals are alike.

A caller's own words may stand in a refusal, so nothing here trusts prose: only a provider's code in a field of its own, which can mean
nothing else, is certain (DESIGN.md 3.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.patterns import Pattern
from sparekey.classify.reasons import OF_CREDENTIAL, OF_REQUEST
from sparekey.types import ErrorClass, Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sparekey.classify.tables import Meaning

ECHOING: Final = frozenset({400, 404, 405, 406, 409, 413, 415, 422, 424})
"""Under these a provider tells what is wrong with the request, and may repeat the caller's words while doing so."""
WAIT_UNCERTAIN: Final = frozenset({400, 404, 409, 413, 415, 422, 424})
"""Under these a wait in the text may be the caller's words."""
OWN, WRAPPED, QUOTED = range(3)
"""Where an error object stood: in the body itself, in a string that is nothing but JSON, in the midst of prose."""

# What one request asks for beyond the model. Where a refusal speaks of it, another request of the same key may be served.
_OF_ONE_REQUEST: Final = Pattern(
    r"\b(?:end[- ]?users?|customers?|tag|mentioned|your message|sample from|upstream|headers?|grounding|generation|mode|license|job"
    r"|afford|fewer max_tokens|max_tokens|this request requires|tools?|skills?|mcp|connectors?|web[ _-]?search|code[ _-]?interpreter"
    r"|computer[ _-]use|cached ?contents?|files?|uploads?|attachments?|containers?|vector[ _-]stores?|images?|audio|videos?"
    r"|reasoning|thinking"
    r"|encrypted|store=|data policy|data retention|privacy|guardrails?|prompts?|responses? (?:id|format)|previous[ _]response|batch(?:es)?"
    r"|conversations?|threads?|assistants?|plugins?|urls?|webhooks?|parameters?|service[ _-]tiers?|priority|features?|beta|logprobs|content"
    r"|streaming|websites?|repositor(?:y|ies)|bucket|database)\b"
    r"|工具|技能|插件|文件|图片|图像|音频|视频|缓存|联网|思考|推理|参数|提示词|内容|知识库|ツール|ファイル|画像|도구|파일|이미지"
)
_SUBJECT: Final = {
    ErrorClass.AUTH: Pattern(
        r"key|token|credential|account|organi[sz]ation|project|workspace|team|auth|consumer|billing|bill|overdue|arrear"
        r"|good standing|subscription|signature|countr|region|territor|location|secret|suspended|deactivated|api|referer"
    ),
    ErrorClass.QUOTA_EXCEEDED: Pattern(
        r"quota|balance|credit|billing|plan|fund|budget|limit|usage|exhaust|free tier|pack|pay|spend|per day|exceeded|top up|recharge"
    ),
    ErrorClass.MODEL_NOT_FOUND: Pattern(r"model|deployment|endpoint|access"),
}
"""What a text has to speak of, beside a code that is certain about the credential."""
_WORD: Final = Pattern(r"[^\W\d_]+(?:['’][^\W\d_]+)?")  # noqa: RUF001 - a typographic apostrophe
_QUOTED: Final = Pattern(r"\"[^\"]*\"|`[^`]*`|(?<!\w)'[^']*'(?!\w)|“[^”]*”|「[^」]*」|『[^』]*』")
_PUNCTUATION: Final = str.maketrans(dict.fromkeys(".,;:!?()[]{}<>|，。；：！？（）【】、…《》", " "))  # noqa: RUF001 - of other scripts
_QUOTES: Final = frozenset("\"`'“「『")
_MAX_TEXT: Final = 600
_LONG: Final = 120
"""A longer text is never empty."""
_MAX_FINGERPRINT: Final = 120
_EMPTY_WORDS: Final = frozenset(
    (
        *("openai", "litellm", "apierror", "openaiexception", "anthropic"),
        *("error", "errors", "code", "status", "http", "https", "client", "server", "unknown", "failed", "failure", "request"),
        *("response", "message", "type", "provider", "returned", "upstream", "api", "exception", "none", "null", "an", "a", "the", "of"),
        *(
            "no",
            "body",
            "details",
            "for",
            "with",
            "from",
            "in",
            "is",
            "was",
            "it",
            "oops",
            "something",
            "went",
            "wrong",
            "occurred",
            "has",
            "have",
            "url",
            "ok",
        ),
    )
)
_LIMITS: Final = ("limit", "quota", "requests", "usage", "exhausted", "模型", "モデル", "모델")
# "the limit for m-large", "model: m", "m-large's weekly limit": a name is what holds a hyphen or a number.
_OF_NAME: Final = Pattern(r"\b(?:for|on|of) (?:the |this |your )?(?:model |models )?[`'\"“]?([a-z][\w./:-]*)")
_A_LIMIT: Final = Pattern(r" (?:usage|rate|quota|weekly|daily|monthly|hourly|request|token)[ _]?(?:limit|quota|usage)")
_MODEL_LIMIT: Final = Pattern(
    r"\bmodels?\b[:=]? ?[`'\"][\w./:-]|\bmodel: ?\w|per[ _]?model\b|permodel|\b(?:this|that|the|requested) model\b|model_?(?:limit|quota)"
    r"|model(?:account)?(?:rpm|tpm|ipm)|(?:该|此|当前|这个)模型|模型.{0,16}(?:配额|额度|限额|限流|速率|上限)"
    r"|(?:この|本)モデル|(?:이|해당) 모델"
)
_LONGEST_NAME: Final = 60
_NO_NAMES: Final = (
    *(
        "per-",
        "free-",
        "pay-",
        "sub-",
        "non-",
        "on-",
        "real-",
        "rate-",
        "long-",
        "short-",
        "org-",
        "org_",
        "proj_",
        "proj-",
        "user-",
        "user_",
    ),
    *(
        "team-",
        "key-",
        "key_",
        "req_",
        "req-",
        "usage-",
        "re-",
        "up-",
        "in-",
        "end-",
        "third-",
        "first-",
        "sk-",
        "http",
        "x-",
        "pre-",
        "5-",
        "one-",
    ),
)
_A_MINUTE: Final = Pattern(
    r"tokens?[ _]?(?:per|/)[ _]?min|per[ -]minute|/ ?min\b|\b[tr]pm\b|rate[ _]limit|每分钟|分钟.{0,6}(?:限|额)|毎分"
    r"|1分(?:間)?あたり|분당|por minuto"
    r"|pro minute|par minute|в минуту"
)


def of_a_minute(texts: Iterable[str]) -> bool:
    """Return whether a size is that of an account's allowance of tokens a minute, not one of the model's."""
    return any(_A_MINUTE.search(text[:_MAX_TEXT].lower()) for text in texts)


def evidence_of(told: Meaning, text: str, *, place: int, prose: bool, echoing: bool) -> Evidence:
    """Return how much a code or words prove.

    Args:
        told: what they mean.
        text: the message beside the code.
        place: `OWN`, `WRAPPED` or `QUOTED`.
        prose: it stood in free text, not in a field.
        echoing: a status under which a provider may repeat the caller's words.
    """
    sure = told.certain and not prose and (place == OWN or (place == WRAPPED and not echoing))
    error_class = told.reason.error_class
    if sure and (error_class not in OF_CREDENTIAL or not text or _agrees(error_class, text.lower())):
        return Evidence.CERTAIN
    if error_class in OF_REQUEST:
        return Evidence.LIKELY
    return Evidence.POSSIBLE if echoing else Evidence.LIKELY


def _agrees(error_class: ErrorClass, text: str) -> bool:
    """Return whether the words beside a certain code are about what the code says, and about nothing that one request asks for."""
    return not _OF_ONE_REQUEST.search(text) and (not text.isascii() or bool(_SUBJECT[error_class].search(text)))


def names_one_model(texts: Iterable[str], headers: Mapping[str, str]) -> bool:
    """Return whether texts, codes or headers say that a limit is one model's."""
    if any("model" in name and ("limit" in name or "quota" in name) for name in headers):
        return True
    return any(_names_one(text[:_MAX_TEXT].lower()) for text in texts)


def _names_one(text: str) -> bool:
    if not any(map(text.__contains__, _LIMITS)):
        return False
    if ("model" in text or not text.isascii()) and _MODEL_LIMIT.search(text):
        return True
    if any(map(_is_name, _OF_NAME.findall(text))):
        return True
    before = (text[max(0, found.start() - _LONGEST_NAME) : found.start()].split() for found in _A_LIMIT.finditer(text))
    return any(_is_name(words[-1].removesuffix("'s").strip("`'\"")) for words in before if words)


def _is_name(word: str) -> bool:
    inner = word.strip(".:/")
    return ("-" in inner or not inner.isalpha()) and not inner.startswith(_NO_NAMES) and not inner.isdigit() and inner[:1].isalpha()


_BAD: Final = frozenset({"bad", "badrequest", "badrequesterror", "unprocessable"})
_BAD_REQUEST: Final = _BAD | {"request", "entity", "content"}
_FEW: Final = 12


def says_something(text: str) -> bool:
    """Return whether there is a word in `text` that tells more than that there was an error."""
    return len(text) > _LONG or any(word not in _EMPTY_WORDS for word in _WORD.findall(text.lower()))


def says_bad_request(text: str) -> bool:
    """Return whether `text` says that the request is bad, and nothing else: as much as the number 400 says."""
    words = _WORD.findall(text.lower())[:_FEW]
    return not _BAD.isdisjoint(words) and all(word in _BAD_REQUEST or word in _EMPTY_WORDS for word in words) and len(text) <= _LONG


def fingerprint(status: int | None, text: str) -> str:
    """Return the status and the words of a refusal without numbers, ids, addresses and quoted parts: alike for whoever gets it."""
    text = text[:_MAX_TEXT].lower()
    if "://" in text:
        text = " ".join([word for word in text.split() if "://" not in word])
    if not _QUOTES.isdisjoint(text):
        text = _QUOTED.sub(" ", text)
    # what holds a digit, a hyphen or another sign is an id, a number or a name
    words = [word for word in text.translate(_PUNCTUATION).split() if word.isalpha() or word.replace("'", "").isalpha()]
    return " ".join([str(status), *words] if status else words)[:_MAX_FINGERPRINT]
