"""How long to wait: read from wherever a provider may state it (headers, fields of the body, text).

All times are in seconds; `now` is Unix time. Nonsense ("soon", -5, a date that has passed) counts
as no statement: None.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.classify.certainty import ECHOING, unquoted
from sparekey.classify.reasons import rows
from sparekey.classify.tables import compiled, words

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence

    from sparekey.classify.evidence import ErrorReading

LONGEST: Final = 366 * 86400.0  # longer waits are cut to this
_EPOCH_SECONDS, _EPOCH_MILLIS = 1e9, 1e12
_UNIT_NAMES: Final = (
    (1e-6, "µs μs us microsecond microseconds"),
    (0.001, "ms msec msecs millisecond milliseconds 毫秒 ミリ秒 밀리초"),
    (1.0, "s sec secs second seconds seconde secondes seg segundo segundos sek sekunde sekunden"),
    (1.0, "с сек секунду секунды секунд 秒 秒钟 秒間 초"),  # noqa: RUF001 - Russian
    (60.0, "m min mins minute minutes minuto minutos minuten мин минуту минуты минут 分 分钟 分間 분"),
    (3600.0, "h hr hrs hour hours heure heures hora horas stunde stunden std ч час часа часов 小时 個小時 時間 시간"),
    (86400.0, "d day days jour jours día días dia dias tag tage tagen день дня дней 天 日 일"),
    (604800.0, "w week weeks semaine semaines semana semanas woche wochen неделю недели недель 周 週間 주"),
)
_UNITS: Final[Mapping[str, float]] = {name: seconds for seconds, names in _UNIT_NAMES for name in names.split()}
_NUMBER: Final = r"\d(?:(?<![a-z0-9_.\-:/]\d)|(?<=\bpt\d))"  # PT12S is a duration of ISO 8601
_PART: Final = (
    r"(\d{1,3}(?:,\d{3}){1,3}(?![\d,])|\d{1,13}(?:\.\d{1,20})?)"
    rf"(?:\s{{0,2}}({'|'.join(sorted(_UNITS, key=len, reverse=True))})(?![a-z\u0430-\u044f:])|(?![a-z\u0430-\u044f\d]|:\d))"
)
_BETWEEN: Final = r"[\s,]{0,3}(?:(?:and|und|et|y|e|и)\s)?\s{0,2}"
_CUE: Final = r"(?:(?P<bare><<wait bare>>)|<<wait>>)(?:[^.!?;\n]|\n(?!\n)){0,28}\Z|(?P<cjk><<wait cjk>>)[^。！？]{0,8}\Z"  # noqa: RUF001 - Chinese sentences end so
_LEADS: Final = r"[\s:=]{0,3}(?:in|after|for|at|at least|about|approximately)[\s:=~]{1,3}(?:about |approximately |at least |~)?"
_FIELD: Final = r"[\"'\s:=]{1,4}(?:about |approximately |at least |~)?"
_GOES_ON: Final = r"[ ]{1,2}(?!(?:or|and|before|then|to)\b)[^\W\d_]|\s{0,2}[/%]|[ ]{1,2}\d"
_PLAN: Final = r"\b(?:<<client plan>>)[ -]{1,2}\Z"
_LATER: Final = r"\s{0,2}(?:<<later>>)"
_LATER_AGAIN: Final = (
    r"\s{0,2}(?:<<later>>)(?:に|에)?[\s、,，]{0,2}(?:<<again>>)|(?<!\d)\s{1,2}(?:<<again>>)\b"  # noqa: RUF001 - a Chinese comma
    r"|[)）]?(?:ほど|ぐらい|くらい|間)?お?待|[)）]\s{0,2}(?:<<again>>)"  # noqa: RUF001 - a Chinese bracket
)
_ONE: Final = r"\b(?:one|une?|una|eine[rn]?|uma?)\s(?=(?:second|segund|sekund|minut|hour|heure|hora|stunde))"
_NUMERAL: Final = r"([一二两三四五六七八九]?)(十?)([一二三四五六七八九]?)(?=个?(?:秒|分|小时|小時|時間|天))"
_NUMERALS: Final = "零一二三四五六七八九"
_DATE: Final = (
    r"(\d{4})-(\d{2})-(\d{2})(?:(?:t| at | |, )\s{0,2}(\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?\s{0,2}(z|utc|gmt|[+-]\d{2}:?\d{2})?)?"
)
_CLOCK: Final = r"(\d{1,2})(?::(\d{2})(?::(\d{2}))?|(?=\s{0,2}[ap]m))\s{0,2}(am|pm)?\s{0,2}\(?(?:utc|gmt|z)\b"
_JUST_PAST: Final = 300.0  # a time of day that passed less than this ago means now
_LIMITS: Final = r"\b(?:remaining|r)=(\d{1,12})[^\"]*?\b(?:reset|t)=(\d{1,12})"  # the header `ratelimit` of two drafts
_TIMER: Final = r"(\d{1,3}):([0-5]\d):([0-5]\d)(?![\d:])"
_BEIJING: Final = 8 * 3600.0  # Chinese providers state local times without a zone (seen with Zhipu)
_HTTP_DATE: Final = r"(\d{1,2})[ -]([a-z]{3})[ -](\d{4}) (\d{2}):(\d{2}):(\d{2})"
_MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WINDOW: Final = 60
_MAX_NUMBERS: Final = 40
_MAX_PARTS: Final = 6


@cache
def _headers(kind: str) -> Sequence[tuple[str, str]]:
    return [(header, other) for _, (of, header, other, _) in rows("headers.tsv") if of == kind]


class Stated(NamedTuple):
    """A wait in seconds, or None; and whether it stood where no caller's words can stand."""

    seconds: float | None
    certain: bool = True


