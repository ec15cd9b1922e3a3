"""The features of a failure: the short strings that the learned model sees.

Features are words, pairs of words, beginnings of long words (languages inflect at the end), pairs
and triples of Chinese, Japanese and Korean characters, negations joined to the next words, words of
codes, and statuses. The model knows nothing else, so whatever carries over between providers has to
be here, and whatever differs between two refusals of one kind must not: numbers are all alike, and
ids, addresses and names of models are left out. Texts are bounded before they come here, and each
step is one pass.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sparekey.classify.certainty import ECHOING, says_something
from sparekey.classify.tables import compiled, words

if TYPE_CHECKING:
    from sparekey.classify.evidence import ErrorReading

CALM: Final = 10
"""The number of features that is added to every text's own: a few words alone must not sound sure."""
HEAD, TAIL = 1500, 500  # characters of the beginning and of the end of a text that are read
# Left out: addresses; numbers alone in brackets; masked keys; ids, with the word before them; words
# of letters and digits. Of a word with a digit behind a hyphen, as in names of models and files,
# the first letters stay.
_LEFT_OUT: Final = (
    r"(?a:https?://[^\s\"'<>)\]]*+|[(\[]\d+[)\]]|\*{3,}\w*"
    r"|(?i:\(?\b(?:request|trace|log|ray|correlation)[ _-]?id\b)[\"']?\s?[:=]?\s?(?:[\w-]*\d[\w-]*)?\)?"
    r"|(?<![\w-])(?:(?=[A-Za-z]+\d)[\w-]{7,}|\d(?=[\w-]*[A-Za-z])[\w-]{9,})|[-_](?=[\w.-]*\d)[\w.-]+)|"
)
_QUOTES: Final = frozenset("\"`'“「")
# A quotation after a word like `message` and a colon is what was said, not what the caller sent.
_QUOTED: Final = re.compile(
    r"((?:message|msg|error|details?|reason|description)[\"']?\s?[:=]\s?(?:\d{3}\s)?['\"]?)?"
    "(?:\"[^\"]*+\"|`[^`]*+`|“[^”]*+”|「[^」]*+」|(?<![A-Za-z0-9])'[^']*+'(?![A-Za-z0-9]))",
    re.IGNORECASE,
)
_CODE_WORD: Final = r"[A-Z]?[a-z]+(?:'[a-z]+)?|[A-Z]+(?![a-z])"
_WORD: Final = re.compile(rf"{_LEFT_OUT}({_CODE_WORD}|\d+|~)")
_PLAIN_WORD: Final = re.compile(rf"{_CODE_WORD}|~")
_ODD: Final = re.compile(r"[\d*]|://|[ _-][iI][dD]\b")  # a text without one of these has nothing to leave out
_ANY_WORD: Final = re.compile(_LEFT_OUT + r"([A-Z]?[a-z]+(?=[A-Z])|[^\W\d_\u2e80-\uffff]+(?:'[a-z]+)?|\d+|~|[぀-ヿ㐀-鿿가-힣]+)")
_PREFIX, _LONG = 5, 6
_DENIAL: Final = "<<denial cjk>>"
_SHORT_WAIT, _LONG_WAIT = 120.0, 3600.0


def of_text(text: str, *, quoted: bool = True) -> list[str]:
    """Return the features of a text; they may repeat.

    Args:
        text: the text; only its beginning and its end are read.
        quoted: whether quoted parts count. Otherwise each becomes one `~`, unless only quoted parts
            say anything.
    """
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]} {text[-TAIL:]}"
    if not quoted and not _QUOTES.isdisjoint(text) and says_something(bare := _QUOTED.sub(_unquoted, text)):
        text = bare
    if text.isascii():
        return _of_words((_WORD if _ODD.search(text) else _PLAIN_WORD).findall(text))
    said, found = [], []
    for part in _ANY_WORD.findall(text.replace("’", "'").replace("‘", "'")):  # noqa: RUF001 - typographic apostrophes
        if part < "\u2e80":
            said.append(part)
            continue
        pairs = [a + b for a, b in pairwise(part)] or [part]
        found += pairs
        found += [pair + part[at] for at, pair in enumerate(pairs[:-1], 2)]
        if compiled(_DENIAL).search(part):
            found += [f"not_{pair}" for pair in pairs]
    return found + _of_words(said)


def _unquoted(found: re.Match[str]) -> str:
    return found[0] if found[1] or found[0][1:-1].lower() in words("told in quotes") else " ~ "


def _of_words(said: list[str]) -> list[str]:
    said = ["#" if word.isdigit() else word for word in " ".join(said).lower().split()]
    found = [*said, *[f"{a} {b}" for a, b in pairwise(said)], *[f"{word[:_PREFIX]}*" for word in said if len(word) >= _LONG]]
    negations = words("negation")
    if not negations.isdisjoint(said):
        found += [f"not_{after}" for at, word in enumerate(said) if word in negations for after in said[at + 1 : at + 3]]
    return found


@lru_cache(1024)
def of_code(code: str) -> tuple[str, ...]:
    """Return the features of a code, a type or an exception's name.

    They are its words, once as they are and once marked as words of a code.
    """
    said = " ".join(re.findall(_CODE_WORD, code[:120])).lower().split()
    said += [f"{a} {b}" for a, b in pairwise(said)]
    return *said, *[f"c:{word}" for word in said]


def of_words(reading: ErrorReading) -> list[str]:
    """Return the features of all texts of a reading."""
    texts: list[str] = []
    for layer in reading.innermost():
        texts += [text for text in layer.texts if text not in texts]
    status = reading.inner_status() or 0
    quoted = status < 500 and ECHOING.isdisjoint({status, reading.status})  # noqa: PLR2004 - a server's error may quote what it failed on
    if len(texts) > 1:
        texts = list(filter(says_something, texts)) or texts
    return of_text(" ; ".join(texts), quoted=quoted) if texts else ["silent"]


def features(reading: ErrorReading, class_name: str = "", wait: float | None = None) -> list[str]:
    """Return the features of a reading, each once.

    Args:
        reading: the evidence.
        class_name: the name of the exception's class; "" if it tells nothing.
        wait: the stated wait in seconds; None if there is none.
    """
    found = of_words(reading)
    for code in (class_name, *[code for layer in reading.layers for code in layer.codes]):
        found += of_code(code)
    if any(layer.page for layer in reading.layers):
        found.append("page")
    if wait is not None:
        found.append("wait short" if wait < _SHORT_WAIT else "wait long" if wait >= _LONG_WAIT else "wait")
    status = reading.inner_status() or 0
    found += (f"s{status}", f"s{status // 100}xx")
    return list(dict.fromkeys(found))
