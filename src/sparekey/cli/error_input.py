"""Reads an error that a person pasted into the form that the classifier takes.

Four forms, tried in this order: a JSON object with `status`, `headers`, `body`, `exception` (as logs and corpora keep errors), an HTTP
response as `curl -i` or `curl -v` prints it, a JSON body, and the text of an exception or a traceback.
"""

from __future__ import annotations

import builtins
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify import Classifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sparekey.classify.user_rules import Rule
    from sparekey.types import Failure

_STATUS_LINE: Final = re.compile(r"HTTP/[\d.]+\s+(\d{3})\b")
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)")
_CURL: Final = re.compile(r"^< ?", re.MULTILINE)
_CURL_CHATTER: Final = re.compile(r"^(?:[*>{}][ \t]?|\d* bytes data\]).*\n?", re.MULTILINE)
_RAISED: Final = re.compile(
    r"(?P<type>(?:[A-Za-z_]\w*\.)+[A-Z]\w*|\w*(?:Error|Exception|Timeout|Exhausted|Denied|Unavailable|Interrupted|Throttled))"
    r"(?:: (?P<text>.*))?",
    re.DOTALL,
)
_TRACEBACK: Final = "Traceback (most recent call last):"
_LINKS: Final = re.compile(
    r"^(?:The above exception was the direct cause of the following exception|During handling of the above exception, another exception "
    r"occurred):$",
    re.MULTILINE,
)
_RECORD: Final = frozenset({"status", "status_code", "headers", "body", "exception"})


@dataclass(frozen=True, slots=True)
class PastedResponse:
    """An HTTP response, as far as the pasted text has it."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    form = "HTTP response"

    def failure(self, rules: Iterable[Rule] = ()) -> Failure:
        """Return its failure with the trace of the verdict; the operator's `rules` come first."""
        return Classifier(rules).classify_response(self.status, self.headers, self.body.encode(errors="replace"), trace=True)


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception, rebuilt from its text."""

    exception: BaseException
    form = "exception"

    def failure(self, rules: Iterable[Rule] = ()) -> Failure:
        """Return its failure with the trace of the verdict; the operator's `rules` come first."""
        return Classifier(rules).classify(self.exception, trace=True)


def read(text: str, status: int | None = None) -> PastedResponse | Raised:
    """Read a pasted error.

    Args:
        text: what was pasted.
        status: the HTTP status if the person gives it; it overrides the text's.
    """
    text = text.strip()
    record = _json_object(text)
    if record is not None and _RECORD & record.keys() and not record.keys() & {"error", "message"}:
        return _from_record(record, status)
    if dump := _from_dump(text, status):
        return dump
    if record is not None or status is not None:
        return PastedResponse(status, {}, text)
    return Raised(_from_text(text))


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text) if text.startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _from_record(record: Mapping[str, Any], status: int | None) -> PastedResponse | Raised:
    found = status or _number(record.get("status", record.get("status_code")))
    headers = record.get("headers") if isinstance(record.get("headers"), dict) else {}
    body, raised = record.get("body"), record.get("exception")
    if body is None and raised:
        return Raised(_attributed(_from_exception_record(raised), found, headers or {}))
    return PastedResponse(found, {str(k): str(v) for k, v in (headers or {}).items()}, body if isinstance(body, str) else _dumped(body))


def _from_exception_record(raised: Any) -> BaseException:
    if not isinstance(raised, dict):
        return _from_text(str(raised))
    return _made(str(raised.get("type") or "Exception"), str(raised.get("message") or ""))


def _attributed(exc: BaseException, status: int | None, headers: Mapping[str, Any]) -> BaseException:
    """Set the attributes that an SDK would have set on the exception."""
    if status is not None:
        exc.status_code = status  # type: ignore[attr-defined]
    if headers:
        exc.headers = {str(k).lower(): str(v) for k, v in headers.items()}  # type: ignore[attr-defined]
    return exc


def _number(value: Any) -> int | None:
    return int(value) if str(value or "").isdecimal() else None


def _dumped(body: Any) -> str:
    return "" if body is None else json.dumps(body, ensure_ascii=False)


# ── HTTP dumps ──


def _from_dump(text: str, status: int | None) -> PastedResponse | None:
    """Read `HTTP/1.1 429 ...`, headers, an empty line, a body.

    The last of several responses counts.
    """
    if _CURL.search(text):
        text = _CURL.sub("", _CURL_CHATTER.sub("", text)).strip()
    starts = [m for m in _STATUS_LINE.finditer(text) if m.start() == 0 or text[m.start() - 1] == "\n"]
    if not starts or starts[0].start() != 0:
        return None
    headers: dict[str, str] = {}
    lines = text[starts[-1].start() :].splitlines()[1:]
    while lines and (header := _HEADER.fullmatch(lines[0].rstrip())):
        headers[header[1].lower()] = header[2]
        lines.pop(0)
    return PastedResponse(status or int(starts[-1][1]), headers, "\n".join(lines).strip())


# ── exceptions ──


def _from_text(text: str) -> BaseException:
    """Rebuild the exceptions of a traceback; return the last, with its causes linked."""
    previous: BaseException | None = None
    for part in _LINKS.split(text):
        exc = _one_exception(part.strip())
        exc.__cause__, previous = previous, exc
    assert previous is not None
    return previous


def _one_exception(text: str) -> BaseException:
    words = text.partition(_TRACEBACK)[2] if _TRACEBACK in text else text
    lines = words.strip("\n").splitlines()
    if _TRACEBACK in text:
        while lines and (lines[0].startswith((" ", "\t")) or not lines[0].strip()):
            lines.pop(0)
    match = _RAISED.fullmatch("\n".join(lines).strip())
    return _made(match["type"], match["text"] or "") if match else Exception(words.strip())


def _made(path: str, text: str) -> BaseException:
    """Return an exception of that name: a built-in one itself, a foreign one by name and module only."""
    module, _, name = path.rpartition(".")
    known = getattr(builtins, name, None) if module in {"", "builtins"} else None
    if isinstance(known, type) and issubclass(known, Exception):
        try:
            return known(text)
        except TypeError:  # it takes more than a text, like UnicodeDecodeError
            return Exception(text)
    foreign: type[Exception] = type(name if name.isidentifier() else "Exception", (Exception,), {"__module__": module or "builtins"})
    return foreign(text)
