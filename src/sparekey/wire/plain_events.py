"""The form in which events go on: the plain one that the SDKs of their wire read, whatever the host wrote.

Measured with the SDKs in tests/gateway/clients: Anthropic's take no notice of an event without its
name; Google's read nothing that does not begin with `data: `, be it a comment, an id, or a name in
front; OpenAI's in Python break on an event without data, and behind an id on every empty line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.wire import chat_completions, generate_content, messages, responses
from sparekey.wire.json_body import dumped, loads

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.wire.format import WireFormat
    from sparekey.wire.sse import Event


class Form(NamedTuple):
    """How the SDKs of one format want its events.

    Attributes:
        matches: find out whether the bytes of an event are written so.
        typed: whether an event's name is the `type` of its JSON.
        named: whether an event may have another name.
        marks: whether comments, which keep the line, may stand between events, and `[DONE]` behind them.
    """

    matches: Callable[[bytes], Any]
    typed: bool = False
    named: bool = False
    marks: bool = True


_DATA: Final = rb"data: [^\r\n]*\n\n"
_COMMENT: Final = re.compile(rb"(?::[^\r\n]*\n)+\n").fullmatch
_UNNAMED: Final = Form(re.compile(_DATA).fullmatch)
_TYPED: Final = Form(re.compile(rb"(?:event: [^\r\n]*\n)?" + _DATA).fullmatch, typed=True)
_EITHER: Final = Form(_TYPED.matches, named=True)
_GOOGLES: Final = Form(re.compile(rb"data: (?!\[DONE])[^\r\n]*(?:\n\n|\r\n\r\n)").fullmatch, marks=False)
"""Google's own hosts write CRLF; its SDKs take every event for JSON."""
_FORMS: Final[tuple[tuple[WireFormat, Form], ...]] = (
    (chat_completions, _UNNAMED),
    (generate_content, _GOOGLES),
    (messages, _TYPED),
    (responses, _TYPED),
)


def form_of(written: WireFormat) -> Form:
    """Return how the SDKs of a format want its events; what else streams has names as its hosts please."""
    return next((form for one, form in _FORMS if one is written), _EITHER)


def plain(form: Form, event: Event, value: Any) -> Event | None:
    """Return an event as SDKs read it; its data stay as they came unless they had several lines.

    Args:
        form: how they want it.
        event: the event.
        value: its JSON; None: it has none.

    Returns:
        The same event if it is plain, or one that is; None: there is nothing in it, and it would break them.
    """
    raw, data = event.raw, event.data
    if not data:
        return event if form.marks and _COMMENT(raw) is not None else None
    if data == b"[DONE]" and not form.marks:
        return None
    name = event.name if form.named else ""
    if form.typed and isinstance(value, dict):
        kind = value.get("type")
        name = kind if isinstance(kind, str) else event.name
    if form.matches(raw) is not None and name == event.name:
        return event
    if b"\n" in data or b"\r" in data:
        data = _in_one_line(data, value)
    head = b"event: %b\n" % name.encode() if name else b""
    return event._replace(raw=b"%bdata: %b\n\n" % (head, data), name=name, data=data)


def _in_one_line(data: bytes, value: Any) -> bytes:
    try:
        return dumped(loads(data) if value is None else value)
    except (ValueError, RecursionError):
        return b" ".join(data.split())
