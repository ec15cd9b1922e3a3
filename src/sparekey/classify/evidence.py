"""Collect the evidence: what a failure's body and text say, as codes, statuses, texts and waits.

Theory: an error arrives wrapped. A provider's JSON stands in a string inside a proxy's JSON, inside
the text of an SDK's exception, with prose around it. `ErrorReading` unwraps it recursively. Each
JSON object that holds a code, a message or a status becomes one `ErrorLayer`, and so does each
stretch of prose around data. A layer knows its depth. The deepest layer is the provider's own word,
so it is asked first (`innermost`).

A caller's own words may be repeated anywhere in prose. So every layer also records where it stood
(`quoted`): `OWN` in the body itself, `WRAPPED` in a string that holds nothing but JSON, `QUOTED` in
the midst of prose. Only codes in a place that no caller can write to prove anything (see
`certainty`).

Which field holds a code, a message or a wait is data (tables/fields.tsv, `role_of`). Every loop
here is bounded (`_MAX_...`), because a body can be hostile.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify.certainty import OWN, QUOTED, WRAPPED
from sparekey.classify.lenient_json import find_data, read_data, read_json, unescape
from sparekey.classify.tables import CODE, EITHER, MESSAGE, SKIP, STATUS, WAIT, WAIT_MS, compiled, role_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TEXT: Final = 12_000  # of longer texts only both ends are read: errors stand at the beginning, wrapped ones at the end
_TAIL: Final = 3_000
_NO_TEXT: Final = "<empty message>"  # what old SDKs of OpenAI say if the provider said nothing
_MAX_LAYERS, _MAX_NODES, _MAX_NESTING = 40, 300, 24
_MAX_DEEP: Final = 15  # an escape takes three steps: a text, the object in it, the error in that
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
# Text between dots is an excerpt of what the caller sent. Text after "failed to fetch the image
# https://..." is another host's word about a file that the caller named.
_EXCERPT: Final = r"(?<![\w\"])(?:\.\.\.|…)(?=\w)[^\n…\"]{8,400}?(?:\.\.\.|…)"
_FETCHED: Final = r"(?i)\b(?:fetch|download|load|retriev|read|open|get)\w*\s(?:\w+\s){0,3}(?:image|file|document|audio|video|media|attachment|pdf|picture)s?\b[^\n]{0,30}?https?://[^\s\"')]+"
_PROTOBUF: Final = (("seconds", 1.0), ("nanos", 1e-9))
_NUMBER: Final = r"[45]\d\d"
# Characters and words beside a number that decide whether it is an HTTP status. `gpt-4-0314`,
# `req-413-abcd`, `1400`, `:443` and `400 tokens` hold none.
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
    """One error object, or one stretch of prose around data."""

    __slots__ = ("codes", "depth", "numbers", "page", "quoted", "statuses", "texts", "where")

    def __init__(self, depth: int, where: str, *, quoted: int = OWN) -> None:
        """Make an empty layer.

        Args:
            depth: how many wrappings lie around it; the deepest layer is the provider's own.
            where: the key under which it stood; "text" for prose.
            quoted: `OWN`, `WRAPPED` or `QUOTED`: whether a caller's words can stand there.
        """
        self.depth, self.where = depth, where
        self.quoted = quoted
        self.page = False  # whether its text was an HTML page
        self.codes: list[str] = []  # its codes and types
        self.numbers: list[str] = []  # its numeric codes with their places, as `error.code=1113`
        self.statuses: list[int] = []  # its HTTP statuses
        self.texts: list[str] = []  # its messages, the longest first

    def add_number(self, place: str, number: float) -> None:
        """Add a numeric code: a status, a vendor's code, or a status with more digits (`40102`)."""
        whole = int(number) if abs(number) < 1e15 else 0  # noqa: PLR2004 - and never infinity
        if 400 <= whole < 600:  # noqa: PLR2004 - the statuses that tell an error
            self.statuses.append(whole)
        elif whole and not 200 <= whole < 400:  # noqa: PLR2004 - a success that is stated
            self.numbers.append(f"{place}={whole}")

    def add_words(self, text: str) -> None:
        """Add a message: its words, the statuses in it, and a number that ends it."""
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
    """Everything that was found out about one failure.

    Attributes:
        status: the HTTP status of the response; None if there was none.
        headers: the headers of the response, names in lower case.
        layers: the layers, in the order of finding; `innermost` sorts them.
        waits: the fields that state a wait: the value, its unit in seconds, and `quoted` as in a
            layer.
        inner_headers: the headers of a response that a proxy repeats in its own.
        streamed: whether the error is an event of a stream, so that the status says nothing about
            it.
    """

    __slots__ = ("_nodes", "_sorted", "_unnamed", "headers", "inner_headers", "layers", "status", "streamed", "waits")

    def __init__(self, status: int | None = None, headers: Mapping[str, str] | None = None) -> None:
        """Start with the status of the response, and its headers with names in lower case."""
        self.status, self.headers = status, headers or {}
        self.layers: list[ErrorLayer] = []
        self.waits: list[tuple[Any, float, int]] = []
        self.inner_headers: dict[str, str] = {}
        self.streamed = False
        self._unnamed: list[str] = []  # sentences in fields of unknown names; they count if nothing else says anything
        self._nodes = self._sorted = 0

    def innermost(self) -> list[ErrorLayer]:
        """Return the layers, deepest first."""
        if len(self.layers) != self._sorted:
            self.layers.sort(key=attrgetter("depth"), reverse=True)
            self._sorted = len(self.layers)
        return self.layers

    def inner_status(self) -> int | None:
        """Return the status that the innermost layer names, else that of the response."""
        for layer in self.innermost():
            if layer.statuses:
                return layer.statuses[-1]
        return self.status

    def add_body(self, body: Any) -> None:
        """Read a body: bytes, text, or parsed JSON.

        If no field is known to hold a message, sentences in other fields count as one.
        """
        if isinstance(body, (bytes, bytearray, memoryview)):
            data = bytes(body)
            body = (data if len(data) <= 2 * MAX_TEXT else data[:MAX_TEXT] + b" " + data[-_TAIL:]).decode("utf-8", "replace")
        if isinstance(body, str):
            self.add_text(body)
        elif isinstance(body, (dict, list, tuple)):
            self._walk(body, "", 0, quoted=OWN, nesting=0)
        if self._unnamed and (self.status or 400) >= 400 and not any(layer.texts for layer in self.layers):  # noqa: PLR2004 - an error
            self._add_prose(" ; ".join(self._unnamed), 0, quoted=QUOTED)

    def add_text(self, text: str, depth: int = 0, *, quoted: int = OWN, wraps: int = 0) -> None:
        """Read a text: data in it becomes deeper layers, and the prose around it a layer of its own.

        Args:
            text: the text; only both ends of a very long one are read.
            depth: the depth of the layer for its prose.
            quoted: `OWN`, `WRAPPED` or `QUOTED`.
            wraps: how many steps of unwrapping lead here; the recursion ends at `_MAX_DEEP`.
        """
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
        """Read the objects in `text`; return the prose between them."""
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
        if text and text != _NO_TEXT and len(self.layers) < _MAX_LAYERS:
            layer = ErrorLayer(depth, "text", quoted=quoted)
            layer.add_words(text)
            self.layers.append(layer)

    def _walk(self, value: Any, where: str, depth: int, *, quoted: int, nesting: int) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES or nesting > _MAX_NESTING or len(self.layers) >= _MAX_LAYERS:
            return
        if isinstance(value, dict):
            self._object(value, where, depth, quoted=quoted, nesting=nesting)
        for item in () if isinstance(value, dict) else value[:_MAX_ITEMS]:
            if isinstance(item, (dict, list, tuple)):
                self._walk(item, where, depth, quoted=quoted, nesting=nesting + 1)
            elif isinstance(item, str) and role_of(where) in {MESSAGE, EITHER}:
                self.add_text(item, depth, quoted=quoted, wraps=nesting + 1)

    def _object(self, value: dict[Any, Any], where: str, depth: int, *, quoted: int, nesting: int) -> None:
        layer = ErrorLayer(depth, where, quoted=quoted)
        if role_of(where) == WAIT:
            self.waits += [(value[part], unit, quoted) for part, unit in _PROTOBUF if part in value][:1]
        for key, item in value.items():
            if item is None or item is True or item is False or type(key) is not str:
                continue
            name = key.lower()
            role = role_of(name)
            if isinstance(item, (dict, list, tuple)):
                self._inner(item, key, role, layer, nesting)
            elif role is not None:
                self._field(layer, role, name, item, nesting)
            elif isinstance(item, str) and item.startswith(("{", "[")):
                self.add_text(item, depth + 1, quoted=max(quoted, WRAPPED), wraps=nesting + 1)
            elif isinstance(item, str) and (" " in item or not item.isascii()) and len(self._unnamed) < _MAX_UNNAMED:
                self._unnamed.append(bounded(item))
        if len(layer.texts) > 1:
            layer.texts.sort(key=len, reverse=True)
        if layer.codes or layer.texts or layer.statuses or layer.numbers:
            self.layers.append(layer)

    def _inner(self, item: Any, key: str, role: int | None, layer: ErrorLayer, nesting: int) -> None:
        name = key.lower()
        if name.endswith("exception"):  # Bedrock's events: {"throttlingException": {...}}
            layer.codes.append(key[:_MAX_CODE])
        if name == "headers":
            self.inner_headers = lower_headers(item)
        if item and name not in _CALLERS and (role != SKIP or (isinstance(item, dict) and ("error" in item or "message" in item))):
            # an error among the caller's own words may be a proxy's, or may be the caller's
            self._walk(item, name, layer.depth + 1, quoted=QUOTED if role == SKIP else layer.quoted, nesting=nesting + 1)

    def _field(self, layer: ErrorLayer, role: int, name: str, item: Any, nesting: int) -> None:
        if role in {WAIT, WAIT_MS}:
            self.waits.append((item, 0.001 if role == WAIT_MS else 1.0, layer.quoted))
        elif isinstance(item, str) and item and role != SKIP:
            if role == MESSAGE or " " in item or not item.isascii() or (role == EITHER and item[0] in "{["):
                self._message(layer, item, nesting)
            elif item.lstrip("-").isdigit():
                layer.add_number(f"{layer.where}.{name}", int(item[:12].rstrip("-") or 0))
            elif name == "quotaid":  # Google lists every limit that was hit: the longest one decides
                period = ErrorLayer(_PER_DAY if "PerDay" in item else _PER_DAY - 1, name, quoted=layer.quoted)
                period.codes.append(item[:_MAX_CODE])
                self.layers.append(period)
            else:
                layer.codes.append(item[:_MAX_CODE])
        elif isinstance(item, (int, float)) and role in {CODE, STATUS, EITHER}:
            layer.add_number(f"{layer.where}.{name}", item)

    def _message(self, layer: ErrorLayer, text: str, nesting: int) -> None:
        text = bounded(text)
        start = find_data(text) if ("{" in text or "[" in text) and nesting < _MAX_DEEP else -1
        if start >= 0:
            # JSON in the midst of prose may be the caller's; a message that is only JSON is a
            # wrapped error
            self.add_text(text, layer.depth + 1, quoted=max(layer.quoted, QUOTED if text[:start].strip() else WRAPPED), wraps=nesting + 1)
        else:
            layer.add_words(text)


