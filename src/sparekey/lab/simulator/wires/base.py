"""The base of the wires, which read requests and render answers like their providers."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sparekey.lab.simulator.answers import count_tokens
from sparekey.lab.simulator.faults import bad_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sparekey.lab.simulator.answers import Voice
    from sparekey.lab.simulator.faults import Refusal
    from sparekey.lab.simulator.traffic import ReceivedRequest

_CHINA_SECONDS = 8 * 3600
ARGUMENTS: Final[Mapping[str, Any]] = {"query": "spare key"}
"""What a tool is called with, unless the provider has `calls`. It fits few schemas, but is JSON."""
Headers = tuple[tuple[str, str], ...]


class Mark(Enum):
    """The kind of a stream's frame; faults choose frames by it."""

    OPEN = auto()
    """Preamble: role, message start. No content."""
    TOKEN = auto()
    """One word of the answer, of its reasoning, or a piece of a tool call."""
    FINISH = auto()
    """The finish reason."""
    USAGE = auto()
    """Usage in a frame of its own."""
    DONE = auto()
    """The terminator."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One event of a stream, as the bytes that go out."""

    mark: Mark
    data: bytes


@dataclass(frozen=True, slots=True)
class ProviderReply:
    """An answer in full: a body, or the frames of a stream."""

    status: int = 200
    headers: Headers = ()
    body: bytes = b""
    frames: tuple[Frame, ...] = ()

    @property
    def events(self) -> bool:
        """Whether it is a stream of events.

        Frames without events are bytes in pieces, such as speech.
        """
        return bool(self.frames) and any(value.startswith("text/event-stream") for name, value in self.headers if name == "content-type")


