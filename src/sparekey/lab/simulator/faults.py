"""The faults of a simulated provider. A fault says what goes wrong; each wire words it its own way.

A fault is a frozen value. Make one with the functions below (`faults.quota()`, `faults.cut(after=40)`), and
pass it to `Provider.fail` or `Provider.script`. All times are in seconds; `FOREVER` lasts until the client
leaves or the simulator is closed.
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
"""How a wait is stated.

`retry-after` is a header in seconds, `retry-after-ms` one in milliseconds (with `x-ms-retry-after-ms`),
`date` an HTTP date; `text` states it in the message only.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The provider answers with an error.

    Attributes:
        kind: a key of the wire's table of wordings (`auth`, `quota`, `rate_limit`, ...).
        status: the HTTP status; None: the provider's usual one.
        retry_after: the stated wait in seconds, or a string for the header as it is (`"soon"`, `"-5"`).
        wait_form: how the wait is stated; None: as this provider does it.
        code: the error code; None: the provider's usual one.
        message: the text; None: the provider's usual one. `{key}`, `{masked_key}`, `{model}` and `{words}`
            (the caller's own text) are filled in.
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
    """The connection ends before any byte of an answer, with a TCP reset or an ordinary close."""

    hard: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The request is accepted and never answered; the connection is closed after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """A healthy answer that comes late.

    Attributes:
        before: seconds until the headers.
        first: seconds from the headers to the first token.
        each: seconds between two tokens.
    """

    before: float = 0.0
    first: float = 0.0
    each: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The answer breaks off after `after` tokens; a body that is no stream breaks off in its middle.

    Attributes:
        after: how many tokens are sent.
        how: `close` closes the connection during the transfer, `reset` resets it. `end` ends the transfer
            properly: HTTP sees a complete body, and only the missing terminator shows the cut. `done` also
            sends the terminator, but no finish reason.
        silent: seconds of silence before the end.
    """

    after: int
    silent: float = 0.0
    how: Literal["close", "reset", "end", "done"] = "close"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenEvent:
    """Event number `at` (from 1) is not JSON; a body that is no stream is not JSON as a whole."""

    at: int
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A complete stream from which something is missing.

    `done`: the terminator. `finish`: the finish reason too. `content`: all content.
    """

    what: Literal["done", "finish", "content"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorInside:
    """HTTP 200 with an error inside: an event after `after` tokens, or the whole JSON body."""

    refusal: Refusal
    after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBody:
    """A body that is sent as it is: an HTML page, nothing at all, or a refusal word for word.

    Attributes:
        before: seconds until it comes.
        headers: further response headers.
    """

    status: int
    body: bytes
    content_type: str
    before: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncated:
    """The JSON body ends early, although HTTP says that it is complete; `keep` is the share that is sent."""

    keep: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAlive:
    """A stream without content for `seconds`, then the answer.

    It sends comments (`comment`) or events without content (`empty`), one every `every` seconds.
    """

    style: Literal["comment", "empty"]
    every: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPrefill:
    """Healthy, except that a conversation that ends with an assistant message is rejected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongLength:
    """Every vector has `length` numbers, whatever the request asks for."""

    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dribble:
    """A healthy answer that is sent `size` bytes at a time, with `every` seconds between them."""

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
    """Refuse in the provider's words. The arguments are the fields of `Refusal`.

    The functions below make the usual kinds.
    """
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
    """Balance, credit or quota is used up.

    `retry_after` states when it returns, if the provider does.
    """
    return refuse("quota", retry_after=retry_after, message=message)


def daily_quota(*, retry_after: float | str | None = None) -> Refusal:
    """A 429 for a daily limit."""
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
    """HTTP 200 with an error (default: `overloaded()`) as an event after `after` tokens.

    A body that is no stream is the error as a whole.
    """
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
    """A status line and headers, and no body."""
    return RawBody(status=status, body=b"", content_type="application/json")


def verbatim(
    status: int,
    body: str,
    *,
    content_type: str = "application/json",
    before: float = 0.0,
    headers: Mapping[str, str] | None = None,
) -> RawBody:
    """Send a body word for word, whatever the wire, after `before` seconds."""
    return RawBody(status=status, body=body.encode(), content_type=content_type, before=before, headers=headers or {})


def truncated_json(keep: float = 0.5) -> Truncated:
    """The first `keep` (a share) of the JSON body, sent as if it were whole; in a stream that of the last event."""
    return Truncated(keep=keep)


def keepalive(style: Literal["comment", "empty"] = "comment", *, every: float = 0.05, seconds: float = FOREVER) -> KeepAlive:
    """A stream that sends keep-alives and no content for `seconds`.

    Raises:
        ValueError: `every` is not positive.
    """
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
