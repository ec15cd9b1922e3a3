# Generated from src/sparekey/transport/asynchronous.py by tools/sync.py: change that file, then `make sync`.
"""The loop of `sparekey.transport.asynchronous` for threads: the same but for `await`."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from sparekey.engine import Failover, limits
from sparekey.engine.closing import on_abandon
from sparekey.engine.limits import Limits, limited
from sparekey.errors import AllCredentialsFailedError, DeadlineExceeded, LimitExceeded, OverloadedError, VectorSpaceError
from sparekey.transport.affinity import ForeignState
from sparekey.transport.connections import Connections
from sparekey.transport.event_filter import EventFilter, Item, ItemReading, StreamBreak
from sparekey.transport.refusals import Refused, UnservableError, merged, response
from sparekey.transport.responses import ResponseValidator, counted, most_of, unread
from sparekey.transport.routing import Router
from sparekey.transport.routing_table import Source, routing_table
from sparekey.transport.side_requests import with_side_requests
from sparekey.transport.vectors import RefusedLengths
from sparekey.wire.clients import interrupt
from sparekey.wire.large_json import LARGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sparekey.core.events import Event
    from sparekey.engine.stream import Stream
    from sparekey.providers import Family
    from sparekey.transport.routing import Eligible
    from sparekey.transport.routing_table import RoutingTable
    from sparekey.types import Attempt, Credential
    from sparekey.wire.request import WireRequest

READING: Final = ItemReading()
"""How the items of a stream are read."""
_ASKED_ONCE: Final[Limits] = {"max_retries": 0, "retry_same": False}


class Forwarded(NamedTuple):
    """What a request got.

    Attributes:
        response: the response of the credential that answered.
        items: the rest of its events, where it is a stream.
        attempts: the ledger of the call.
    """

    response: Any
    items: Stream[Item] | None
    attempts: Sequence[Attempt]


class Forwarder:
    """Puts requests to the credentials of a chain until one answers. A subclass makes the connections.

    Attributes:
        chain: the chain, with an eye for requests that are not about its own model.
        router: whom a request is put to, and as what.
        responses: what a response is worth.
    """

    def __init__(
        self,
        table: RoutingTable,
        lib: Any,
        *,
        keep_bound: bool = True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take a chain with its targets, and the HTTP library; `sleep` waits so many seconds.

        `keep_bound`: requests about a file, a batch, or an earlier response go to the credential that has it.
        """
        self.chain = table.chain.reading(with_side_requests(table.classify))
        if table.vectors is not None:
            table.vectors.remembered_by(self.chain)
        self.router = Router(table, lib, keep_bound=keep_bound)
        self.responses = ResponseValidator(table, lib, self.router.affinity)
        self._foreign = ForeignState(self.router.affinity)
        self._lengths = RefusedLengths(table.targets)
        self._sparing: Final = (self._lengths, self._foreign)
        self._failover = Failover(self.chain, sleep=sleep)

    def forward(self, call: WireRequest, request: Any = None) -> Forwarded:
        """Return the first answer.

        Args:
            call: the request, as `Router.read` gives it.
            request: the caller's own, where the library has one.

        Raises:
            Refused: the provider's own refusal, where no other credential can help.
            AllCredentialsFailedError: every credential was tried or is parked.
            OverloadedError: the chain has no room for it.
            DeadlineExceeded: the chain's deadline was spent.
            UnservableError: nobody in the chain can serve such a request.
            Exception: the library's own, where no credential speaks the format of this request.
        """
        self.router.check(call)
        candidates = self.router.candidates(call)
        if len(candidates) == 1:
            return self._put(call, request, candidates[0])
        return self._put_in_turn(call, request, candidates)

    @property
    def is_plain(self) -> bool:
        """Whether requests go to every credential alike: nothing is known of one that another could not read."""
        return not (self.router.affinity.knows_any or self._foreign.knows_any or self._lengths.knows_any)

    def once(self, call: WireRequest, credential: Credential, request: Any = None) -> Any:
        """Make one attempt at a whole answer with one credential, whatever the chain thinks of it."""
        for one in self._sparing:
            call = one.spared(call, credential)
        response = self._send(call, credential, request)
        if not self.responses.wants_reading(call, response):
            return response
        try:
            return self._validated(call, credential, response, self._body(response))
        except Refused as refused:
            sparing = next(((one, less) for one in self._sparing if (less := one.without(call, credential, refused))), None)
            if sparing is None:
                raise
            fault = refused
        teacher, spared = sparing
        response = self._send(spared, credential, request)
        try:
            found = self._validated(spared, credential, response, self._body(response))
        except (Refused, VectorSpaceError):
            raise fault from None
        teacher.learn(call, credential)
        return found

    def _put_in_turn(self, call: WireRequest, request: Any, candidates: Sequence[Eligible]) -> Forwarded:
        """Put a request to one set of credentials after the other, within one deadline.

        Only the last set is waited for: a second try and a second round are for those who have nobody else to ask.
        """
        chain, faults = self.chain, list[AllCredentialsFailedError]()
        deadline = limited(chain.pool.policy).deadline
        until = None if deadline is None else chain.clock() + deadline
        for left, eligible in zip(range(len(candidates))[::-1], candidates, strict=True):
            own: Limits = {"deadline": deadline, **(_ASKED_ONCE if left else {})}
            try:
                with limits(**own):
                    found = self._put(call, request, eligible)
            except AllCredentialsFailedError as error:
                faults.append(error)
            else:
                return found._replace(attempts=[*(one for fault in faults for one in fault.attempts), *found.attempts])
            if until is not None and (deadline := until - chain.clock()) <= 0:
                break
        raise merged(faults)

    def _put(self, call: WireRequest, request: Any, eligible: Eligible) -> Forwarded:
        if not call.stream:
            answer = self._failover.run(
                lambda credential: self.once(call, credential, request),
                eligible=eligible,
                usage=counted,
                body=call.body,
                races=call.kind != "other",  # a file that is uploaded twice is two files
            )
            return Forwarded(answer.value, None, answer.attempts)

        items = self._stream(call, request, eligible)
        try:
            head = next(items)
            if head.content:
                next(items, None)
        except BaseException:
            items.close()
            raise
        return Forwarded(head.response, None if head.content else items, items.attempts)

    def _stream(self, call: WireRequest, request: Any, eligible: Eligible) -> Stream[Item]:
        """Return the steps of the stream that a request asks for."""

        def resume(credential: Credential, text: str) -> Any:
            more = self.router.going_on(call, credential, text)
            return None if more is None else self._items(more, credential, request)

        return self._failover.stream(
            lambda credential: self._items(call, credential, request), eligible=eligible, reading=READING, resume=resume, body=call.body
        )

    def _items(self, call: WireRequest, credential: Credential, request: Any) -> Iterator[Item]:
        """Make one attempt at a stream: its response, then its events; a whole answer comes as one item."""
        call = self._foreign.spared(call, credential)
        response = self._send(call, credential, request)
        if not self.responses.is_stream(call, response):
            body = self._body(response)
            try:
                yield Item(call.format, content=True, response=self._validated(call, credential, response, body))
            except Refused as refused:
                spared = self._foreign.without(call, credential, refused)
                if spared is None:
                    raise
                fault = refused
            else:
                return
            response = self._send(spared, credential, request)
            if not self.responses.is_stream(spared, response):
                raise fault
            self._foreign.learn(call, credential)
        source, events = response.stream, EventFilter(self.responses, call, credential, response)
        on_abandon(partial(interrupt, response))  # wakes what is blocked in a read; nothing is on a thread
        try:
            decoding = self.responses.decoding(response)
            yield Item(call.format, response=response)
            waiting = 0  # bytes since the last item
            for chunk in decoding.iter_bytes() if decoding else source:
                waiting += len(chunk)
                for item in events.items(chunk) if waiting < LARGE else self.read_apart(events, chunk):
                    waiting = 0
                    yield item
            for item in events.items(None) if waiting < LARGE else self.read_apart(events, None):
                yield item
        finally:
            source.close()

    def _send(self, call: WireRequest, credential: Credential, request: Any) -> Any:
        """Write a request to a credential's host; return the response as soon as its headers are there.

        Raises:
            Exception: the library's own: there is no response.
        """
        raise NotImplementedError

    def _validated(self, call: WireRequest, credential: Credential, response: Any, raw: bytes) -> Any:
        """Return a response that was read, for the caller; see `ResponseValidator.validated`."""
        return self.responses.validated(call, credential, response, raw)

    def read_apart(self, events: EventFilter, chunk: bytes | None) -> Iterable[Item]:
        """Return what can go on with a chunk of bytes if that may be a long event; see `EventFilter.items`."""
        return events.items(chunk)

    def _body(self, response: Any) -> bytes:
        """Return the body of a response as it came; of an error, the beginning."""
        found, most = bytearray(), most_of(response)
        try:
            for chunk in response.stream:
                found += chunk
                if len(found) > most:
                    break
        finally:
            response.stream.close()
        return bytes(found)