_NONE: Final = Stated(None)


def stated(reading: ErrorReading, now: float) -> Stated:
    """Return the stated wait: that of the headers, else the longest of fields and texts.

    Where none is stated, announced limits count (`x-ratelimit-reset` and the like). Dates are read
    against the server's own clock, if the response has a `Date`.
    """
    headers = reading.headers
    now = (_http_seconds(headers["date"].lower()) if "date" in headers else None) or now
    if headers and (wait := from_headers(headers, now)) is not None:
        return Stated(wait)
    texts = [text for layer in reading.layers for text in layer.texts]
    sure: list[float | None] = []
    unsure: list[float | None] = [wait for text in texts if (wait := from_text(text, now)) is not None]
    if unsure or reading.waits:
        echoing = not ECHOING.isdisjoint({reading.status, reading.inner_status()})
        unsure = [wait for text in texts if (wait := from_text(text, now, quoted=False)) is not None] if echoing else unsure
        for value, unit, quoted in reading.waits:
            (unsure if quoted else sure).append(read_value(value, unit, now))
        if unsure and not echoing:
            sure, unsure = [*sure, *unsure], []
        for found in (sure, unsure):
            if waits := [wait for wait in found if wait is not None]:
                return Stated(max(waits), found is sure)
    return Stated(from_limits(reading.inner_headers or headers, now)) if reading.inner_headers or headers else _NONE


def from_headers(headers: Mapping[str, str], now: float) -> float | None:
    """Return the wait that `retry-after` and similar headers state; the finer unit comes first."""
    found = (read_value(headers[name], float(unit), now) for name, unit in _headers("wait") if name in headers)
    return next((wait for wait in found if wait is not None), None) if headers else None


