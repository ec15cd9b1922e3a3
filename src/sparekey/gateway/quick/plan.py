"""How the requests with one head and one model are served, as long as their chain is ordinary.

A plan is made by what the engine itself uses (`routes.read`, `wire.rewrite`), for the first such request. Those that follow differ in
their bodies only, in which one value is replaced: a plan is kept only if that gives the very bytes that the engine would have sent.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from sparekey.gateway.api import routes
from sparekey.gateway.api.replies import RefusalError
from sparekey.gateway.api.request_handler import chain_of
from sparekey.gateway.upstream.pool import written
from sparekey.transport.refusals import UnservableError
from sparekey.wire.json_body import read
from sparekey.wire.large_json import is_slow
from sparekey.wire.rewrite import needless, rewrite

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
_MOST_BODY: Final = 512 * 1024
"""The longest body that is served here."""


class RequestFields(msgspec.Struct, gc=False):
    """The fields of a request that decide where it goes, and those whose type the gateway checks; the others are not looked at."""

    model: str = ""
    stream: bool | None = None
    messages: msgspec.Raw = msgspec.Raw()
    contents: msgspec.Raw = msgspec.Raw()
    prompt: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()
    requests: msgspec.Raw = msgspec.Raw()


_decoded: Final = msgspec.json.Decoder(RequestFields).decode


class Outgoing(NamedTuple):
    """How the requests of a plan are put to one credential.

    Attributes:
        credential: its id.
        origin: scheme, host and port.
        head: request line and headers, to the place of the body's length.
        model: the name in the place of the caller's, as JSON; None: the body stays as it is.
        silence: the longest silence of its host in seconds; None: no limit.
        tail: the last lines of the answer's head.
    """

    credential: str
    origin: str
    head: bytes
    model: bytes | None
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
        self.call = call._replace(headers=(), body=b"", document=None)
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
        if not lines.endswith(b"content-length: " + end) or spliced(body, "" if head.model else call.model, model) != put.body:
            return None
        tail = b"x-sparekey-attempts: 1\r\nx-sparekey-credential: %b\r\n" % credential.id.encode("ascii", "replace")
        return Outgoing(credential.id, origin, lines.removesuffix(end), model, served.forwarder.silence, tail)


def plan_of(head: RequestHead, state: State, body: bytes, calls: dict[str, OrdinaryCalls]) -> Plan | None:
    """Return the plan for requests like this one; None: the engine serves them."""
    if is_slow(body):  # one that follows will do
        return None
    try:
        call = routes.read(head.asked, "POST", head.target, head.headers, head.named, body)
        served = chain_of(state, head.caller, call)
    except RefusalError:
        return None
    if call.kind == "other" or call.stream:
        return None
    return Plan(served, call, calls[served.name])


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
    if found.stream:
        return "stream"
    talk = found.messages or found.contents
    asked, other = (memoryview(found.input), talk) if embeds else (memoryview(talk), found.input)
    if not asked or other or found.prompt or found.requests or (found.messages and found.contents):
        return "fields"
    return found if asked[0] == _LIST or (embeds and asked[0] == _TEXT) else "fields"


def spliced(body: bytes, model: str, other: bytes | None) -> bytes | None:
    """Return a body with another model, as `wire.json_body.replaced` gives it; None where that takes a closer look.

    That is so where anything else in it may be read as another `model`.

    Args:
        body: the JSON of a request.
        model: the name of the model in it; "" where it is to name none.
        other: the other one as JSON; None: the body stays as it is.
    """
    low = body.lower()
    if low.count(b'"model"') != (1 if model else 0) or (b"\\u00" in low and _ESCAPED.search(low)):
        return None
    if other is None:
        return body
    at = body.find(b'"model"')
    name = b'"%b"' % model.encode()
    found = None if at < 0 else _MODEL.match(body, at)
    if found is None or not body.startswith(name, found.end()):
        return None
    return body[: found.end()] + other + body[found.end() + len(name) :]
