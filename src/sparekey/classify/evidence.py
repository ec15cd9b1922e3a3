"""Collect the evidence: from whatever a failure looks like to codes, statuses, texts and waits, the innermost error first."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify.certainty import OWN, QUOTED, WRAPPED
from sparekey.classify.lenient_json import find_data, read_data, read_json, unescape
from sparekey.classify.patterns import compiled
from sparekey.classify.prose import is_html, statuses, strip_html, suffix_number
from sparekey.classify.tables import CODE, EITHER, MESSAGE, SKIP, STATUS, WAIT, WAIT_MS, role_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TEXT: Final = 12_000
"""Longer texts are read at both ends only: errors are told at the beginning, wrapped ones at the end."""
_TAIL: Final = 3_000
_NO_TEXT: Final = "<empty message>"
"""What old SDKs of openai say if the provider said nothing."""
_MAX_HEADERS: Final = 200
_MAX_LEVELS: Final = 40
_MAX_NODES: Final = 300
_MAX_NESTING: Final = 24
_MAX_DEEP: Final = 15
"""Three steps an escape: a text, the object in it, the error in that."""
_MAX_WRAPS: Final = 6
_MAX_CODE: Final = 120
_MAX_ITEMS: Final = 20
_MAX_UNNAMED: Final = 4
_EVENTS: Final = r"\r?\n\r?\n|\n(?=data:|event:)(?<!event: error\n)"
_ANSWERS: Final = frozenset({"choices", "candidates", "delta", "content_block", "output", "usage"})
_ERRORS: Final = frozenset({"code", "message", "detail", "msg", "base_resp", "error_code", "header"})
_EVENT_ERROR: Final = r"(?m)^event: ?error\b"
_LAST_NAME: Final = r"([A-Za-z_]\w{0,40})\s{0,3}\Z"
_PER_DAY: Final = 99


class Level:
    """One error object, or one stretch of prose around it.

    Attributes:
        depth: how deep it stood; the deepest is the provider's own.
        where: the key it stood under; "text" for prose.
        quoted: whether it stood in a string, or inside another error's prose, where a caller's words may stand, too.
        codes: its codes and types.
        numbers: its numeric codes with the place they stood at, as `error.code=1113`.
        statuses: its HTTP statuses.
        texts: its messages, the longest first.
        page: its text is one of HTML.
    """

    __slots__ = ("codes", "depth", "numbers", "page", "quoted", "statuses", "texts", "where")

    def __init__(self, depth: int, where: str, *, quoted: int = OWN) -> None:
        """Make an empty level."""
        self.depth, self.where, self.quoted, self.page = depth, where, quoted, False
        self.codes: list[str] = []
        self.numbers: list[str] = []
        self.statuses: list[int] = []
        self.texts: list[str] = []

    def add_number(self, place: str, number: float) -> None:
        """Take a numeric code: a status, a vendor's own, or a status with digits behind it (`40102`)."""
        whole = int(number) if abs(number) < 1e15 else 0  # noqa: PLR2004 - and never infinity
        if 400 <= whole < 600:  # noqa: PLR2004 - the statuses that tell an error
            self.statuses.append(whole)
        elif whole and not 200 <= whole < 400:  # noqa: PLR2004 - a success that is stated
            self.numbers.append(f"{place}={whole}")

    def add_words(self, text: str) -> None:
        """Take a message: its words, the statuses in it, and a number that closes it."""
        if "<" in text and is_html(text):
            text, self.page = strip_html(text), True
        self.statuses += statuses(text)
        if text.endswith(")") and (number := suffix_number(text)):
            self.numbers.append(f"text={number}")
        self.texts.append(text)


