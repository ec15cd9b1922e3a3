"""How much a verdict proves, whether a limit is one model's, and when two refusals are alike.

A refusal may repeat the caller's own words, so prose proves nothing here: only a provider's code in
a field of its own, which can mean nothing else, is certain (docs/blame.md).
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
"""Statuses under which a provider says what is wrong with the request, and may repeat its words."""
OWN, WRAPPED, QUOTED = range(3)
"""Where an error object stood: in the body itself, in a string that is only JSON, or amid prose."""

_OF_ONE_REQUEST: Final = r"\b(?:<<request words>>)\b|<<request words cjk>>"
_SUBJECT: Final = {error_class: f"<<about {error_class.replace('_', ' ')}>>" for error_class in OF_CREDENTIAL}
"""What a text must speak of beside a code that is certain about the credential."""
_WORD: Final = r"[^\W\d_]+(?:['’][^\W\d_]+)?"  # noqa: RUF001 - a typographic apostrophe
_QUOTED: Final = r"\"[^\"]*\"|`[^`]*`|(?<!\w)'[^']*'(?!\w)|“[^”]*”|「[^」]*」|『[^』]*』"
_PUNCTUATION: Final = str.maketrans(dict.fromkeys(".,;:!?()[]{}<>|，。；：！？（）【】、…《》", " "))  # noqa: RUF001 - of other scripts
_QUOTES: Final = frozenset("\"`'“「『")
_MAX_TEXT: Final = 600
_LONG: Final = 120  # a longer text is never empty
_LIMITS: Final = ("limit", "quota", "requests", "usage", "exhausted", "模型", "モデル", "모델")
# Texts that name a model: "the limit for m-large", "model: m", "m-large's weekly limit". A word
# with a hyphen or a digit is taken for a name.
_OF_NAME: Final = r"\b(?:for|on|of) (?:the |this |your )?(?:model |models )?[`'\"“]?([a-z][\w./:-]*)"
_A_LIMIT: Final = r" (?:usage|rate|quota|weekly|daily|monthly|hourly|request|token)[ _]?(?:limit|quota|usage)"
_ONE_MODEL: Final = "<<one model>>"
_LONGEST_NAME: Final = 60
_A_MINUTE: Final = "<<a minute>>"


def of_a_minute(texts: Iterable[str]) -> bool:
    """Return whether a size limit is the account's tokens a minute, and not the model's."""
    return any(compiled(_A_MINUTE).search(text[:_MAX_TEXT].lower()) for text in texts)


def evidence_of(meaning: Meaning, text: str, *, place: int, prose: bool, echoing: bool) -> Evidence:
    """Return how much a code or words prove.

    Args:
        meaning: what the code or the words mean.
        text: the message beside a code; "" if there is none.
        place: `OWN`, `WRAPPED` or `QUOTED`: where the code stood.
        prose: whether it stood in free text, and not in a field.
        echoing: whether the status is one under which a provider may repeat the caller's words.
    """
    sure = meaning.certain and not prose and (place == OWN or (place == WRAPPED and not echoing))
    error_class = meaning.reason.error_class
    if sure and (error_class not in OF_CREDENTIAL or not text or _agrees(error_class, text.lower())):
        return Evidence.CERTAIN
    return Evidence.POSSIBLE if echoing and error_class not in OF_REQUEST else Evidence.LIKELY


def _agrees(error_class: ErrorClass, text: str) -> bool:
    """Return whether the words beside a certain code are about the same thing.

    They must not be about something that one request asks for.
    """
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
    """Return whether `text` holds a word that tells more than "there was an error"."""
    return len(text) > _LONG or not words("empty").issuperset(compiled(_WORD).findall(text.lower()))


def says_bad_request(text: str) -> bool:
    """Return whether `text` says only that the request is bad: as much as the number 400 says."""
    if len(text) > _LONG:
        return False
    said = set(compiled(_WORD).findall(text.lower()))
    return not words("bad").isdisjoint(said) and words("bad request").issuperset(said - words("empty"))


def unquoted(text: str) -> str:
    """Return `text` without what stands in quotes."""
    return text if _QUOTES.isdisjoint(text) else compiled(_QUOTED).sub(" ", text)


def fingerprint(status: int | None, text: str) -> str:
    """Return what is alike in every refusal of this kind: the status, and the words.

    Numbers, ids, addresses and quoted parts are left out.
    """
    text = text[:_MAX_TEXT].lower()
    if "://" in text:
        text = " ".join([word for word in text.split() if "://" not in word])
    text = unquoted(text)
    # a word with a digit, a hyphen or another sign is an id, a number or a name
    said = [word for word in text.translate(_PUNCTUATION).split() if word.isalpha() or word.replace("'", "").isalpha()]
    return " ".join([str(status), *said] if status else said)[:_LONG]