@dataclass(frozen=True, slots=True)
class RequestedAnswer:
    """The parts of a request on which answers and faults depend.

    Attributes:
        kind: `chat`, `embed`, `models`, or a word of the wire's own (OpenAI's others go by their
            path: `responses`).
        model: the model or deployment that it names.
        texts: what is to be embedded, one string an input.
        words: the caller's own text, for usage and for errors that repeat it.
        stream: an answer in events is wanted.
        prefilled: the conversation ends with an assistant message.
        tool: the name of the tool that the answer shall call, or "".
        offered: the names of the tools that it may call, in the order of the request.
        arguments: what the tool is called with.
        dimensions: the vector length it asks for, or None.
        body: the parsed JSON body, for what only this wire knows.
        key: the key it came with.
        serial: the number of the request at this provider, from 1.
    """

    kind: str
    model: str = ""
    texts: tuple[str, ...] = ()
    words: str = ""
    stream: bool = False
    prefilled: bool = False
    tool: str = ""
    offered: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=lambda: ARGUMENTS)
    dimensions: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    serial: int = 0

    @property
    def prompt_tokens(self) -> int:
        """The stated number of input tokens; never 0, like real providers."""
        return max(1, count_tokens(self.words or " ".join(self.texts)))

    @property
    def longest_input(self) -> int:
        """The tokens of the longest text, or of the conversation.

        Four characters of a long word count as one token.
        """
        return max((max(count_tokens(text), len(text) // 4) for text in (self.words, *self.texts)), default=0)


@dataclass(frozen=True, slots=True)
class RefusalWording:
    """How a provider words one kind of refusal.

    `wait` is appended, with `{wait}` filled in, where a wait is stated.
    """

    status: int
    message: str
    code: str | None = None
    type: str | None = None
    param: str | None = None
    wait: str = ""
    wait_form: str | None = None
    """How the wait of this kind is stated, where that differs from the wire's usual form."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Data for this wire's `error_json` only."""


class UnreadableRequestError(Exception):
    """The wire cannot answer this request; `refusal` is the provider's answer."""

    def __init__(self, refusal: Refusal) -> None:
        """Create the exception with its refusal."""
        super().__init__(refusal.kind)
        self.refusal = refusal


GENERIC: Mapping[str, RefusalWording] = {
    "auth": RefusalWording(401, "Unauthorized"),
    "permission": RefusalWording(403, "Forbidden"),
    "overdue": RefusalWording(403, "Your account is overdue."),
    "quota": RefusalWording(402, "Insufficient balance."),
    "daily_quota": RefusalWording(429, "Quota of requests per day exceeded.", wait=" Try again in {wait}s."),
    "rate_limit": RefusalWording(429, "Rate limit exceeded: too many requests per minute.", wait=" Try again in {wait}s."),
    "overloaded": RefusalWording(503, "The service is overloaded. Please try again later."),
    "server_error": RefusalWording(500, "Internal server error"),
    "model_not_found": RefusalWording(404, "The model '{model}' does not exist."),
    "context_length": RefusalWording(400, "The input exceeds the maximum context length of the model."),
    "content_filter": RefusalWording(400, "The request was blocked by the content filter."),
    "bad_request": RefusalWording(400, "Invalid value for parameter 'temperature'."),
    "prefill": RefusalWording(400, "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"),
    "not_found": RefusalWording(404, "Not Found"),
}
"""The wording of a kind that a wire's own table does not have."""


class Wire(ABC):
    """One provider's HTTP interface. Stateless: one instance serves every request.

    A wire gives the class attributes below and three methods: `read`, `answer`, `error_json`.
    """

    name: ClassVar[str]
    root: ClassVar[str] = ""
    """The path of the SDK's base URL behind the provider's name, for instance `/v1`."""
    dimension: ClassVar[int] = 1536
    """The vector length when neither the provider nor the request names one."""
    keepalive: ClassVar[bytes] = b": keep-alive\n\n"
    wordings: ClassVar[Mapping[str, RefusalWording]] = {}
    wait_form: ClassVar[str] = "retry-after"
    """How this provider states a wait (see `faults.WaitForm`).

    The wording's `wait` text is always added.
    """

    @abstractmethod
    def read(self, seen: ReceivedRequest) -> RequestedAnswer:
        """Read the request; the caller fills in `key` and `serial`.

        Raises:
            UnreadableRequestError: the provider would refuse the request.
        """

    @abstractmethod
    def answer(self, ask: RequestedAnswer, voice: Voice) -> ProviderReply:
        """Render the healthy answer."""

    @abstractmethod
    def error_json(self, wording: RefusalWording, refusal: Refusal, ask: RequestedAnswer) -> Any:
        """Put an error into the provider's JSON shape."""

    def key(self, seen: ReceivedRequest) -> str:
        """Return the key the request came with, or ""."""
        return seen.headers.get("authorization", "").removeprefix("Bearer ").strip()

    def chunk(self, ask: RequestedAnswer) -> bytes:
        """Return an event without content, for `faults.keepalive("empty")`."""
        del ask
        return self.keepalive

    def refuse(self, refusal: Refusal, ask: RequestedAnswer) -> ProviderReply:
        """Render a refusal: status, headers, body."""
        wording = self.word(refusal, ask)
        headers = (*wait_headers(refusal, wording.wait_form or self.wait_form), *refusal.headers.items())
        return json_reply(self.error_json(wording, refusal, ask), status=wording.status, headers=headers)

    def error_frame(self, refusal: Refusal, ask: RequestedAnswer) -> bytes:
        """Render a refusal as an event inside a stream."""
        return sse(self.error_json(self.word(refusal, ask), refusal, ask))

    def inside(self, refusal: Refusal, ask: RequestedAnswer) -> ProviderReply:
        """Render a refusal inside a success."""
        return replace(self.refuse(refusal, ask), status=200)

    def word(self, refusal: Refusal, ask: RequestedAnswer) -> RefusalWording:
        """Choose the wording of a refusal and fill in what it names."""
        wording = self.wordings.get(refusal.kind) or GENERIC[refusal.kind]
        message = refusal.message or wording.message + (wording.wait if refusal.retry_after is not None else "")
        if refusal.wait_form == "text" and not wording.wait:
            message += " Please try again in {wait}s."
        return replace(
            wording,
            status=refusal.status or wording.status,
            code=refusal.code or wording.code,
            message=fill(message, refusal, ask),
        )


def fill(message: str, refusal: Refusal, ask: RequestedAnswer) -> str:
    """Fill in the fields of a message.

    The caller's own words come last, so that nothing inside them is filled in.
    """
    values = {
        "{wait}": wait_text(refusal.retry_after),
        "{date}": date_text(refusal.retry_after),
        "{moment}": moment_text(refusal.retry_after),
        "{model}": ask.model,
        "{masked_key}": f"{ask.key[:3]}{'*' * 8}{ask.key[-4:]}",
        "{key}": ask.key,
        "{words}": ask.words or " ".join(ask.texts),
    }
    for place, value in values.items():
        message = message.replace(place, value)
    return message


def wait_text(wait: float | str | None) -> str:
    """Return a wait as providers write it, without a needless fraction."""
    return f"{wait:g}" if isinstance(wait, int | float) else str(wait)


def date_text(wait: float | str | None) -> str:
    """Return the end of a wait, rounded up to a full minute, in the words of usage limits."""
    if not isinstance(wait, int | float):
        return str(wait)
    return time.strftime("%Y-%m-%d at %H:%M UTC", time.gmtime(time.time() + wait + 59))


def moment_text(wait: float | str | None) -> str:
    """Return the end of a wait to the second, in the form of servers in China."""
    if not isinstance(wait, int | float):
        return str(wait)
    return time.strftime("%Y-%m-%d %H:%M:%S +0800 CST", time.gmtime(time.time() + wait + _CHINA_SECONDS))


def wait_headers(refusal: Refusal, usual: str) -> Headers:
    """Return headers that state the wait of a refusal, in its own form or in the `usual` one."""
    wait, form = refusal.retry_after, refusal.wait_form or usual
    if wait is None or form in {"none", "text"}:
        return ()
    if isinstance(wait, str):
        return (("retry-after", wait),)
    if form == "retry-after-ms":
        return (("retry-after-ms", str(round(wait * 1000))), ("x-ms-retry-after-ms", str(round(wait * 1000))))
    if form == "date":
        return (("retry-after", formatdate(time.time() + wait, usegmt=True)),)
    return (("retry-after", wait_text(wait)),)


def json_reply(value: Any, *, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> ProviderReply:
    """Put a JSON value into a body."""
    return ProviderReply(status, (("content-type", "application/json"), *headers), json.dumps(value).encode())


def stream_reply(frames: Iterable[Frame], *, headers: Iterable[tuple[str, str]] = ()) -> ProviderReply:
    """Put frames into a stream of server-sent events."""
    return ProviderReply(200, (("content-type", "text/event-stream; charset=utf-8"), *headers), frames=tuple(frames))


def sse(value: Any, event: str = "") -> bytes:
    """Write one server-sent event; a string goes out as it is, everything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value)
    return (f"event: {event}\n" if event else "").encode() + f"data: {text}\n\n".encode()


def object_body(seen: ReceivedRequest, *needed: str) -> Mapping[str, Any]:
    """Return the JSON object of a request.

    Args:
        seen: the request.
        *needed: the names of fields that must be there.

    Raises:
        UnreadableRequestError: the body is no JSON object, or a field is missing.
    """
    if not isinstance(seen.json, dict):
        raise UnreadableRequestError(bad_request(message="We could not parse the JSON body of your request."))
    for name in needed:
        if name not in seen.json:
            raise UnreadableRequestError(bad_request(message=f"Missing required parameter: '{name}'."))
    return seen.json


def words_of(content: Any) -> str:
    """Return all texts in a message's content: strings, lists, and `text` fields of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return " ".join(filter(None, (words_of(content[name]) for name in ("text", "content", "parts") if name in content)))
    if isinstance(content, list):
        return " ".join(filter(None, map(words_of, content)))
    return ""