def _last_error(text: str) -> str:
    """Return the data of the last server-sent event that is an error; "" if there is none.

    The text of an answer is no error, whatever words it holds.
    """
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
    names_error = any(event.get(name) for name in ("error", "err", "errors"))
    return names_error or (_ANSWERS.isdisjoint(event) and not _ERRORS.isdisjoint(event))


def bounded(text: str) -> str:
    """Return `text`, or its beginning and its end if it is longer than `MAX_TEXT`."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - _TAIL]} {text[-_TAIL:]}"


def lower_headers(headers: Any) -> dict[str, str]:
    """Return headers with lower-case names; {} for anything that holds none.

    `headers` may be a mapping, pairs, or an object with `items()`.
    """
    try:
        pairs = headers.items() if hasattr(headers, "items") else headers or ()
        plain = [[part.decode("latin-1") if isinstance(part, bytes) else str(part)[:1000] for part in pair] for pair in list(pairs)[:200]]
        return {name.lower(): value for name, value in plain}
    except Exception:  # noqa: BLE001 - foreign objects may raise anything
        return {}


def _is_wrapper(text: str) -> bool:
    """Return whether only an SDK's own words precede the data in `text`.

    `Error code: 429 - {` is an example. Otherwise the data may be the caller's.
    """
    start = find_data(text)
    return start >= 0 and (compiled(_WRAPPER).fullmatch(text, 0, start) or compiled(_FIRST_NAME).fullmatch(text, 0, start)) is not None


def _text_of_page(text: str) -> str:
    """Return the text of an HTML page without its tags; other text as it is."""
    return compiled(_TAG).sub(" ", text) if "</" in text or "<!" in text or "<html" in text or "<HTML" in text else text


def _statuses(text: str) -> list[int]:
    """Return the numbers in `text` that are HTTP statuses.

    A status follows a word like "status", precedes its own name, or begins the text.
    """
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
    """Return a number in brackets at the end, as in "insufficient balance (1008)".

    "" if there is none.
    """
    match = compiled(_SUFFIX).search(text[-16:])
    return match[1] if match else ""