class Reading:
    """Everything that was found out about one failure.

    Attributes:
        status: the HTTP status of the response.
        headers: the response headers, lower-case.
        levels: the errors found, in the order of finding.
        waits: (value, unit in seconds, whether it stood in a string) of the fields that state a wait.
    """

    __slots__ = ("_nodes", "_sorted", "_unnamed", "headers", "levels", "status", "waits")

    def __init__(self, status: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        """Start without evidence but for status and headers."""
        self.status, self.headers = status, headers or {}
        self.levels: list[Level] = []
        self.waits: list[tuple[Any, float, int]] = []
        self._unnamed: list[str] = []
        self._nodes = self._sorted = 0

    def innermost(self) -> list[Level]:
        """Return the levels, deepest first."""
        if len(self.levels) != self._sorted:
            self.levels.sort(key=attrgetter("depth"), reverse=True)
            self._sorted = len(self.levels)
        return self.levels

    def inner_status(self) -> int | None:
        """Return the status that the innermost error names, or that of the response."""
        return next((level.statuses[-1] for level in self.innermost() if level.statuses), self.status)

    def add_body(self, body: Any) -> None:
        """Read a body: bytes, text, or the value of its JSON. Where no field is named as a message is, any sentence counts."""
        if isinstance(body, (bytes, bytearray, memoryview)):
            body = _decoded(bytes(body))
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
            self.add_text(_last_error(text), depth, quoted=quoted, wraps=wraps + 1)
        elif "{" in text or "[" in text:
            quoted = max(quoted, WRAPPED)
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
            if text[start + 1 : start + 8].lstrip().startswith("\\"):
                text = unescape(text)
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
            level = Level(depth, "text", quoted=quoted)
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
        level = Level(depth, where, quoted=quoted)
        if role_of(where) == WAIT:
            self.waits.append((value.get("seconds"), 1.0, quoted))
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

    def _inner(self, item: Any, key: str, role: int | None, level: Level, nesting: int) -> None:
        name = key.lower()
        if name.endswith("exception"):  # bedrock's events: {"throttlingException": {...}}
            level.codes.append(key[:_MAX_CODE])
        if item and (role != SKIP or (isinstance(item, dict) and ("error" in item or "message" in item))):
            # what looks like an error among the caller's own words is one of a proxy, or the caller's
            self._walk(item, name, level.depth + 1, quoted=QUOTED if role == SKIP else level.quoted, nesting=nesting + 1)

    def _field(self, level: Level, role: int, name: str, item: Any, nesting: int) -> None:
        if role in {WAIT, WAIT_MS}:
            self.waits.append((item, 0.001 if role == WAIT_MS else 1.0, level.quoted))
        elif isinstance(item, str) and item and role != SKIP:
            if role == MESSAGE or " " in item or not item.isascii() or (role == EITHER and item[0] in "{["):
                self._message(level, item, nesting)
            elif item.lstrip("-").isdigit():
                level.add_number(f"{level.where}.{name}", int(item[:12].rstrip("-") or 0))
            elif name == "quotaid":  # google lists every limit that was hit: the longest one decides
                period = Level(_PER_DAY if "PerDay" in item else _PER_DAY - 1, name, quoted=level.quoted)
                period.codes.append(item[:_MAX_CODE])
                self.levels.append(period)
            else:
                level.codes.append(item[:_MAX_CODE])
        elif isinstance(item, (int, float)) and role in {CODE, STATUS, EITHER}:
            level.add_number(f"{level.where}.{name}", item)

    def _message(self, level: Level, text: str, nesting: int) -> None:
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
    if any(event.get(name) for name in ("error", "err", "errors")):
        return True
    return _ANSWERS.isdisjoint(event) and not _ERRORS.isdisjoint(event)


def bounded(text: str) -> str:
    """Return `text`, or its beginning and its end if it is longer than `MAX_TEXT`."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - _TAIL]} {text[-_TAIL:]}"


def _decoded(data: bytes) -> str:
    if len(data) > 2 * MAX_TEXT:
        data = data[:MAX_TEXT] + b" " + data[-_TAIL:]
    return data.decode("utf-8", "replace")


def lower_headers(headers: Any) -> dict[str, str]:
    """Return `headers` (a mapping, pairs, or any object with `items()`) with lower-case names; {} for anything else."""
    try:
        pairs = headers.items() if hasattr(headers, "items") else headers or ()
        return {_of_header(name).lower(): _of_header(value) for name, value in list(pairs)[:_MAX_HEADERS]}
    except Exception:  # noqa: BLE001 - foreign objects may raise anything
        return {}


def _of_header(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)[:1000]
