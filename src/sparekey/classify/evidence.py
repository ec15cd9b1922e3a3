"""Collect the evidence: from whatever a failure looks like to codes, statuses, texts and waits, the innermost error first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify.prose import read_prose
from sparekey.classify.tolerant import find_data, read_data, read_json, unescape

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TEXT: Final = 12_000
"""Longer texts are read at both ends only: errors are told at the beginning, wrapped ones at the end."""
_TAIL: Final = 3_000
_MAX_LEVELS: Final = 40
_MAX_NODES: Final = 300
_MAX_NESTING: Final = 5
_MAX_CODE: Final = 120

_CODE, _MESSAGE, _STATUS, _WAIT, _WAIT_MS, _SKIP, _EITHER = range(7)
_ROLES: Final[Mapping[str, int]] = {
    **dict.fromkeys(
        "code type error_code errorcode error_type errortype err_code errcode ret_code retcode name __type reason quotaid quota_id quotametric "
        "finish_reason finishreason block_reason blockreason :exception-type exception_type exception-type bizcode biz_code sub_code subcode "
        "error_name errorname stop_reason stopreason internal_code err_type".split(),
        _CODE,
    ),
    **dict.fromkeys(
        "message msg detail details status_msg error_msg errormsg errmsg err_msg error_message errormessage error_description description title raw "
        "readablemessage localized_message localizedmessage output_text fault faultstring cause body response response_body errorbody "
        "failure_reason status_message statusmessage reasonphrase text info hint upstream_error provider_error original_error exception".split(),
        _MESSAGE,
    ),
    **dict.fromkeys("status status_code statuscode http_code http_status httpstatus httpstatuscode".split(), _STATUS),
    **dict.fromkeys(
        "retrydelay retry_after retryafter retry_after_seconds retryafterseconds estimated_time retry_in resets_in_seconds".split(), _WAIT
    ),
    **dict.fromkeys("resets_at reset_at resetsat reset_time resettime x-ratelimit-reset x-rate-limit-reset".split(), _WAIT),
    **dict.fromkeys("retry_after_ms retryafterms retry-after-ms".split(), _WAIT_MS),
    "retry-after": _WAIT,
    "error": _EITHER,
    "err": _EITHER,
    **dict.fromkeys(
        "param params request_id requestid id model failed_generation messages prompt content usage user_id provider_name links help url instance "
        "content_filter_result content_filter_results safety_ratings safetyratings stack $metadata loc ctx choices timestamp metadata_raw "
        "input output tools tool_calls arguments documentation_url safety_identifier trace_id traceid log_id logid extendedhelp "
        "quotadimensions object created data embedding citations system_fingerprint owner docs".split(),
        _SKIP,
    ),
}


@dataclass(slots=True)
class Level:
    """One error object, or one stretch of prose around it.

    Attributes:
        depth: how deep it stood; the deepest is the provider's own.
        quoted: it stood inside another error's prose, where a caller's words may stand, too.
    """

    depth: int
    where: str = ""
    quoted: bool = False
    codes: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Reading:
    """Everything that was found out about one failure."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    levels: list[Level] = field(default_factory=list)
    waits: list[tuple[Any, float]] = field(default_factory=list)
    """(value, unit in seconds) of the fields that state a wait."""
    nodes: int = 0

    def innermost(self) -> list[Level]:
        """Return the levels, deepest first."""
        if len(self.levels) > 1:
            return sorted(self.levels, key=_depth, reverse=True)
        return self.levels

    def inner_status(self) -> int | None:
        """Return the status that the innermost error names, or that of the response."""
        for level in self.innermost():
            if level.statuses:
                return level.statuses[-1]
        return self.status

    def add_body(self, body: Any, depth: int = 0) -> None:
        """Read a body: bytes, text, or the value of its JSON."""
        if isinstance(body, (bytes, bytearray, memoryview)):
            body = clip(bytes(body[: MAX_TEXT * 2]) + (bytes(body[-_TAIL:]) if len(body) > MAX_TEXT * 2 else b""))
        if isinstance(body, str):
            self.add_text(body, depth)
        elif isinstance(body, (dict, list, tuple)):
            self._walk(body, "", depth, quoted=False, nesting=0)

    def add_text(self, text: str, depth: int = 0, *, quoted: bool = False, nesting: int = 0) -> None:
        """Read a text: data in it goes to deeper levels, the prose around it to one of its own."""
        text = bounded(text).strip()
        if text[:1] in "{[" and text[-1:] in "}]" and (value := read_json(text)) is not None and not isinstance(value, str):
            self._walk(value, "", depth, quoted=quoted, nesting=nesting)
            return
        if text.startswith(("data:", "event:")):
            text = text.replace("data:", " ")
        prose, rest = [], text
        for _ in range(4):
            start = find_data(rest)
            if start < 0 or nesting > _MAX_NESTING:
                break
            if rest.startswith(("{\\", "[\\"), start) or rest[start + 1 : start + 8].lstrip().startswith("\\"):
                rest = unescape(rest)
                continue
            value, end = read_data(rest, start)
            if value:
                self._walk(value, "", depth + 1, quoted=quoted, nesting=nesting + 1)
                prose.append(rest[:start])
            else:
                prose.append(rest[:end])
            rest = rest[end:]
        prose.append(rest)
        self._add_prose(" ".join(prose), depth, quoted=quoted)

    def _add_prose(self, text: str, depth: int, *, quoted: bool) -> None:
        if not (text := text.strip()) or len(self.levels) >= _MAX_LEVELS:
            return
        level = Level(depth, "text", quoted)
        prose = read_prose(text)
        level.statuses, level.codes, level.numbers = prose.statuses, prose.codes, prose.numbers
        level.texts.append(prose.text)
        self.levels.append(level)

    def _walk(self, value: Any, where: str, depth: int, *, quoted: bool, nesting: int) -> None:
        self.nodes += 1
        if self.nodes > _MAX_NODES or nesting > 16 or len(self.levels) >= _MAX_LEVELS:  # noqa: PLR2004 - far deeper than any provider
            return
        if isinstance(value, dict):
            self._object(value, where, depth, quoted=quoted, nesting=nesting)
        elif isinstance(value, (list, tuple)):
            for item in value[:20]:
                if isinstance(item, str) and where in _ROLES and _ROLES[where] in {_MESSAGE, _EITHER}:
                    self.add_text(item, depth, quoted=quoted, nesting=nesting + 1)
                elif isinstance(item, (dict, list, tuple)):
                    self._walk(item, where, depth, quoted=quoted, nesting=nesting + 1)

    def _object(self, value: dict[Any, Any], where: str, depth: int, *, quoted: bool, nesting: int) -> None:
        level = Level(depth, where, quoted)
        for key, item in value.items():
            if item is None or isinstance(item, bool) or not isinstance(key, str):
                continue
            name = key.lower()
            role = _ROLES.get(name)
            if role == _SKIP:
                if name == "raw" or not isinstance(item, dict) or "error" not in item:
                    continue
            if isinstance(item, (dict, list, tuple)):
                self._walk(item, name, depth + 1, quoted=quoted, nesting=nesting + 1)
            elif role is not None:
                self._field(level, role, name, item, nesting)
        if level.codes or level.texts or level.statuses or level.numbers:
            self.levels.append(level)

    def _field(self, level: Level, role: int, name: str, item: Any, nesting: int) -> None:
        if role in {_WAIT, _WAIT_MS}:
            self.waits.append((item, 0.001 if role == _WAIT_MS else 1.0))
        elif isinstance(item, (int, float)):
            _number(level, item)
        elif not isinstance(item, str) or not item:
            return
        elif role == _MESSAGE or " " in item or (role == _EITHER and len(item) > 1):
            if role == _EITHER and " " not in item:
                level.codes.append(item[:_MAX_CODE])
            self._message(level, item, nesting)
        elif item.isdigit() or item.lstrip("-").isdigit():
            _number(level, int(item[:12]))
        else:
            level.codes.append(item[:_MAX_CODE])

    def _message(self, level: Level, text: str, nesting: int) -> None:
        text = bounded(text)
        start = find_data(text) if "{" in text or "[" in text else -1
        if start >= 0 and nesting < _MAX_NESTING:
            # JSON in the midst of prose may be the caller's; a message that is nothing but JSON is a wrapped error
            self.add_text(text, level.depth + 1, quoted=level.quoted or bool(text[:start].strip()), nesting=nesting + 1)
            return
        if "<" in text or "HTTP" in text or "tatus" in text or "code" in text or "(" in text or text[:1].isdigit():
            prose = read_prose(text)
            level.numbers += prose.numbers
            level.statuses += prose.statuses
            text = prose.text
        level.texts.append(text)


def _number(level: Level, number: float) -> None:
    if number == int(number):
        if 100 <= number < 600:  # noqa: PLR2004 - the range of HTTP statuses
            if number >= 400:  # noqa: PLR2004
                level.statuses.append(int(number))
        elif number:
            level.numbers.append(str(int(number)))


def _depth(level: Level) -> int:
    return level.depth


def bounded(text: str) -> str:
    """Return `text`, or its beginning and its end if it is longer than `MAX_TEXT`."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - _TAIL]} {text[-_TAIL:]}"


def clip(data: bytes) -> str:
    """Decode `data` whatever it holds."""
    return data.decode("utf-8", "replace")
