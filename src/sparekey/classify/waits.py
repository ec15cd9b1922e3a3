"""How long to wait, from everywhere a provider may state it: headers, fields of the body, the text."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST: Final = 366 * 86400.0
"""A longer statement is nonsense and is cut to this, in seconds."""
_EPOCH_SECONDS, _EPOCH_MILLIS = 1e9, 1e12
_UNIT_SECONDS: Final[Mapping[str, float]] = {
    **dict.fromkeys("ms msec msecs millisecond milliseconds 毫秒 ミリ秒 밀리초".split(), 0.001),
    **dict.fromkeys("s sec secs second seconds 秒 秒钟 초".split(), 1.0),
    **dict.fromkeys("m min mins minute minutes 分 分钟 分間 분".split(), 60.0),
    **dict.fromkeys("h hr hrs hour hours 小时 個小時 時間 시간".split(), 3600.0),
    **dict.fromkeys("d day days 天 日 일".split(), 86400.0),
    **dict.fromkeys("w week weeks 周 週間 주".split(), 604800.0),
}
_PART: Final = re.compile(
    r"(\d{1,12}(?:\.\d{1,20})?)\s{0,2}(milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w|毫秒|ミリ秒|밀리초|秒钟?|초|分钟|分間|分|분|小时|個小時|時間|시간|天|日|일|周|週間|주)?(?![a-zA-Z])",
    re.IGNORECASE,
)
_BETWEEN: Final = re.compile(r"[\s,]{0,3}(?:and\s)?\s{0,2}")
# The words before a wait. "retrying in 32 seconds" is a client's own plan and no statement of the provider, hence `retry` as a whole word.
_CUE: Final = re.compile(
    r"(?:\b(?:try(?: your request)? again|retry(?! attempt)|re-?try[- ]after|retry_after|retrydelay|wait(?:ing)?(?: for| at least| about| approximately| another)*|reset(?:s|ting)?|available(?: again)?"
    r"|renews?|refresh(?:es)?|resumes?|unblocked|lifted|expires|come back|next (?:request|attempt)|replenish(?:es|ed)?|estimated_time|regain access|restored?|cool(?:ing)?[- ]?down)\b"
    r"|请(?:在|于|等待|稍候)?|请您?|等待|将在|将于|于|あと)"
    r"[^\w\n]{0,4}(?:your request |again |requests? |is |will be |will |be |time |period |of |available |for |up )?(?:in|after|at|on|until|for|is|by|within|=|:|approximately|about)?(?: about| approximately| at least)?[\s:=\"'(~]{0,4}",
    re.IGNORECASE,
)
_CUE_AFTER: Final = re.compile(r"\s{0,2}(?:后|之后|以后|後|뒤|후|before (?:retrying|trying|making|sending|your next))", re.IGNORECASE)
_PLAN: Final = re.compile(r"(?:\bwill|\bwe'll|\bi'll|\bgoing to|\bauto(?:matically)?)[ -]{1,2}\Z", re.IGNORECASE)
_DATE: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:(?:T| at | |, )\s{0,2}(\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?\s{0,2}(Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?",
    re.IGNORECASE,
)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2})?\s{0,2}(am|pm)?\s{0,2}\(?(UTC|GMT|Z)\b", re.IGNORECASE)
_HTTP_DATE: Final = re.compile(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")

_LIMITS: Final = (
    # (reset, remaining): openai, azure, groq; anthropic; the IETF draft; openrouter, github, together
    ("x-ratelimit-reset-requests", "x-ratelimit-remaining-requests"),
    ("x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"),
    ("anthropic-ratelimit-requests-reset", "anthropic-ratelimit-requests-remaining"),
    ("anthropic-ratelimit-tokens-reset", "anthropic-ratelimit-tokens-remaining"),
    ("anthropic-ratelimit-input-tokens-reset", "anthropic-ratelimit-input-tokens-remaining"),
    ("anthropic-ratelimit-output-tokens-reset", "anthropic-ratelimit-output-tokens-remaining"),
    ("anthropic-ratelimit-unified-reset", "anthropic-ratelimit-unified-remaining"),
    ("ratelimit-reset", "ratelimit-remaining"),
    ("x-ratelimit-reset", "x-ratelimit-remaining"),
    ("x-rate-limit-reset", "x-rate-limit-remaining"),
    ("x-ratelimit-reset-after", "x-ratelimit-remaining"),
)


def from_headers(headers: Mapping[str, str], now: float) -> float | None:
    """Return the wait that `retry-after` and its kin state, in seconds from `now` (Unix time)."""
    for name, unit in (("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001)):
        if (wait := _plain(headers.get(name), unit)) is not None:
            return wait
    for name in ("retry-after", "x-retry-after", "retry_after"):
        if name in headers and (wait := read_value(headers[name], 1.0, now)) is not None:
            return wait
    return None


def from_limits(headers: Mapping[str, str], now: float) -> float | None:
    """Return when the exhausted one of the announced limits resets, in seconds from `now`; the longest, if several are exhausted."""
    known = [(headers[reset], headers.get(left)) for reset, left in _LIMITS if reset in headers]
    exhausted = [reset for reset, left in known if left is not None and _plain(left, 1.0) == 0]
    if not exhausted:
        exhausted = [reset for reset, left in known if left is None]
    waits = [wait for reset in exhausted if (wait := read_value(reset, 1.0, now)) is not None]
    return max(waits, default=None)


def read_value(value: Any, unit: float, now: float) -> float | None:
    """Read one field that states a wait: a number (of `unit` seconds, or a Unix time), a duration, a date. None for nonsense."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(float(value), unit, now)
    if not isinstance(value, str) or not (text := value.strip()[:100]):
        return None
    try:
        return _number(float(text), unit, now)
    except ValueError:
        pass
    if (date := _date_in(text, 0, now)) is not None:
        return date
    duration, end = read_duration(text, 0)
    return _bounded(duration) if duration is not None and not text[end:].strip() else None


