"""Collect the evidence: from whatever a failure looks like to codes, statuses, texts and waits, the innermost error first."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify.certainty import OWN, QUOTED, WRAPPED
from sparekey.classify.lenient_json import find_data, read_data, read_json, unescape
from sparekey.classify.tables import CODE, EITHER, MESSAGE, SKIP, STATUS, WAIT, WAIT_MS, compiled, role_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TEXT: Final = 12_000  # longer texts are read at both ends only: errors are told at the beginning, wrapped ones at the end
_TAIL: Final = 3_000
_NO_TEXT: Final = "<empty message>"  # what old SDKs of openai say if the provider said nothing
_MAX_LEVELS, _MAX_NODES, _MAX_NESTING = 40, 300, 24
_MAX_DEEP: Final = 15  # three steps an escape: a text, the object in it, the error in that
_MAX_WRAPS: Final = 6
_MAX_CODE: Final = 120
_MAX_ITEMS: Final = 20
_MAX_UNNAMED: Final = 4
_EVENTS: Final = r"\r?\n\r?\n|\n(?=data:|event:)(?<!event: error\n)"
_CALLERS: Final = frozenset({"input", "prompt", "messages", "params", "arguments", "tools", "tool_calls", "request"})
_ANSWERS: Final = frozenset({"choices", "candidates", "delta", "content_block", "output", "usage"})
_ERRORS: Final = frozenset({"code", "message", "detail", "msg", "base_resp", "error_code", "header"})
_EVENT_ERROR: Final = r"(?m)^event: ?error\b"
_LAST_NAME: Final = r"([A-Za-z_]\w{0,40})\s{0,3}\Z"
_PER_DAY: Final = 99
_TAG: Final = r"<(?:script|style)\b[^<>]*+>[^<]*+|<!--[^>]*+>|</?[a-zA-Z!][^<>]*+>"
_FIRST_NAME: Final = r"\[?[A-Za-z_]\w{0,40}\s{0,3}"  # protobuf text: `candidates {`
_WRAPPER: Final = r"(?:(?:<<wrapper words>>)[\s:,;.()\[\]\-–—>'\"]{0,6}+){0,24}+(?:b?['\"])?"  # noqa: RUF001 - dashes
# What stands between dots is an excerpt of what the caller sent; so is what another host said of a file that the caller named.
_EXCERPT: Final = r"(?<![\w\"])(?:\.\.\.|…)(?=\w)[^\n…\"]{8,400}?(?:\.\.\.|…)"
_FETCHED: Final = r"(?i)\b(?:fetch|download|load|retriev|read|open|get)\w*\s(?:\w+\s){0,3}(?:image|file|document|audio|video|media|attachment|pdf|picture)s?\b[^\n]{0,30}?https?://[^\s\"')]+"
_PROTOBUF: Final = (("seconds", 1.0), ("nanos", 1e-9))
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


class ErrorLayer:
    """One error object, or one stretch of prose around it."""

    __slots__ = ("codes", "depth", "numbers", "page", "quoted", "statuses", "texts", "where")

    def __init__(self, depth: int, where: str, *, quoted: int = OWN) -> None:
        """Make an empty level."""
        self.depth, self.where = depth, where  # how deep it stood, the deepest is the provider's own; under which key, "text" for prose
        self.quoted = quoted  # whether it stood in a string, or in the midst of prose, where a caller's words may stand, too
        self.page = False  # its text is one of HTML
        self.codes: list[str] = []  # its codes and types
        self.numbers: list[str] = []  # its numeric codes with the place they stood at, as `error.code=1113`
        self.statuses: list[int] = []  # its HTTP statuses
        self.texts: list[str] = []  # its messages, the longest first

    def add_number(self, place: str, number: float) -> None:
        """Take a numeric code: a status, a vendor's own, or a status with digits behind it (`40102`)."""
        whole = int(number) if abs(number) < 1e15 else 0  # noqa: PLR2004 - and never infinity
        if 400 <= whole < 600:  # noqa: PLR2004 - the statuses that tell an error
            self.statuses.append(whole)
        elif whole and not 200 <= whole < 400:  # noqa: PLR2004 - a success that is stated
            self.numbers.append(f"{place}={whole}")

    def add_words(self, text: str) -> None:
        """Take a message: its words, the statuses in it, and a number that closes it."""
        if "<" in text and (plain := _text_of_page(text)) is not text:
            text, self.page = plain, True
        if "..." in text or "…" in text:
            text = compiled(_EXCERPT).sub(r'"\g<0>"', text)
        if "://" in text and (other := compiled(_FETCHED).search(text)):
            self.statuses += _statuses(text[: other.end()])
            text = f'{text[: other.end()]} "{text[other.end() :].replace(chr(34), "")}"'
        else:
            self.statuses += _statuses(text)
        if text.endswith(")") and (number := _suffix_number(text)):
            self.numbers.append(f"text={number}")
        self.texts.append(text)


