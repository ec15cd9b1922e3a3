"""What the learned model sees of a failure: words, pairs, statuses and codes as short strings.

The model knows nothing else, so what carries over from one provider to another has to stand here: words and pairs of words, the beginnings
of long words (languages inflect at the end), pairs and threes of Chinese, Japanese and Korean letters, a negation joined to what follows it,
numbers as `#`, codes as words, statuses. Texts are bounded before they come here, and every step is one pass.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sparekey.classify.proof import ECHOING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparekey.classify.evidence import Reading

HEAD, TAIL = 1500, 500
"""So much of the beginning and of the end of what was said is read."""
_URL: Final = re.compile(r"https?://[^\s\"'<>)\]]*+")
_SEAM: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_")
_QUOTED: Final = re.compile("\"[^\"]*+\"|`[^`]*+`|“[^”]*+”|「[^」]*+」|(?<![a-z0-9])'[^']*+'(?![a-z0-9])")
_PART: Final = re.compile(r"[a-zß-ɏͰ-ԯ]+(?:'[a-z]+)?|[぀-ヿ㐀-鿿가-힣]+|#|~|[.;?!]")
_DIGITS: Final = re.compile(r"\d[\d.,]*+")
_NEGATIONS: Final = frozenset(
    (
        *("not", "no", "cannot", "can't", "isn't", "aren't", "doesn't", "don't", "didn't", "wasn't", "couldn't", "won't", "never", "without"),
        *("nicht", "kein", "keine", "keinen", "pas", "ne", "ni", "sin", "não", "sem", "не", "нет", "без", "aucun", "ningún", "nenhum"),
    )
)
_PREFIX: Final = 5
_LONG: Final = 7


def plain(text: str, *, quoted: bool) -> str:
    """Return `text` in lower case without addresses, with `_` and camelCase split, numbers as `#`, and quoted parts as `~` unless `quoted`."""
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]} ; {text[-TAIL:]}"
    if "://" in text:
        text = _URL.sub(" ", text)
    text = _SEAM.sub(" ", text).lower()
    if not text.isascii():
        text = text.replace("’", "'").replace("‘", "'")  # noqa: RUF001 - typographic apostrophes
    if not quoted:
        text = _QUOTED.sub(" ~ ", text)
    return _DIGITS.sub(" # ", text)


def of_text(text: str) -> list[str]:
    """Return the features of a `plain` text, some of them more than once."""
    found: list[str] = []
    last = before = ""
    for part in _PART.findall(text):
        if part in ".;?!":
            last = before = ""
            continue
        if part >= "\u2e80" and part[0] >= "\u2e80":
            pairs = [a + b for a, b in pairwise(part)] or [part]
            found += pairs
            found += [pair + part[at] for at, pair in enumerate(pairs[:-1], 2)]
            last = before = ""
            continue
        found.append(part)
        if last:
            found.append(f"{last} {part}")
            if last in _NEGATIONS:
                found.append(f"not_{part}")
            elif before in _NEGATIONS:
                found.append(f"not_{part}")
        if len(part) >= _LONG:
            found.append(part[:_PREFIX] + "*")
        before, last = last, part
    return found


def of_codes(codes: Iterable[str]) -> list[str]:
    """Return the features of codes, types and exception names."""
    found: list[str] = []
    for code in codes:
        words = [word for word in re.split(r"[^a-z]+", _SEAM.sub(" ", code[:120]).lower()) if word]
        found += [f"c:{word}" for word in words]
        found += [f"c:{a} {b}" for a, b in pairwise(words)]
        found += words
        found += [f"{a} {b}" for a, b in pairwise(words)]
    return found


def features(reading: Reading, class_name: str = "") -> list[str]:
    """Return what the model sees of a reading: each feature once, sorted by nothing."""
    status = reading.inner_status() or 0
    outer = reading.status or status
    echoing = status in ECHOING or outer in ECHOING
    texts: list[str] = []
    codes: list[str] = [class_name] if class_name else []
    for level in reading.innermost():
        texts += [text for text in level.texts if text not in texts]
        codes += level.codes
    found = of_text(plain(" ; ".join(texts), quoted=not echoing))
    if codes:
        found += of_codes(dict.fromkeys(codes))
    if not texts:
        found.append("silent")
    if any(level.page for level in reading.levels):
        found.append("page")
    found += (f"s{status}", f"s{status // 100}xx")
    return list(dict.fromkeys(found))