class SdkStream:
    """The rest of a stream, on its way to the SDK. Closing it closes the connection to the provider."""

    lib: ClassVar[Any]

    def __init__(self, items: Stream[Item], call: WireRequest) -> None:
        """Take the items behind the first one, and the request that they answer."""
        self._items, self._break = items, StreamBreak(call)

    def __iter__(self) -> Iterator[bytes]:
        try:
            for item in self._items:
                if self._break.counts:
                    self._break.passed(item)
                yield item.data
        except Refused as refused:
            yield from self._break.pieces(refused)
            raise self.lib.RemoteProtocolError("the stream ended with an error event") from None
        except LimitExceeded as exceeded:
            raise self.lib.ReadTimeout(str(exceeded)) from None

    def close(self) -> None:
        """Stop; whoever is still sending is left."""
        self._items.close()


class Transport(Forwarder):
    """A transport of an HTTP library, for the clients of its SDKs."""

    lib: ClassVar[Any]
    stream_type: ClassVar[type[SdkStream]]

    def __init__(
        self,
        source: Source | RoutingTable,
        *,
        family: Family = "vlm",
        space: str | None = None,
        keep_bound: bool = True,
        upstream: Any = None,
        verify: Any = True,
        trust_env: bool = True,
        hooks: Iterable[Callable[[Event], None]] = (),
    ) -> None:
        """Make a transport for a client of the library.

        Args:
            source: the name of a chain in the configuration file (`chat`, `embedding`), a configuration, a `Chain`, or credentials.
            family: what a `Chain` or credentials are for; a configuration knows by itself.
            space: the vector space that the embedding models of a `Chain` or credentials share, where they have different names.
            keep_bound: requests about a file, a batch, or an earlier response go to the credential that has it.
            upstream: a transport that makes the connections, instead of one of the library's own; closed with this one.
            verify: how certificates are verified, as the library takes it.
            trust_env: whether the environment's proxies are used.
            hooks: told each event of the chain, as those of a `Chain`; where `source` is a `Chain`, they are added to it.

        Raises:
            VectorSpaceError: the models of a `Chain` or credentials give vectors of different spaces, and `space` says nothing.
            ConfigError: the chain cannot be had from `source`.
        """
        super().__init__(routing_table(source, family, hooks, space), self.lib, keep_bound=keep_bound)
        self._connections = Connections(self.lib, self.lib.HTTPTransport, upstream, verify=verify, trust_env=trust_env)

    def handle_request(self, request: Any) -> Any:
        """Return the response of the first credential that answers, or one that says why none did.

        Raises:
            Exception: the library's own, where nobody could be reached.
        """
        call = self.router.read(request, request.read())
        try:
            found = self.forward(call, request)
        except (Refused, AllCredentialsFailedError, OverloadedError, UnservableError) as error:
            return response(error, call.dialect, self.lib)
        except DeadlineExceeded as error:
            raise self.lib.ReadTimeout(str(error)) from error
        if found.items is not None:
            found.response.stream = self.stream_type(found.items, call)
        found.response.extensions["sparekey_attempts"] = found.attempts
        return found.response

    def close(self) -> None:
        """Close every connection."""
        for transport in self._connections.all():
            transport.close()

    def _send(self, call: WireRequest, credential: Credential, request: Any) -> Any:
        made = self.router.outgoing(call, credential, request, own=self._connections.own)
        return unread(self._connections.for_url(made.url).handle_request(made), self.lib)