class ErrorReading:
    """Everything that was found out about one failure."""

    __slots__ = ("_nodes", "_sorted", "_unnamed", "headers", "inner_headers", "levels", "status", "streamed", "waits")

    def __init__(self, status: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        """Start with the status of the response and its headers, in small letters."""
        self.status, self.headers = status, headers or {}
        self.levels: list[ErrorLayer] = []  # the errors found, in the order of finding
        self.waits: list[tuple[Any, float, int]] = []  # of fields that state a wait: value, unit in seconds, whether in a string
        self.inner_headers: dict[str, str] = {}  # of the response that a proxy repeats
        self.streamed = False  # an event of a stream is the error: the status of the answer says nothing of it
        self._unnamed: list[str] = []  # sentences in fields that nobody has named
        self._nodes = self._sorted = 0

    def innermost(self) -> list[ErrorLayer]:
        """Return the levels, deepest first."""
        if len(self.levels) != self._sorted:
            self.levels.sort(key=attrgetter("depth"), reverse=True)
            self._sorted = len(self.levels)
        return self.levels

    def inner_status(self) -> int | None:
        """Return the status that the innermost error names, or that of the response."""
        for level in self.innermost():
            if level.statuses:
                return level.statuses[-1]
        return self.status

    def add_body(self, body: Any) -> None:
        """Read a body: bytes, text, or the value of its JSON. Where no field is named as a message is, any sentence counts."""
        if isinstance(body, (bytes, bytearray, memoryview)):
            data = bytes(body)
            body = (data if len(data) <= 2 * MAX_TEXT else data[:MAX_TEXT] + b" " + data[-_TAIL:]).decode("utf-8", "replace")
        if isinstance(body, str):
            self.add_text(body)
        elif isinstance(body, (dict, list, tuple)):
            self._walk(body, "", 0, quoted=OWN, nesting=0)
        if self._unnamed and (self.status or 400) >= 400 and not any(level.texts for level in self.levels):  # noqa: PLR2004 - an error
            self._add_prose(" ; ".join(self._unnamed), 0, quoted=QUOTED)

    def add_text(self, text: str, depth: int = 0, *, quoted: int = OWN, wraps: int = 0) -> None:
        """Read a text: data in it goes to deeper levels, the prose around it to one of its own."""
        text = bounded(text).strip()
        if text[:1] in {"{", "["} and text[-1:] in {"}", "]"} and isinstance(value := read_json(text), (dict, list)):
            self._walk(value, "", depth, quoted=quoted, nesting=wraps)
        elif text.startswith(("data:", "event:", ": ", "id:")) and "data:" in text:
            error = _last_error(text)
            self.streamed = self.streamed or bool(error)
            self.add_text(error, depth, quoted=quoted, wraps=wraps + 1)
        elif "{" in text or "[" in text:
            quoted = max(quoted, WRAPPED if _is_wrapper(text) else QUOTED)
            self._add_prose(self._take_data(text, depth, wraps, quoted=quoted), depth, quoted=quoted)
        else:
            self._add_prose(text, depth, quoted=quoted)

    def _take_data(self, text: str, depth: int, wraps: int, *, quoted: int) -> str:
        """Read the objects in `text` and return the prose between them."""
        prose = []
        for _ in range(_MAX_WRAPS if wraps < _MAX_DEEP else 0):
            start = find_data(text)
            if start < 0:
                break
            of_bytes = text[:start].endswith(("b'", 'b"')) and "\\" in text[start:]
            if of_bytes or text[start + 1 : start + 8].lstrip().startswith("\\"):
                text = text[: start - 2 * of_bytes] + unescape(text[start:])
                continue
            value, end = read_data(text, start)
            if value:
                named = compiled(_LAST_NAME).search(text, max(0, start - 44), start)  # protobuf text: `retry_delay {`
                self._walk(value, named[1].lower() if named else "", depth + 1, quoted=quoted, nesting=wraps + 1)
            prose.append(text[: start if value else end])
            text = text[end:]
        return " ".join([*prose, text])

    def _add_prose(self, text: str, depth: int, *, quoted: int) -> None:
        text = text.strip()
        if text and text != _NO_TEXT and len(self.levels) < _MAX_LEVELS:
            level = ErrorLayer(depth, "text", quoted=quoted)
            level.add_words(text)
            self.levels.append(level)

    def _walk(self, value: Any, where: str, depth: int, *, quoted: int, nesting: int) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES or nesting > _MAX_NESTING or len(self.levels) >= _MAX_LEVELS:
            return
        if isinstance(value, dict):
            self._object(value, where, depth, quoted=quoted, nesting=nesting)
        for item in () if isinstance(value, dict) else value[:_MAX_ITEMS]:
            if isinstance(item, (dict, list, tuple)):
                self._walk(item, where, depth, quoted=quoted, nesting=nesting + 1)
            elif isinstance(item, str) and role_of(where) in {MESSAGE, EITHER}:
                self.add_text(item, depth, quoted=quoted, wraps=nesting + 1)

    def _object(self, value: dict[Any, Any], where: str, depth: int, *, quoted: int, nesting: int) -> None:
        level = ErrorLayer(depth, where, quoted=quoted)
        if role_of(where) == WAIT:
            self.waits += [(value[part], unit, quoted) for part, unit in _PROTOBUF if part in value][:1]
        for key, item in value.items():
            if item is None or item is True or item is False or type(key) is not str:
                continue
            name = key.lower()
            role = role_of(name)
            if isinstance(item, (dict, list, tuple)):
                self._inner(item, key, role, level, nesting)
            elif role is not None:
                self._field(level, role, name, item, nesting)
            elif isinstance(item, str) and item.startswith(("{", "[")):
                self.add_text(item, depth + 1, quoted=max(quoted, WRAPPED), wraps=nesting + 1)
            elif isinstance(item, str) and (" " in item or not item.isascii()) and len(self._unnamed) < _MAX_UNNAMED:
                self._unnamed.append(bounded(item))
        if len(level.texts) > 1:
            level.texts.sort(key=len, reverse=True)
        if level.codes or level.texts or level.statuses or level.numbers:
            self.levels.append(level)

    def _inner(self, item: Any, key: str, role: int | None, level: ErrorLayer, nesting: int) -> None:
        name = key.lower()
        if name.endswith("exception"):  # bedrock's events: {"throttlingException": {...}}
            level.codes.append(key[:_MAX_CODE])
        if name == "headers":
            self.inner_headers = lower_headers(item)
        if item and name not in _CALLERS and (role != SKIP or (isinstance(item, dict) and ("error" in item or "message" in item))):
            # what looks like an error among the caller's own words is one of a proxy, or the caller's
            self._walk(item, name, level.depth + 1, quoted=QUOTED if role == SKIP else level.quoted, nesting=nesting + 1)

    def _field(self, level: ErrorLayer, role: int, name: str, item: Any, nesting: int) -> None:
        if role in {WAIT, WAIT_MS}:
            self.waits.append((item, 0.001 if role == WAIT_MS else 1.0, level.quoted))
        elif isinstance(item, str) and item and role != SKIP:
            if role == MESSAGE or " " in item or not item.isascii() or (role == EITHER and item[0] in "{["):
                self._message(level, item, nesting)
            elif item.lstrip("-").isdigit():
                level.add_number(f"{level.where}.{name}", int(item[:12].rstrip("-") or 0))
            elif name == "quotaid":  # google lists every limit that was hit: the longest one decides
                period = ErrorLayer(_PER_DAY if "PerDay" in item else _PER_DAY - 1, name, quoted=level.quoted)
                period.codes.append(item[:_MAX_CODE])
                self.levels.append(period)
            else:
                level.codes.append(item[:_MAX_CODE])
        elif isinstance(item, (int, float)) and role in {CODE, STATUS, EITHER}:
            level.add_number(f"{level.where}.{name}", item)

    def _message(self, level: ErrorLayer, text: str, nesting: int) -> None:
        text = bounded(text)
        start = find_data(text) if ("{" in text or "[" in text) and nesting < _MAX_DEEP else -1
        if start >= 0:
            # JSON in the midst of prose may be the caller's; a message that is nothing but JSON is a wrapped error
            self.add_text(text, level.depth + 1, quoted=max(level.quoted, QUOTED if text[:start].strip() else WRAPPED), wraps=nesting + 1)
        else:
            level.add_words(text)


def _last_error(text: str) -> str:
    """Return the data of the last server-sent event that is an error, or "": an answer's own words are none."""
    for event in reversed(compiled(_EVENTS).split(text)):
        data = "\n".join(line[5:].strip() for line in event.splitlines() if line.startswith("data:"))
        if not data or data == "[DONE]":
            continue
        value = read_json(data) or (read_data(data, 0)[0] if data.startswith("{") else None)
        if compiled(_EVENT_ERROR).search(event) or (value is None and "{" not in data):
            return data
        if isinstance(value, dict) and any(
            isinstance(part, dict) and _is_error(part) for part in (value, *map(value.get, ("data", "response")))
        ):
            return data
    return ""


def _is_error(event: dict[str, Any]) -> bool:
    told = any(event.get(name) for name in ("error", "err", "errors"))
    return told or (_ANSWERS.isdisjoint(event) and not _ERRORS.isdisjoint(event))


def bounded(text: str) -> str:
    """Return `text`, or its beginning and its end if it is longer than `MAX_TEXT`."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - _TAIL]} {text[-_TAIL:]}"


def lower_headers(headers: Any) -> dict[str, str]:
    """Return `headers` (a mapping, pairs, or any object with `items()`) with lower-case names; {} for anything else."""
    try:
        pairs = headers.items() if hasattr(headers, "items") else headers or ()
        plain = [[part.decode("latin-1") if isinstance(part, bytes) else str(part)[:1000] for part in pair] for pair in list(pairs)[:200]]
        return {name.lower(): value for name, value in plain}
    except Exception:  # noqa: BLE001 - foreign objects may raise anything
        return {}


def _is_wrapper(text: str) -> bool:
    """Tell whether data in `text` stands behind nothing but an SDK's own words, as in `Error code: 429 - {`: else a caller's may be it."""
    start = find_data(text)
    return start >= 0 and (compiled(_WRAPPER).fullmatch(text, 0, start) or compiled(_FIRST_NAME).fullmatch(text, 0, start)) is not None


def _text_of_page(text: str) -> str:
    """Return `text` without the tags of a page; as it is if it is none."""
    return compiled(_TAG).sub(" ", text) if "</" in text or "<!" in text or "<html" in text or "<HTML" in text else text


def _statuses(text: str) -> list[int]:
    """Return the numbers that stand as an HTTP status: after a word like "status", before its own name, or at the very beginning."""
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


def _suffix_number(text: str) -> str:
    """Return the number that closes a text in brackets, as in "insufficient balance (1008)", or ""."""
    match = compiled(_SUFFIX).search(text[-16:])
    return match[1] if match else ""
