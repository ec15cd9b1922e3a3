"""What the learned model sees of a failure: words, pairs, statuses and codes as short strings.

The model knows nothing else, so what carries over from one provider to another has to stand here: words and pairs of words, the beginnings
of long words (languages inflect at the end), pairs and threes of Chinese, Japanese and Korean letters, a negation joined to what follows,
numbers as their length (`###`), codes as words, statuses. Texts are bounded before they come here, and every step is one pass.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sparekey.classify.proof import ECHOING, says_something

if TYPE_CHECKING:
    from sparekey.classify.evidence import Reading

CALM: Final = 10
"""Features that every text is counted to have beside its own: a few words alone must not sound sure."""
HEAD, TAIL = 1500, 500
"""So much of the beginning and of the end of what was said is read."""
_DIGITS: Final = dict.fromkeys(range(ord("0"), ord("9") + 1), "#")
_URL: Final = re.compile(r"https?://[^\s\"'<>)\]]*+")
_QUOTES: Final = frozenset("\"`'“「")
_QUOTED: Final = re.compile("\"[^\"]*+\"|`[^`]*+`|“[^”]*+”|「[^」]*+」|(?<![A-Za-z0-9])'[^']*+'(?![A-Za-z0-9])")
_WORD: Final = re.compile(r"[A-Z]?[a-z]+(?:'[a-z]+)?|[A-Z]+(?![a-z])|#{1,4}|~")
_ANY_WORD: Final = re.compile(r"[A-Z]?[a-z]+(?=[A-Z])|[^\W\d_\u2e80-\uffff]+(?:'[a-z]+)?|#{1,4}|~|[぀-ヿ㐀-鿿가-힣]+")
_NEGATIONS: Final = frozenset(
    (
        *(
            "not",
            "no",
            "cannot",
            "can't",
            "isn't",
            "aren't",
            "doesn't",
            "don't",
            "didn't",
            "wasn't",
            "couldn't",
            "won't",
            "never",
            "without",
        ),
        *(
            "without",
            "nicht",
            "kein",
            "keine",
            "keinen",
            "pas",
            "ne",
            "ni",
            "sin",
            "não",
            "sem",
            "не",
            "нет",
            "без",
            "aucun",
            "ningún",
            "nenhum",
        ),
    )
)
_PREFIX: Final = 5
_LONG: Final = 6
_SHORT_WAIT, _LONG_WAIT = 120.0, 3600.0


def of_text(text: str, *, quoted: bool = True) -> list[str]:
    """Return the features of a text, some of them more than once.

    Args:
        text: what was said; only its beginning and its end are read.
        quoted: whether parts in quotes count; else they are one `~`, unless all that tells is quoted.
    """
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]} {text[-TAIL:]}"
    if "://" in text:
        text = _URL.sub(" ", text)
    if not quoted and not _QUOTES.isdisjoint(text) and says_something(bare := _QUOTED.sub(" ~ ", text)):
        text = bare
    text = text.translate(_DIGITS)
    if text.isascii():
        return _of_words(_WORD.findall(text))
    words, found = [], []
    for part in _ANY_WORD.findall(text.replace("’", "'").replace("‘", "'")):  # noqa: RUF001 - typographic apostrophes
        if part < "\u2e80":
            words.append(part)
            continue
        pairs = [a + b for a, b in pairwise(part)] or [part]
        found += pairs
        found += [pair + part[at] for at, pair in enumerate(pairs[:-1], 2)]
    return found + _of_words(words)


def _of_words(words: list[str]) -> list[str]:
    words = " ".join(words).lower().split(" ") if words else words
    found = [*words, *[f"{a} {b}" for a, b in pairwise(words)], *[f"{word[:_PREFIX]}*" for word in words if len(word) >= _LONG]]
    if not _NEGATIONS.isdisjoint(words):
        for at, word in enumerate(words):
            if word in _NEGATIONS:
                found += [f"not_{after}" for after in words[at + 1 : at + 3]]
    return found


@lru_cache(1024)
def of_code(code: str) -> tuple[str, ...]:
    """Return the features of a code, a type or the name of an exception: its words, and the same as words of a code."""
    words = " ".join(_WORD.findall(code[:120])).lower().split()
    words += [f"{a} {b}" for a, b in pairwise(words)]
    return *words, *[f"c:{word}" for word in words]


def of_words(reading: Reading) -> list[str]:
    """Return the features of all that a reading's texts say."""
    texts: list[str] = []
    for level in reading.innermost():
        texts += [text for text in level.texts if text not in texts]
    quoted = reading.inner_status() not in ECHOING and reading.status not in ECHOING
    return of_text(" ; ".join(texts), quoted=quoted) if texts else ["silent"]


def features(reading: Reading, class_name: str = "", wait: float | None = None) -> list[str]:
    """Return what the model sees of a reading, each feature once; `wait` is how many seconds it states."""
    found = of_words(reading)
    if class_name:
        found += of_code(class_name)
    for level in reading.levels:
        for code in level.codes:
            found += of_code(code)
        if level.page:
            found.append("page")
    if wait is not None:
        found.append("wait short" if wait < _SHORT_WAIT else "wait long" if wait >= _LONG_WAIT else "wait")
    status = reading.inner_status() or 0
    found += (f"s{status}", f"s{status // 100}xx")
    return list(dict.fromkeys(found))
