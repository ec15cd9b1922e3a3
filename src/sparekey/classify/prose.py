"""Read prose: the statuses that stand in it as such, the number that closes it, the text of an HTML page."""

from __future__ import annotations

from typing import Final

from sparekey.classify.patterns import compiled

_TAG: Final = r"<(?:script|style)\b[^<>]*+>[^<]*+|<!--[^>]*+>|</?[a-zA-Z!][^<>]*+>"
_NUMBER: Final = r"[45]\d\d"
# What stands around a number that is a status. `gpt-4-0314`, `req-413-abcd`, `1400`, `:443` and `400 tokens` are none.
_GLUE_BEFORE: Final = frozenset("-/$#.%+@~&?_")
_GLUE_AFTER: Final = frozenset("-_/%")
_DIGITS_FOLLOW: Final = frozenset(".,:")
_AT_THE_BEGINNING: Final = frozenset({"", *" :\n.)]"})
_NAMED_BEFORE: Final = r"(?:<<status before>>)\Z"
_NAME_AFTER: Final = "<<status after>>"
_UNIT_AFTER: Final = "<<unit>>"
_EDGE_BEFORE: Final = " \t\r\n:=([])<#\"'*,`"
_EDGE_AFTER: Final = " \t\r\n:)]>-\"'*,"
_SUFFIX: Final = r"\((\d{4,6})\)\s{0,4}\Z"


def strip_html(text: str) -> str:
    """Return `text` without the tags of a page."""
    return compiled(_TAG).sub(" ", text)


def is_html(text: str) -> bool:
    """Tell whether `text` looks like a page."""
    return "</" in text or "<!" in text or "<html" in text or "<HTML" in text


def statuses(text: str) -> list[int]:
    """Return the numbers that stand as an HTTP status: after a word like "status", before its own name, or at the very beginning."""
    if "4" not in text and "5" not in text:
        return []
    return [int(m[0]) for m in compiled(_NUMBER).finditer(text) if _is_status(text, m.start(), m.end())]


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
    if compiled(_UNIT_AFTER).match(what):
        return False
    if compiled(_NAME_AFTER).match(what) or compiled(_NAMED_BEFORE).search(before.rstrip(_EDGE_BEFORE)):
        return True
    return start < 4 and not before.strip(" [(\"'") and right in _AT_THE_BEGINNING  # noqa: PLR2004 - at the very beginning


def _stands_alone(before: str, left: str, right: str, after: str) -> bool:
    if left.isalnum() and left.isascii() and not before.endswith("http"):
        return False
    if left in _GLUE_BEFORE and not before.endswith(("http/", "(#")):
        return False
    return not (left == ":" and before[-2:-1].isdigit()) and not (right in _DIGITS_FOLLOW and after[1:2].isdigit())


def suffix_number(text: str) -> str:
    """Return the number that closes a text in brackets, as in "insufficient balance (1008)", or ""."""
    match = compiled(_SUFFIX).search(text[-16:])
    return match[1] if match else ""