def from_limits(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds until the announced limit that is exhausted resets.

    If several are exhausted, or none says how much is left, it is the longest.
    """
    known: list[tuple[str, str | None]] = [(headers[reset], headers.get(left)) for reset, left in _headers("limit") if reset in headers]
    known += [(reset, left) for left, reset in compiled(_LIMITS).findall(headers.get("ratelimit", "")[:500])]
    exhausted = [reset for reset, left in known if left is not None and read_value(left, 1.0, now) == 0]
    exhausted = exhausted or [reset for reset, left in known if left is None]
    return max((wait for reset in exhausted if (wait := read_value(reset, 1.0, now)) is not None), default=None)


def read_value(value: Any, unit: float, now: float) -> float | None:
    """Read a field that states a wait: a number, a duration or a date.

    Args:
        value: the field.
        unit: seconds in one unit of a number. A large number is a Unix time, in seconds or
            milliseconds.
        now: the Unix time.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(value, unit, now)
    if not isinstance(value, str) or not (text := value.strip()[:100].lower()):
        return None
    try:
        return _number(float(text), unit, now)
    except ValueError:
        if text.startswith("p"):  # ISO 8601
            text = text[1:].replace("t", "", 1)
        duration, end, _ = read_duration(text, 0)
        moment = _http_seconds(text)
    if duration is not None and text[end : end + 1] in {"", ","}:  # a header that came twice
        return _bounded(duration)
    return _date_at(text, 0, now) if moment is None else _bounded(moment - now)


def from_text(text: str, now: float, *, quoted: bool = True) -> float | None:
    """Return the first wait that the provider's words state; None if they state none.

    `quoted` tells whether quoted parts count; they may be the caller's words.
    """
    text = text.lower()
    if text.isascii():
        if not any(map(text.__contains__, words("wait hint"))):
            return None
    else:
        text = compiled(_NUMERAL).sub(_digits, text)
    text = text if quoted else unquoted(text)
    if " one " in text or " un" in text or " ein" in text or " um" in text:
        text = compiled(_ONE).sub("1 ", text)
    for match in islice(compiled(_NUMBER).finditer(text), _MAX_NUMBERS):
        at = match.start()
        start = max(0, at - _WINDOW)
        before = text[start:at]
        cue = None if before.isascii() and not any(map(before.__contains__, words("wait hint"))) else compiled(_CUE).search(text, start, at)
        if cue is None or cue["cjk"]:
            wait, end, unit = read_duration(text, at)
            if wait is not None and compiled(_LATER_AGAIN).match(text, end) and (unit or not cue):
                return _bounded(wait)
        if cue and not (cue["bare"] and compiled(_PLAN).search(text, max(0, cue.start() - 14), cue.start())):
            wait = _stated_at(text, at, cue, now)
            if wait is not None or compiled(_DATE).match(text, at):  # a date that has passed is a statement too: it says now
                return wait
    return None


def _digits(numeral: re.Match[str]) -> str:
    tens, ten, ones = numeral.groups()
    if not numeral[0]:
        return ""
    number = _NUMERALS.find(tens.replace("两", "二")) if tens else 1
    return str(number * 10 + _NUMERALS.index(ones or "零")) if ten else str(_NUMERALS.index(ones) if ones and not tens else number)


def _stated_at(text: str, at: int, cue: re.Match[str], now: float) -> float | None:
    if (date := _date_at(text, at, now, _BEIJING if cue["cjk"] else 0.0)) is not None:
        return date
    if (timer := compiled(_TIMER).match(text, at)) and text[:at].endswith((" in ", " after ", " for ", ": ")):
        return _bounded(int(timer[1]) * 3600.0 + int(timer[2]) * 60 + int(timer[3]))
    wait, end, unit = read_duration(text, at)
    if wait is None or unit or cue["cjk"]:
        return None if wait is None or (cue["cjk"] and not compiled(_LATER).match(text, end)) else _bounded(wait)
    # A number counts without a unit after "in" and the like, or after the name of a field, but not
    # in texts like "retry 4/10" or "retry: 429"
    if not (bare := cue["bare"]) or compiled(_GOES_ON).match(text, end):
        return None
    led = compiled(_LEADS).fullmatch(text, cue.end("bare"), at)
    if led and led[0].split()[:1] == ["at"] and "least" not in led[0] and wait < _EPOCH_SECONDS:
        return None
    field = bare not in words("no field") and compiled(_FIELD).fullmatch(text, cue.end("bare"), at)
    return _number(wait, 1.0, now) if led or field else None


def read_duration(text: str, start: int) -> tuple[float | None, int, str]:
    """Read a duration at `start`; return its seconds, the place where it ends, and its last unit.

    Durations are `9m38.016s`, `644ms`, `5 days 22 hours 11 minutes`, or `20` (seconds).
    """
    total, end, last = None, start, ""
    for _ in range(_MAX_PARTS):
        if not (match := compiled(_PART).match(text, end)):
            break
        unit = match[2] or ""
        if not unit and total is not None:
            break
        total, end, last = (total or 0.0) + float(match[1].replace(",", "")) * _UNITS.get(unit, 1.0), match.end(), unit
        between = compiled(_BETWEEN).match(text, end)
        if not unit or between is None or not (more := compiled(_PART).match(text, between.end())) or not more[2]:
            break
        end = between.end()
    return total, end, last


def _number(number: float, unit: float, now: float) -> float | None:
    try:
        number = float(number)
    except OverflowError:
        return None
    if number >= _EPOCH_MILLIS:
        return _bounded(number / 1000 - now)
    return _bounded(number - now if number >= _EPOCH_SECONDS else number * unit)


def _bounded(seconds: float) -> float | None:
    return min(seconds, LONGEST) if math.isfinite(seconds) and seconds >= 0 else None


def _date_at(text: str, at: int, now: float, zone: float = 0.0) -> float | None:
    """Return the seconds until a date or a time of day at `at`; None if there is none.

    A date without a zone is taken as `zone` seconds east of UTC. A time of day needs a zone.
    """
    if match := compiled(_DATE).match(text, at):
        offset = match[7] or ""
        if offset[:1] in {"+", "-"}:
            zone = (int(offset[1:3]) * 3600 + int(offset[-2:]) * 60) * (1 if offset[0] == "+" else -1)
        moment = _unix(*(int(match[i] or 0) for i in range(1, 7)))
        return None if moment is None else _bounded(moment - (zone if offset not in {"z", "utc", "gmt"} else 0.0) - now)
    if (moment := _http_seconds(text, at)) is not None:
        return _bounded(max(moment - now, 0.0))
    if not (clock := compiled(_CLOCK).match(text, at)):
        return None
    hour, minute = int(clock[1]), int(clock[2] or 0)
    hour = hour % 12 + 12 * (clock[4] == "pm") if clock[4] else hour
    if hour > 23 or minute > 59:  # noqa: PLR2004 - a clock
        return None
    wait = (hour * 3600 + minute * 60 + int(clock[3] or 0) - now) % 86400
    return wait if wait < 86400 - _JUST_PAST else 0.0


def _unix(year: int, month: int, day: int, hour: int, minute: int, second: int) -> float | None:
    from datetime import UTC, datetime  # noqa: PLC0415 - its import takes a millisecond, and few errors state a date

    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _http_seconds(text: str, at: int | None = None) -> float | None:
    match = compiled(_HTTP_DATE).search(text) if at is None else compiled(_HTTP_DATE).match(text, at)
    if not match or match[2] not in _MONTHS:
        return None
    return _unix(int(match[3]), _MONTHS.index(match[2]) + 1, int(match[1]), int(match[4]), int(match[5]), int(match[6]))
