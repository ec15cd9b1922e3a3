"""Decide, without I/O, where one request goes: which credentials may be asked, in which order, and with what bytes."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from sparekey.providers import prefill
from sparekey.transport.affinity import ResourceAffinity, is_portable
from sparekey.transport.refusals import UnservableError
from sparekey.wire.formats import DIALECTS
from sparekey.wire.json_body import replaced
from sparekey.wire.request import understand
from sparekey.wire.rewrite import UnsafePathError, rewrite, safe

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sparekey.transport.routing_table import RoutingTable
    from sparekey.types import Credential
    from sparekey.wire.request import WireRequest

logger = logging.getLogger("sparekey")

_RETRIES: Final = b"x-stainless-retry-count"
Eligible: TypeAlias = "Callable[[Credential], bool] | None"
"""Which credentials may be asked; None: every one."""


class RawHeaders(NamedTuple):
    """Headers that are sent as they are."""

    raw: list[tuple[bytes, bytes]]


class OutgoingRequest(NamedTuple):
    """The parts of a request that the libraries' own transports read: making a whole one would cost as much as all that we do."""

    method: str
    url: Any
    headers: RawHeaders
    stream: Any
    extensions: Any


class Router:
    """Routes the requests of one transport to the credentials of its chain.

    Attributes:
        lib: the HTTP library.
        targets: where the requests of each credential go, by its id.
        affinity: which credential holds the file or the earlier response that a request names.
    """

    def __init__(self, table: RoutingTable, lib: Any, *, keep_bound: bool = True) -> None:
        """Take the targets of a chain; `keep_bound`: requests about what one account holds stay with it."""
        self.lib, self.targets = lib, table.targets
        self.affinity = ResourceAffinity()
        self._chain, self._vectors = table.chain, table.vectors
        self._able = {
            dialect: frozenset(n for n, t in table.targets.items() if DIALECTS[t.wire] == dialect) for dialect in DIALECTS.values()
        }
        self._keep_bound, self._warned = keep_bound, False
        self._url = lru_cache(256)(lib.URL)

    def read(self, request: Any, body: bytes) -> WireRequest:
        """Read a request of the SDK. One that no provider may see is refused here, before anybody could be blamed for it."""
        call = understand(request.method, request.url.raw_path, request.headers.raw, body)
        try:
            safe(call.resource)
        except UnsafePathError as exc:
            raise self.lib.LocalProtocolError(str(exc)) from None
        if not self._warned and any(name == _RETRIES and count != b"0" for name, count in call.headers):
            self._warned = True
            logger.warning("the SDK repeats failed requests by itself, on top of the chain: give it max_retries=0 (sdk_options does)")
        return call

    def candidates(self, call: WireRequest) -> list[Eligible]:
        """Return whom to ask: sets of credentials that are tried one after the other.

        A request about something else than the chain's model asks the active credential first, and never moves it.
        """
        able = self._able[call.dialect]
        if not able:
            raise self.lib.UnsupportedProtocol(f"no credential of the chain speaks the {call.dialect} format of this request")
        owner = self.affinity.owner(call) if self._keep_bound else None
        active = self._chain.active_id
        if owner in able:
            others = able - {owner}
            return [_only({owner}), _only(others)] if others and is_portable(call) else [_only({owner})]
        if call.kind == "other" and active in able:
            return [_only({active}), _only(able - {active})] if len(able) > 1 else [_only({active})]
        return [None if len(able) == len(self._chain.credentials) else _only(able)]

    def outgoing(self, call: WireRequest, credential: Credential, original: Any, *, own: bool) -> Any:
        """Return the request as it goes to a credential's host; `own`: to a transport that we made."""
        url, headers, body = rewrite(call, self.targets[credential.id])
        stream = self.lib.ByteStream(body)
        if own:
            return OutgoingRequest(call.method, self._url(url), RawHeaders(headers), stream, original.extensions)
        return self.lib.Request(call.method, self._url(url), headers=headers, stream=stream, extensions=original.extensions)

    def going_on(self, call: WireRequest, credential: Credential, text: str) -> WireRequest | None:
        """Return a request for what comes behind a text, or None where the credential's model is not known to take such a one."""
        target = self.targets[credential.id]
        found = prefill(credential.provider, target.model or call.model)
        messages = call.get("messages")
        if found is None or call.document is None or not isinstance(messages, list):
            return None
        document = replaced(call.document, "messages", found.continued(messages, text))
        return call._replace(document=document, body=document.text.encode())

    def check(self, call: WireRequest) -> None:
        """Refuse a request that no credential can serve.

        Raises:
            UnservableError: it asks for vectors that the chain does not have.
        """
        if call.kind == "embed" and self._vectors is not None and (text := self._vectors.refusal(call)):
            raise UnservableError(text)


def _only(names: Collection[str | None]) -> Callable[[Credential], bool]:
    return lambda credential: credential.id in names
