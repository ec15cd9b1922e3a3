"""How the requests with one head and one model are served, as long as their chain is ordinary.

A plan is made by what the engine itself uses (`routes.read`, `wire.rewrite`), for the first such request. Those that follow differ in
their bodies only, in which one value is replaced: a plan is kept only if that gives the very bytes that the engine would have sent.
"""

from __future__ import annotations

import json
import re
from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from sparekey.gateway.api import routes
from sparekey.gateway.api.replies import RefusalError
from sparekey.gateway.api.request_handler import chain_of
from sparekey.gateway.upstream.pool import written
from sparekey.transport.refusals import UnservableError
from sparekey.wire.json_body import Document, read
from sparekey.wire.large_json import is_slow
from sparekey.wire.rewrite import counting, needless, rewrite
from sparekey.wire.stream_reader import wants_events

if TYPE_CHECKING:
    from sparekey.engine.ordinary import OrdinaryCalls
    from sparekey.gateway.api.app import State
    from sparekey.gateway.api.served_chains import Served
    from sparekey.gateway.quick.head import RequestHead
    from sparekey.wire.request import WireRequest

_MODEL: Final = re.compile(rb'"model"[ \t\n\r]*:[ \t\n\r]*')
_ESCAPED: Final = re.compile(rb"\\u00[46][45c-f]")
"""A letter of "model" that is spelt as an escape, in a text in lower case."""
_LIST: Final = ord("[")
_TEXT: Final = ord('"')
_ONE: Final = frozenset({b"", b"1", b"null"})
"""What a request may say of the number of its answers: one, or nothing."""
_COUNTING: Final = counting(Document('{"":0}', {"": 0})).text[len('{"":0') : -1].encode()
"""What is added to a request for a stream whose tokens are asked for."""
_MOST_BODY: Final = 512 * 1024
"""The longest body that is served here."""


class Asks(IntEnum):
    """What a request asks for, as far as that decides how it is put and how its answer is read."""

    WHOLE = 0
    EVENTS = 1
    EVENTS_COUNTED = 2
    """Events, among them one with the tokens."""


class StreamOptions(msgspec.Struct, gc=False):
    """What a request says of its stream."""

    include_usage: bool | None = None


class GenerationConfig(msgspec.Struct, gc=False):
    """What a request of Gemini's says of its answer."""

    candidateCount: msgspec.Raw = msgspec.Raw()  # noqa: N815 - the field's name


class RequestFields(msgspec.Struct, gc=False):
    """The fields of a request that decide where it goes, and those whose type the gateway checks; the others are not looked at."""

    model: str = ""
    stream: bool | None = None
    messages: msgspec.Raw = msgspec.Raw()
    contents: msgspec.Raw = msgspec.Raw()
    prompt: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()
    requests: msgspec.Raw = msgspec.Raw()
    n: msgspec.Raw = msgspec.Raw()
    stream_options: StreamOptions | msgspec.UnsetType | None = msgspec.UNSET
    generationConfig: GenerationConfig | None = None  # noqa: N815 - as there


_decoded: Final = msgspec.json.Decoder(RequestFields).decode


class Outgoing(NamedTuple):
    """How the requests of a plan are put to one credential.

    Attributes:
        credential: its id.
        origin: scheme, host and port.
        head: request line and headers, to the place of the body's length.
        model: the name in the place of the caller's, as JSON; None: the body stays as it is.
        more: further fields of the body, to be written before its end.
        silence: the longest silence of its host in seconds; None: no limit.
        tail: the last lines of the answer's head.
    """

    credential: str
    origin: str
    head: bytes
    model: bytes | None
    more: bytes
    silence: float | None
    tail: bytes