def from_fields(fields: Iterable[tuple[Any, float]], now: float) -> float | None:
    """Return the longest wait that the body's own fields state."""
    return max((wait for value, unit in fields if (wait := read_value(value, unit, now)) is not None), default=None)


def from_text(text: str, now: float) -> float | None:
    """Return the first wait that the provider's words state, in seconds from `now`."""
    if not any(map(str.isdigit, text)):
        return None
    for cue in _CUE.finditer(text):
        if _PLAN.search(text, max(0, cue.start() - 14), cue.start()):
            continue
        if (date := _date_in(text, cue.end(), now)) is not None:
            return date
        wait, end = read_duration(text, cue.end())
        if wait is not None and (cue[0][:1].isascii() or _CUE_AFTER.match(text, end)):
            return _bounded(wait)
    return None


def read_duration(text: str, start: int) -> tuple[float | None, int]:
    """Read `9m38.016s`, `644ms`, `5 days 22 hours 11 minutes`, `20` (seconds) at `start`; return seconds and where it ends."""
    total, end = None, start
    while match := _PART.match(text, end):
        unit = (match[2] or "").lower()
        if not unit and total is not None:
            break
        total = (total or 0.0) + float(match[1]) * _UNIT_SECONDS.get(unit, 1.0)
        end = match.end()
        if not unit:
            break
        between = _BETWEEN.match(text, end)
        if between is None or not _PART.match(text, between.end()):
            break
        end = between.end()
    return total, end


def _plain(value: str | None, unit: float) -> float | None:
    try:
        return _bounded(float(value) * unit) if value is not None else None
    except ValueError:
        return None


def _number(number: float, unit: float, now: float) -> float | None:
    if number >= _EPOCH_MILLIS:
        return _bounded(number / 1000 - now)
    if number >= _EPOCH_SECONDS:
        return _bounded(number - now)
    return _bounded(number * unit)


def _bounded(seconds: float) -> float | None:
    return min(seconds, LONGEST) if math.isfinite(seconds) and seconds >= 0 else None


def _date_in(text: str, start: int, now: float) -> float | None:
    """Read a date or a time of day at `start`; a date without a zone is taken as UTC. None if there is none or if it has passed."""
    if match := _DATE.match(text, start):
        return _until(match, now)
    if match := _CLOCK.match(text, start):
        return _until_clock(int(match[1]), int(match[2]), (match[3] or "").lower(), now)
    if match := _HTTP_DATE.match(text, start):
        try:
            return _bounded(parsedate_to_datetime(match[0]).timestamp() - now)
        except (ValueError, OverflowError):
            return None
    return None


def _until(match: re.Match[str], now: float) -> float | None:
    year, month, day, hour, minute, second = (int(match[i] or 0) for i in range(1, 7))
    zone = match[7] or ""
    try:
        date = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        if zone[:1] in {"+", "-"}:
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
            date -= offset if zone[0] == "+" else -offset
        return _bounded(date.timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _until_clock(hour: int, minute: int, half: str, now: float) -> float | None:
    hour = hour % 12 + 12 * (half == "pm") if half else hour
    if hour > 23 or minute > 59:  # noqa: PLR2004 - a clock
        return None
    seconds = hour * 3600 + minute * 60 - now % 86400
    return seconds if seconds >= 0 else seconds + 86400
