"""How much a verdict proves, and what else of a failure tells others: one model's limit, and whether two refusals are alike.

A caller's own words may stand in a refusal, so nothing here trusts prose: only a provider's code in a field of its own, which can mean
nothing else, is certain (DESIGN.md 3.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.reasons import OF_CREDENTIAL, OF_REQUEST
from sparekey.classify.tables import compiled, words
from sparekey.types import ErrorClass, Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sparekey.classify.tables import Meaning

ECHOING: Final = frozenset({400, 404, 405, 406, 409, 413, 415, 422, 424})
"""Under these a provider tells what is wrong with the request, and may repeat the caller's words while doing so."""
OWN, WRAPPED, QUOTED = range(3)
"""Where an error object stood: in the body itself, in a string that is nothing but JSON, in the midst of prose."""

_OF_ONE_REQUEST: Final = r"\b(?:<<request words>>)\b|<<request words cjk>>"
_SUBJECT: Final = {error_class: f"<<about {error_class.replace('_', ' ')}>>" for error_class in OF_CREDENTIAL}
"""What a text has to speak of, beside a code that is certain about the credential."""
_WORD: Final = r"[^\W\d_]+(?:['’][^\W\d_]+)?"  # noqa: RUF001 - a typographic apostrophe
_QUOTED: Final = r"\"[^\"]*\"|`[^`]*`|(?<!\w)'[^']*'(?!\w)|“[^”]*”|「[^」]*」|『[^』]*』"
_PUNCTUATION: Final = str.maketrans(dict.fromkeys(".,;:!?()[]{}<>|，。；：！？（）【】、…《》", " "))  # noqa: RUF001 - of other scripts
_QUOTES: Final = frozenset("\"`'“「『")
_MAX_TEXT: Final = 600
_LONG: Final = 120  # a longer text is never empty
_LIMITS: Final = ("limit", "quota", "requests", "usage", "exhausted", "模型", "モデル", "모델")
# "the limit for m-large", "model: m", "m-large's weekly limit": a name is what holds a hyphen or a number.
_OF_NAME: Final = r"\b(?:for|on|of) (?:the |this |your )?(?:model |models )?[`'\"“]?([a-z][\w./:-]*)"
_A_LIMIT: Final = r" (?:usage|rate|quota|weekly|daily|monthly|hourly|request|token)[ _]?(?:limit|quota|usage)"
_ONE_MODEL: Final = "<<one model>>"
_LONGEST_NAME: Final = 60
_A_MINUTE: Final = "<<a minute>>"


def of_a_minute(texts: Iterable[str]) -> bool:
    """Return whether a size is that of an account's allowance of tokens a minute, not one of the model's."""
    return any(compiled(_A_MINUTE).search(text[:_MAX_TEXT].lower()) for text in texts)


def evidence_of(told: Meaning, text: str, *, place: int, prose: bool, echoing: bool) -> Evidence:
    """Return how much a code or words prove: `told` is what they mean, `text` the message beside a code, `place` where it stood.

    `prose`: it stood in free text, not in a field; `echoing`: under a status with which a provider may repeat the caller's words.
    """
    sure = told.certain and not prose and (place == OWN or (place == WRAPPED and not echoing))
    error_class = told.reason.error_class
    if sure and (error_class not in OF_CREDENTIAL or not text or _agrees(error_class, text.lower())):
        return Evidence.CERTAIN
    return Evidence.POSSIBLE if echoing and error_class not in OF_REQUEST else Evidence.LIKELY


def _agrees(error_class: ErrorClass, text: str) -> bool:
    """Return whether the words beside a certain code are about what the code says, and about nothing that one request asks for."""
    return not compiled(_OF_ONE_REQUEST).search(text) and (not text.isascii() or bool(compiled(_SUBJECT[error_class]).search(text)))


def names_one_model(texts: Iterable[str], headers: Mapping[str, str]) -> bool:
    """Return whether texts, codes or headers say that a limit is one model's."""
    if any("model" in name and ("limit" in name or "quota" in name) for name in headers):
        return True
    return any(_names_one(text[:_MAX_TEXT].lower()) for text in texts)


def _names_one(text: str) -> bool:
    if not any(map(text.__contains__, _LIMITS)):
        return False
    if (("model" in text or not text.isascii()) and compiled(_ONE_MODEL).search(text)) or any(
        map(_is_name, compiled(_OF_NAME).findall(text))
    ):
        return True
    before = (text[max(0, found.start() - _LONGEST_NAME) : found.start()].split() for found in compiled(_A_LIMIT).finditer(text))
    return any(_is_name(said[-1].removesuffix("'s").strip("`'\"")) for said in before if said)


def _is_name(word: str) -> bool:
    inner = word.strip(".:/")
    return ("-" in inner or not inner.isalpha()) and inner[:1].isalpha() and not inner.startswith(tuple(words("not a model")))


def says_something(text: str) -> bool:
    """Return whether there is a word in `text` that tells more than that there was an error."""
    return len(text) > _LONG or not words("empty").issuperset(compiled(_WORD).findall(text.lower()))


def says_bad_request(text: str) -> bool:
    """Return whether `text` says that the request is bad, and nothing else: as much as the number 400 says."""
    if len(text) > _LONG:
        return False
    said = set(compiled(_WORD).findall(text.lower()))
    return not words("bad").isdisjoint(said) and words("bad request").issuperset(said - words("empty"))


def unquoted(text: str) -> str:
    """Return `text` without what stands in quotes."""
    return text if _QUOTES.isdisjoint(text) else compiled(_QUOTED).sub(" ", text)


def fingerprint(status: int | None, text: str) -> str:
    """Return the status and the words of a refusal without numbers, ids, addresses and quoted parts: alike for whoever gets it."""
    text = text[:_MAX_TEXT].lower()
    if "://" in text:
        text = " ".join([word for word in text.split() if "://" not in word])
    text = unquoted(text)
    # what holds a digit, a hyphen or another sign is an id, a number or a name
    said = [word for word in text.translate(_PUNCTUATION).split() if word.isalpha() or word.replace("'", "").isalpha()]
    return " ".join([str(status), *said] if status else said)[:_LONG]