class Plan:
    """How the requests with one head and one model are served.

    Attributes:
        served: their chain.
        call: such a request, without its body and headers.
        calls: the chain's ordinary requests.
        outs: how they are put to each credential, by its index, as far as that is known.
    """

    __slots__ = ("call", "calls", "outs", "served")

    def __init__(self, served: Served, call: WireRequest, calls: OrdinaryCalls) -> None:
        """Make the plan of a request's chain."""
        self.served, self.calls = served, calls
        options = call.get("stream_options") if call.stream else None
        self.call = call._replace(headers=(), body=b"", document=options and Document("", {"stream_options": options}))
        self.outs: dict[int, Outgoing] = {}

    def outgoing(self, index: int, head: RequestHead, body: bytes) -> Outgoing | None:
        """Return how a request is put to a credential, found with its first one; None: the engine does it."""
        found = self._made(index, head, body)
        if found is not None:
            self.outs[index] = found
        return found

    def for_vectors(self, body: bytes, credential_id: str) -> WireRequest | None:
        """Return a request for vectors with its fields, by which the answer is checked; None: the engine serves it."""
        if is_slow(body):
            return None
        call = self.call._replace(document=read(body))
        try:
            self.served.forwarder.router.check(call)
        except UnservableError:
            return None
        return None if needless(call, self.served.targets[credential_id]) else call

    def _made(self, index: int, head: RequestHead, body: bytes) -> Outgoing | None:
        served = self.served
        credential = served.chain.credentials[index]
        target = served.targets[credential.id]
        if target.body or is_slow(body):
            return None
        call = routes.read(head.asked, "POST", head.target, head.headers, head.named, body)
        put = rewrite(call, target)
        origin, lines = written("POST", put)
        end = b"%d\r\n\r\n" % len(put.body)
        model = None if head.model or not target.model or target.model == call.model else json.dumps(target.model).encode()
        more = _COUNTING if call.stream and served.forwarder.responses.hides_usage(call, credential) else b""
        if not lines.endswith(b"content-length: " + end) or spliced(body, "" if head.model else call.model, model, more) != put.body:
            return None
        tail = b"x-sparekey-attempts: 1\r\nx-sparekey-credential: %b\r\n" % credential.id.encode("ascii", "replace")
        return Outgoing(credential.id, origin, lines.removesuffix(end), model, more, served.forwarder.silence, tail)


def plan_of(head: RequestHead, state: State, body: bytes, calls: dict[str, tuple[OrdinaryCalls, OrdinaryCalls]]) -> Plan | None:
    """Return the plan for requests like this one; None: the engine serves them."""
    if is_slow(body):  # one that follows will do
        return None
    try:
        call = routes.read(head.asked, "POST", head.target, head.headers, head.named, body)
        served = chain_of(state, head.caller, call)
    except RefusalError:
        return None
    if call.kind == "other" or (call.stream and (call.kind != "chat" or not wants_events(call))):
        return None
    return Plan(served, call, calls[served.name][call.stream])


def fields_of(body: bytes, *, embeds: bool) -> RequestFields | str:
    """Return the fields of a request; a word that says why the engine has to read them.

    Args:
        body: the request's.
        embeds: it is one for vectors.

    Raises:
        ValueError: the body is not what the API takes.
    """
    if len(body) > _MOST_BODY:
        return "a long body"
    if not body.isascii():
        body.decode()
    found = _decoded(body)
    if found.stream and embeds:
        return "stream"
    talk = found.messages or found.contents
    asked, other = (memoryview(found.input), talk) if embeds else (memoryview(talk), found.input)
    if not asked or other or found.prompt or found.requests or (found.messages and found.contents):
        return "fields"
    return found if asked[0] == _LIST or (embeds and asked[0] == _TEXT) else "fields"


def asks(head: RequestHead, fields: RequestFields) -> Asks | None:
    """Return what a request asks for; None: the engine serves it, since several answers come beside each other, or nobody knows which."""
    if not fields.stream and not head.streams:
        return Asks.WHOLE
    options, config = fields.stream_options, fields.generationConfig
    if (head.model and fields.stream) or bytes(fields.n) not in _ONE:
        return None
    if config is not None and bytes(config.candidateCount) not in _ONE:
        return None
    if options is msgspec.UNSET:
        return Asks.EVENTS
    return Asks.EVENTS_COUNTED if options and options.include_usage else None


def spliced(body: bytes, model: str, other: bytes | None, more: bytes = b"") -> bytes | None:
    """Return a body with another model, as `wire.json_body.replaced` gives it; None where that takes a closer look.

    That is so where anything else in it may be read as another `model`.

    Args:
        body: the JSON of a request.
        model: the name of the model in it; "" where it is to name none.
        other: the other one as JSON; None: it stays as it is.
        more: further fields to write before its end.
    """
    low = body.lower()
    if low.count(b'"model"') != (1 if model else 0) or (b"\\" in body and _ESCAPED.search(low)):
        return None
    if more:
        end = body.rindex(b"}")
        body = body[:end] + more + body[end:]
    if other is None:
        return body
    at = body.find(b'"model"')
    name = b'"%b"' % model.encode()
    found = None if at < 0 else _MODEL.match(body, at)
    if found is None or not body.startswith(name, found.end()):
        return None
    return body[: found.end()] + other + body[found.end() + len(name) :]
