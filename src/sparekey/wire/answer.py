"""Decide whether a success is an answer. Wrappers, transports and the gateway all ask here, for whole answers and for streams.

A success is an answer if it brings a visible text, a tool call, a refusal or a picture, or ends by its caller's own doing (his limit, his
content, his stop sequence, a pause). Anything else is none, and the next credential is asked: `InnerError` where words stand in the
answer's place, by which a classifier can tell what is wrong, `NoAnswerError` where nothing does.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.errors import DisguisedError, IncompleteAnswerError
from sparekey.masking import mask
from sparekey.wire import embeddings, large_json
from sparekey.wire.embeddings import inputs
from sparekey.wire.format import NOTHING, EventSummary, InnerError, MalformedEventError, NoAnswerError, has_words, is_visible
from sparekey.wire.json_body import dumped, loads
from sparekey.wire.sse import EventTooLongError, Splitter
from sparekey.wire.stream_reader import StreamReader, calls_are_cut, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.wire.request import WireRequest
    from sparekey.wire.sse import Event

_WELL_READ: Final = 8 * 1024 * 1024
"""Up to this many bytes the JSON of a success is read whole, whatever it holds."""
_MOST_READ: Final = 64 * 1024 * 1024
"""Up to this many bytes a success of few values (pictures) is read whole; of one of many that is only passed on, the outline. Above
it the ends are looked at."""
_END: Final = 4096
"""Bytes at each end of a long answer in which its id and its usage are looked for."""
_ID: Final = re.compile(rb'"id"\s*:\s*"([^"\\]{1,200})"')
_COUNTS: Final = {"responses/input_tokens": "input_tokens", "messages/count_tokens": "input_tokens", "countTokens": "totalTokens"}
"""Resources that count tokens -> the field of their answer."""
_ENVELOPE: Final = frozenset(
    {
        *("id", "object", "created", "created_at", "model", "usage", "choices", "system_fingerprint", "service_tier", "provider"),
        *("type", "role", "content", "stop_reason", "stop_sequence", "container", "context_management"),
        *("candidates", "modelVersion", "responseId", "usageMetadata", "promptFeedback", "createTime", "modelStatus"),
        *("output", "status", "instructions", "metadata", "tools", "tool_choice", "text", "reasoning", "truncation", "data", "completion"),
        *("request_id", "x_groq", "prompt_filter_results", "timings", "citations", "search_results", "sparekey"),
    }
)
"""Fields of an answer of any wire: their texts are no errors."""
_JUDGED: Final = (
    *("id", "object", "type", "status", "error", "base_resp", "choices", "content", "completion", "stop_reason", "candidates"),
    *("promptFeedback", "output", "incomplete_details", "usage", "usageMetadata", "detail", "message", "msg", "code", "success"),
)
"""Fields by which a long answer is judged."""
_SHAPES: Final = frozenset({"error", "choices", "content", "candidates", "output"})
"""Those of them that hold an answer, or an error."""
_MOST_WORDS: Final = 4096
"""A text in the place of an answer that is longer than this is a page, and no error."""
_LINES: Final = (b"data:", b"event:", b"id:", b"retry:", b":")
"""How the lines of a stream of events begin."""
_BOM: Final = b"\xef\xbb\xbf"


class WholeAnswer(NamedTuple):
    """A whole answer.

    Attributes:
        value: its JSON; None where there need be none.
        body: its bytes if they had to be written anew; else None.
        summary: what it tells; of a long one, and of one that is about no chat, only the tokens.
    """

    value: Any
    body: bytes | None = None
    summary: EventSummary = NOTHING


def read(call: WireRequest, body: bytes, *, in_full: bool = False) -> WholeAnswer:
    """Read the body of a success, without its encoding.

    Args:
        call: what was asked.
        body: the bytes; events, where a whole answer was asked for, become one.
        in_full: read it whole, however long it is: it is not passed on as it came.

    Raises:
        InnerError: it holds an error in the place of an answer.
        NoAnswerError: it holds no answer.
    """
    if call.kind == "chat" and form_of(body) == "events":
        value = _collected(call, body)
        return WholeAnswer(value, dumped(value), judge(call, value))
    many = call.kind != "embed" and large_json.has_many_values(body)
    if in_full and many:
        raise NoAnswerError("a success of very many values")
    if not in_full and (many or len(body) > _WELL_READ) and form_of(body) == "json" and _is_too_long(call, body, many=many):
        plain = body.removeprefix(_BOM).lstrip()
        value, summary = _long(call, plain)
        return WholeAnswer(value, None if plain is body else plain, summary)
    try:
        value = loads(plain := body.removeprefix(_BOM))
    except (ValueError, RecursionError) as exc:
        if call.kind == "other":
            return WholeAnswer(None)
        if call.kind == "embed" or in_full or isinstance(exc, UnicodeDecodeError) or form_of(plain) != "json":
            raise _no_json(body) from None
        value, summary = _long(call, plain.lstrip())  # perhaps a number is too long, or a list too deep, for Python
        return WholeAnswer(value, None if plain is body else plain, summary)
    return WholeAnswer(value, None if plain is body else plain, judge(call, value))


def _is_too_long(call: WireRequest, body: bytes, *, many: bool) -> bool:
    """Tell whether the JSON of a long success is not built: vectors are looked at as bytes, and pictures about no chat are none of ours."""
    return call.kind != "chat" or len(body) > _MOST_READ or many


def _long(call: WireRequest, body: bytes) -> tuple[Any, EventSummary]:
    """Judge a success that is too long to be built: of a chat's the outline, if it is not longer than `_MOST_READ`.

    Raises:
        InnerError: it is an error.
        NoAnswerError: it is no answer.
    """
    if body[-_END:].rstrip()[-1:] not in b"}]":
        if call.kind == "other":  # a file, perhaps
            return None, NOTHING
        raise NoAnswerError("a success whose body is no JSON")
    ends = _ends(body)
    passed = ends, EventSummary(usage=call.format.read_usage(ends))
    if call.kind != "chat" or len(body) > _MOST_READ:
        return passed
    if body[:1] == b"[":
        if call.dialect == "gemini" and call.stream:
            return passed
        raise NoAnswerError("a success of no shape that this API has")
    try:
        found = large_json.fields(body, _JUDGED)
    except ImportError:
        return passed
    except large_json.UnreadableError:
        raise NoAnswerError("a success whose body is no JSON") from None
    unread = {name for name, value in found.items() if isinstance(value, large_json.Unread)}
    if not unread & _SHAPES:
        return found, judge(call, {name: value for name, value in found.items() if name not in unread})
    if "error" in unread or (fault := _error({name: value for name, value in found.items() if name not in unread})) is not None:
        raise InnerError(b"{}" if "error" in unread else dumped(fault))
    return passed


def judge(call: WireRequest, value: Any) -> EventSummary:
    """Check the JSON of a success and return its summary.

    Raises:
        InnerError: it is an error.
        NoAnswerError: it is no answer.
    """
    if call.kind == "other":
        if _is_others_error(value):
            raise InnerError(dumped(value))
        return EventSummary(usage=call.format.read_usage(value))
    if isinstance(value, dict) and (found := _error(value)) is not None:
        raise InnerError(dumped(found))
    if call.kind == "embed":
        if not embeddings.holds_any(value) and inputs(call) != 0:
            raise _none(value, "a success without vectors")
        return EventSummary(usage=call.format.read_usage(value))
    if isinstance(value, dict) and (name := _COUNTS.get(call.resource.rpartition(":")[2])) is not None:
        if not isinstance(value.get(name), int):
            raise _none(value, "a success without a count")
        return NOTHING
    return _judge_chat(call, value)


def form_of(start: bytes) -> str:
    """Return what a body is by its first bytes: `json`, `events`, `text`, or "" where they do not tell yet."""
    start = start[:64].removeprefix(_BOM).lstrip()
    if not start:
        return ""
    if start[:1] in b"{[":
        return "json"
    if start.startswith(_LINES):
        return "events"
    return "" if any(line.startswith(start) for line in _LINES) else "text"


def _judge_chat(call: WireRequest, value: Any) -> EventSummary:
    is_list = isinstance(value, list) and call.dialect == "gemini" and call.stream  # so Gemini streams without events
    try:
        found = call.format.read_answer(value) if is_list or isinstance(value, dict) else None
        visible = found is not None and (found.said or is_visible(found.text))
    except (TypeError, AttributeError, KeyError, ValueError):
        raise _none(value, "a success of no shape that this API has") from None
    if found is not None and found.error:
        raise InnerError(dumped(_inner(value)))
    if found is not None and found.fault and not _is_to_come(call, value):
        raise NoAnswerError(f"the provider broke off its answer (finish reason: {found.fault})")
    if found is not None and found.tools and calls_are_cut(found.finish, [tool.arguments for tool in found.tools]):
        raise NoAnswerError("the arguments of a tool call are cut off")
    is_answer = visible and (is_list or call.format.fits(call.resource, value, whole=True))
    if not is_answer and not _is_to_come(call, value):
        raise _none(value, "a success without an answer")
    return found or NOTHING


def _is_to_come(call: WireRequest, value: Any) -> bool:
    """Tell whether the answer will be made later, as the caller asked (`background`)."""
    return call.get("background") is True and isinstance(value, dict) and value.get("status") in {"queued", "in_progress"} and "id" in value


def _error(value: dict[str, Any]) -> Any:
    """Return the error that stands in the place of a model's answer, or None. A field that says so counts, whatever stands beside it."""
    if value.get("error") or value.get("object") == "error" or value.get("type") == "error":
        return value
    base = value.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return value
    return None


