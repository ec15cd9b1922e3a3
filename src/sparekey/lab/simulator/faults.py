"""The faults a simulated provider can show: what goes wrong, not how a provider words it.

A fault is a frozen value; each wire renders it as its provider really would. Make them with the functions below
(`faults.quota()`, `faults.cut(after=40)`), hand them to `Provider.fail` or `Provider.script`.
All times are in seconds; `FOREVER` lasts until the client leaves or the simulator is closed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

FOREVER: Final = math.inf
WaitForm = Literal["retry-after", "retry-after-ms", "date", "text", "none"]
"""How a wait is stated: a header in seconds, in milliseconds (also `x-ms-retry-after-ms`) or as an HTTP date, or in the text only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The provider answers, and says no.

    Attributes:
        kind: a key of the wire's table of wordings (`auth`, `quota`, `rate_limit`, ...).
        status: another HTTP status than the provider's usual one.
        retry_after: the stated wait in seconds, or any string to be put into the header as it is (`"soon"`, `"-5"`).
        wait_form: how the wait is stated; None: as this provider does it.
        code: another error code than the provider's usual one.
        message: another text; `{key}`, `{masked_key}`, `{model}` and `{words}` (the caller's own text) are filled in.
        headers: further response headers.
    """

    kind: str
    status: int | None = None
    retry_after: float | str | None = None
    wait_form: WaitForm | None = None
    code: str | None = None
    message: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup:
    """The connection ends before any byte: with a TCP reset, or closed in the ordinary way."""

    hard: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The request is accepted and never answered; after `seconds` the connection is closed."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """A healthy answer that comes late: nothing for `before` seconds, headers, nothing for `first` seconds, `between` tokens `each`."""

    before: float = 0.0
    first: float = 0.0
    each: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The answer dies after `after` tokens (a body that is no stream: in the middle), once `silent` seconds have passed.

    `how`: `close` ends the connection in the middle of the transfer, `reset` with a TCP reset; `end` ends the transfer properly, so
    that HTTP sees a complete body and only the missing terminator tells; `done` sends the terminator, too, and no finish reason.
    """

    after: int
    silent: float = 0.0
    how: Literal["close", "reset", "end", "done"] = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenEvent:
    """The event number `at` (from 1) is not JSON; a body that is no stream is not JSON as a whole."""

    at: int
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A complete stream without its terminator (`done`), without its finish reason as well (`finish`), or without content."""

    what: Literal["done", "finish", "content"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInside:
    """HTTP 200, and inside it the error: as an event after `after` tokens, or as the whole JSON body."""

    refusal: Refusal
    after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBody:
    """A body as it is: an HTML page, nothing at all, a refusal word for word. `before`: seconds until it comes; `headers`: further ones."""

    status: int
    body: bytes
    content_type: str
    before: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncated:
    """The JSON body ends early although HTTP says that it is complete; `keep` is the share that is left."""

    keep: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAlive:
    """A stream of comments (`comment`) or of events without content (`empty`), one each `every` seconds for `seconds`, then the answer."""

    style: Literal["comment", "empty"]
    every: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPrefill:
    """Healthy, but a conversation that ends with an assistant message is rejected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongLength:
    """Vectors come back `length` numbers long, whatever was asked for."""

    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dribble:
    """A healthy answer that comes `size` bytes at a time with `every` seconds between them."""

    size: int
    every: float


Fault = (
    Refusal | Hangup | Silence | Delay | Cut | BrokenEvent | Missing | ErrorInside | RawBody | Truncated | KeepAlive | NoPrefill
    | WrongLength | Dribble
)  # fmt: skip


def refuse(
    kind: str,
    *,
    status: int | None = None,
    retry_after: float | str | None = None,
    wait_form: WaitForm | None = None,
    code: str | None = None,
    message: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Refusal:
    """Say no in the provider's words; the fields are those of `Refusal`. The functions below name the usual kinds."""
    return Refusal(
        kind=kind, status=status, retry_after=retry_after, wait_form=wait_form, code=code, message=message, headers=headers or {}
    )


def auth(*, message: str | None = None) -> Refusal:
    """The key is not accepted."""
    return refuse("auth", message=message)


def permission() -> Refusal:
    """The key is accepted and not allowed to do this."""
    return refuse("permission")


def overdue() -> Refusal:
    """The account is overdue, suspended or disabled."""
    return refuse("overdue")


def quota(*, retry_after: float | str | None = None, message: str | None = None) -> Refusal:
    """Balance, credit or quota is used up; `retry_after` states when it returns, where the provider states such a thing."""
    return refuse("quota", retry_after=retry_after, message=message)


def daily_quota(*, retry_after: float | str | None = None) -> Refusal:
    """A 429 that means "per day"."""
    return refuse("daily_quota", retry_after=retry_after)


def rate_limit(*, retry_after: float | str | None = None, wait_form: WaitForm | None = None) -> Refusal:
    """Too many requests a minute, with a stated wait if `retry_after` is given."""
    return refuse("rate_limit", retry_after=retry_after, wait_form=wait_form)


def overloaded(*, retry_after: float | str | None = None) -> Refusal:
    """The provider has no capacity at the moment."""
    return refuse("overloaded", retry_after=retry_after)


def server_error(*, status: int | None = None) -> Refusal:
    """An internal error of the provider."""
    return refuse("server_error", status=status)


def model_not_found() -> Refusal:
    """The model does not exist, or not for this key."""
    return refuse("model_not_found")


def context_length() -> Refusal:
    """The input is longer than the model's context."""
    return refuse("context_length")


def content_filter() -> Refusal:
    """The provider's safety system refuses the request."""
    return refuse("content_filter")


def bad_request(*, message: str | None = None) -> Refusal:
    """A parameter that the model does not take."""
    return refuse("bad_request", message=message)


def echo_words() -> Refusal:
    """A 400 that repeats the caller's own text."""
    return refuse("bad_request", message="Invalid value: '{words}'. Supported values are: 'auto' and 'none'.")


def echo_key() -> Refusal:
    """An authentication error that repeats the whole key."""
    return refuse("auth", message="Incorrect API key provided: {key}.")


def reset() -> Hangup:
    """TCP reset before any byte of an answer."""
    return Hangup(hard=True)


def hangup() -> Hangup:
    """The connection is closed before any byte of an answer."""
    return Hangup(hard=False)


def hang(seconds: float = FOREVER) -> Silence:
    """Accept the request and never answer; after `seconds` the connection is closed."""
    return Silence(seconds=seconds)


def slow_start(seconds: float) -> Delay:
    """Headers at once, the first token after `seconds`."""
    return Delay(first=seconds)


def slow(*, before: float = 0.0, each: float = 0.0) -> Delay:
    """Nothing at all for `before` seconds, then a token every `each` seconds."""
    return Delay(before=before, each=each)


def cut(*, after: int, how: Literal["close", "reset", "end", "done"] = "close") -> Cut:
    """The stream dies after `after` tokens, without a finish reason."""
    return Cut(after=after, how=how)


def stall(*, after: int, seconds: float = FOREVER) -> Cut:
    """The stream falls silent after `after` tokens and is closed `seconds` later."""
    return Cut(after=after, silent=seconds)


def broken_event(*, at: int = 10, data: str = '{"id": "broken", "choices": [{"del') -> BrokenEvent:
    """Event number `at` (from 1) is not JSON."""
    return BrokenEvent(at=at, data=data)


def no_done() -> Missing:
    """The stream is complete with its finish reason; only the terminator is missing."""
    return Missing(what="done")


def no_finish() -> Missing:
    """Every token comes, and neither a finish reason nor a terminator."""
    return Missing(what="finish")


def empty_answer() -> Missing:
    """A well-formed answer without any content."""
    return Missing(what="content")


def error_event(refusal: Refusal | None = None, *, after: int = 0) -> ErrorInside:
    """HTTP 200, and the error (default: `overloaded()`) as an event after `after` tokens; without a stream it is the JSON body."""
    return ErrorInside(refusal=refusal or overloaded(), after=after)


def error_body(refusal: Refusal | None = None) -> ErrorInside:
    """HTTP 200 whose first event or whole JSON body is the error (default: `quota()`)."""
    return ErrorInside(refusal=refusal or quota())


def html(status: int = 502) -> RawBody:
    """An HTML page of some proxy in front of the provider, as nginx words it."""
    words = f"{status} {HTTPStatus(status).phrase}"
    page = f"<html>\r\n<head><title>{words}</title></head>\r\n<body>\r\n<center><h1>{words}</h1></center>\r\n"
    page += "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    return RawBody(status=status, body=page.encode(), content_type="text/html")


def empty_body(status: int = 200) -> RawBody:
    """A status line, headers, and nothing behind them."""
    return RawBody(status=status, body=b"", content_type="application/json")


def verbatim(
    status: int,
    body: str,
    *,
    content_type: str = "application/json",
    before: float = 0.0,
    headers: Mapping[str, str] | None = None,
) -> RawBody:
    """Send a body word for word, whatever the wire; `before`: seconds until it comes."""
    return RawBody(status=status, body=body.encode(), content_type=content_type, before=before, headers=headers or {})


def truncated_json(keep: float = 0.5) -> Truncated:
    """The first `keep` (a share) of the JSON body, sent as if it were the whole; in a stream, that share of the last event."""
    return Truncated(keep=keep)


def keepalive(style: Literal["comment", "empty"] = "comment", *, every: float = 0.05, seconds: float = FOREVER) -> KeepAlive:
    """A stream that shows life and brings no content for `seconds`; ValueError if `every` is not positive."""
    if every <= 0:
        raise ValueError(f"every must be positive, not {every}")
    return KeepAlive(style=style, every=every, seconds=seconds)


def no_prefill() -> NoPrefill:
    """Healthy, but a trailing assistant message is rejected."""
    return NoPrefill()


def wrong_length(length: int = 7) -> WrongLength:
    """Vectors of `length` numbers, whatever was asked for."""
    return WrongLength(length=length)


def dribble(*, size: int = 1, every: float = 0.01) -> Dribble:
    """A healthy answer in drops of `size` bytes, one every `every` seconds."""
    return Dribble(size=size, every=every)