def _is_others_error(value: Any) -> bool:
    """Tell whether the answer to a request about something else is an error. An object that reports one (a failed batch) is not."""
    if not isinstance(value, dict) or {"id", "object", "name"} & value.keys():
        return False
    return bool(value.get("error")) or value.get("success") is False


def _inner(value: Any) -> Any:
    """Return the error that stands in one of several answers."""
    choices = value.get("choices") if isinstance(value, dict) else None
    found = (choice.get("error") for choice in choices or () if isinstance(choice, dict))
    return next(({"error": error} for error in found if error), value)


def _none(value: Any, text: str) -> InnerError | NoAnswerError:
    """Return the failure for a success without an answer: an error if it holds texts in fields that no answer has."""
    spoken = {k: v for k, v in value.items() if k not in _ENVELOPE} if isinstance(value, dict) else value
    return InnerError(dumped(value)) if has_words(spoken) else NoAnswerError(text)


@contextlib.contextmanager
def as_library_errors() -> Iterator[None]:
    """Raise the library's public exceptions for what is wrong with an answer.

    Raises:
        DisguisedError: an error in the place of an answer; what it means is in its own words.
        IncompleteAnswerError: no answer, or none of a shape that the API has.
    """
    try:
        yield
    except InnerError as error:
        text = error.data.decode("utf-8", "replace")
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            body = text
        raise DisguisedError(f"an error inside a success: {mask(text)[:300]}", body) from None
    except (NoAnswerError, TypeError, AttributeError, KeyError, IndexError) as exc:
        raise IncompleteAnswerError(f"a success without an answer: {exc}") from None


def read_vectors(value: Any, *, joined: bool = False) -> embeddings.EmbeddingAnswer:
    """Read the vectors of the JSON, or the bytes, of an answer of any provider.

    `joined`: whether all inputs make one vector, as in `wire.embeddings.read_answer`.

    Raises:
        InnerError: it is an error.
        NoAnswerError: it holds no vectors.
    """
    if isinstance(value, bytes):
        try:
            value = loads(value.removeprefix(_BOM))
        except (ValueError, RecursionError):
            raise _no_json(value) from None
    if isinstance(value, dict) and (found := _error(value)) is not None:
        raise InnerError(dumped(found))
    try:
        return embeddings.read_answer(value, joined=joined)
    except NoAnswerError as exc:
        raise _none(value, str(exc)) from None


def none_of(values: list[Any], text: str) -> InnerError | NoAnswerError:
    """Return the failure for a stream that ended before any content: an error if one of its events holds texts that no answer has."""
    faults = (_none(value, text) for value in values if not isinstance(value, dict) or not isinstance(value.get("type"), str))
    return next((fault for fault in faults if isinstance(fault, InnerError)), NoAnswerError(text))


def _no_json(body: bytes) -> InnerError | NoAnswerError:
    """Return the failure for a body that is no JSON. A short text may say what is wrong; a page or a torn body does not."""
    text = body.strip()
    if text and len(text) <= _MOST_WORDS and text[:1] not in b"<{[" and b"\0" not in text:
        return InnerError(text)
    return NoAnswerError("a success whose body is no JSON")


def _collected(call: WireRequest, body: bytes) -> Any:
    """Return the whole answer that a stream of events holds."""
    splitter, reader, values = Splitter(), StreamReader(call.format, wanted(call)), []
    try:
        for event in (*splitter.feed(body), *splitter.end()):
            opening = not reader.content
            if not _fed(reader, event):
                break
            if opening and call.format.is_whole(reader.value):
                return reader.value
            if opening and not call.format.fits(call.resource, reader.value):
                raise NoAnswerError("an event that this API does not have")
            if reader.value is not None:
                values.append((event.name, reader.value))
        if not reader.complete and reader.content:
            raise NoAnswerError("the events ended without a finish reason: the answer is cut off")
        return call.format.answer_of_events(values)
    except (EventTooLongError, json.JSONDecodeError, TypeError, AttributeError, KeyError, IndexError) as exc:
        raise MalformedEventError(str(exc)) from None


def _fed(reader: StreamReader, event: Event) -> bool:
    """Read one event; return False for a fault behind a complete answer, which ends the reading and is not raised."""
    complete = reader.whole and reader.said
    try:
        summary = reader.feed(event)
        reader.is_stray(event)
    except (InnerError, NoAnswerError):
        if not complete:
            raise
        return False
    if summary.error and not complete:
        raise InnerError(event.data, event.raw)
    return not summary.error


def _ends(body: bytes) -> dict[str, Any]:
    """Return what stands at the ends of a long answer: its id, and the tokens that it counts."""
    found: dict[str, Any] = {}
    if name := _ID.search(body, 0, _END):
        found["id"] = name[1].decode("utf-8", "replace")
    if (at := body.rfind(b'"usage', max(0, len(body) - _END))) >= 0:
        with contextlib.suppress(ValueError, RecursionError):
            found |= loads(b"{" + body[at:].rstrip())
    return found
