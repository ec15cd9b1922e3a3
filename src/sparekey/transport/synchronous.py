"""The sync transport, for any library with httpx's names: attempts are made here, decisions in `exchange`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sparekey.engine import Failover
from sparekey.engine.closing import on_abandon
from sparekey.errors import AllCredentialsFailedError, DeadlineExceeded, LimitExceeded
from sparekey.transport.exchange import Exchange, counted, merged, noted
from sparekey.transport.following import Ending, Follower, Item, ItemReading
from sparekey.transport.refusals import Refused, response
from sparekey.transport.targets import Source, plan
from sparekey.transport.upstream import Upstream
from sparekey.wire.clients import interrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sparekey.config.providers import Family
    from sparekey.core.events import Event
    from sparekey.engine.stream import Stream
    from sparekey.transport.exchange import Way
    from sparekey.transport.targets import Plan
    from sparekey.types import Credential
    from sparekey.wire.request import WireRequest

_READING: Final = ItemReading()


class SdkStream:
    """The rest of a stream, on its way to the SDK. Closing it closes the connection to the provider."""

    lib: ClassVar[Any]

    def __init__(self, items: Stream[Item], call: WireRequest) -> None:
        """Take the items behind the first one, and the request that they answer."""
        self._items, self._ending = items, Ending(call)

    def __iter__(self) -> Iterator[bytes]:
        try:
            for item in self._items:
                if self._ending.counts:
                    self._ending.passed(item)
                yield item.data
        except Refused as refused:
            yield from self._ending.pieces(refused)
            raise self.lib.RemoteProtocolError("the stream ended with an error event") from None
        except LimitExceeded as exceeded:
            raise self.lib.ReadTimeout(str(exceeded)) from None

    def close(self) -> None:
        """Stop; whoever is still sending is left."""
        self._items.close()


class BlockingTransport:
    """Puts each request to the credentials of a chain until one answers."""

    lib: ClassVar[Any]
    relay: ClassVar[type[SdkStream]]

    def __init__(
        self,
        source: Source | Plan,
        *,
        family: Family = "vlm",
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
            keep_bound: requests about a file, a batch, or an earlier response go to the credential that has it.
            upstream: a transport that makes the connections, instead of one of the library's own; closed with this one.
            verify: how certificates are verified, as the library takes it.
            trust_env: whether the environment's proxies are used.
            hooks: told each event of the chain, as those of a `Chain`; where `source` is a `Chain`, they are added to it.

        Raises:
            ConfigError: the chain cannot be had from `source`.
        """
        found = plan(source, family, hooks)
        self.exchange = Exchange(found, self.lib, keep_bound=keep_bound)
        self._failover = Failover(self.exchange.chain)
        self._upstream = Upstream(self.lib, self.lib.HTTPTransport, upstream, verify=verify, trust_env=trust_env)

    def handle_request(self, request: Any) -> Any:
        """Return the response of the first credential that answers, or one that says why none did.

        Raises:
            Exception: the library's own, where nobody could be reached.
        """
        call, faults = self.exchange.call(request, request.read()), []
        if text := self.exchange.refusal(call):
            return self.exchange.refuse(text)
        for way in self.exchange.ways(call):
            try:
                return self._walk(call, request, way)
            except Refused as refused:
                return response(refused, call.dialect, self.lib)
            except AllCredentialsFailedError as error:
                faults.append(error)
            except DeadlineExceeded as error:
                raise self.lib.ReadTimeout(str(error)) from error
        return response(merged(faults), call.dialect, self.lib)

    def close(self) -> None:
        """Close every connection."""
        for transport in self._upstream.all():
            transport.close()

    def _walk(self, call: WireRequest, request: Any, way: Way) -> Any:
        if not call.stream:
            answer = self._failover.run(
                lambda credential: self._once(call, request, credential), eligible=way, usage=counted, body=call.body
            )
            return noted(answer.value, answer.attempts)

        def resume(credential: Credential, text: str) -> Any:
            more = self.exchange.going_on(call, credential, text)
            return None if more is None else self._items(more, request, credential)

        items = self._failover.stream(
            lambda c: self._items(call, request, c), eligible=way, reading=_READING, resume=resume, body=call.body
        )
        head = next(items)
        if head.content:
            next(items, None)
        else:
            head.response.stream = self.relay(items, call)
        return noted(head.response, items.attempts)

    def _once(self, call: WireRequest, request: Any, credential: Credential) -> Any:
        response = self._sent(call, request, credential)
        return self._read(call, credential, response) if self.exchange.wants_reading(call, response) else response

    def _items(self, call: WireRequest, request: Any, credential: Credential) -> Iterator[Item]:
        response = self._sent(call, request, credential)
        if not self.exchange.is_stream(call, response):
            yield Item(call.format, content=True, response=self._read(call, credential, response))
            return
        source, follower = response.stream, Follower(self.exchange, call, credential, response)
        on_abandon(partial(interrupt, response))
        try:
            decoding = self.exchange.decoding(response)
            yield Item(call.format, response=response)
            for chunk in decoding.iter_bytes() if decoding else source:
                yield from follower.feed(chunk)
            yield from follower.end()
        finally:
            source.close()

    def _sent(self, call: WireRequest, request: Any, credential: Credential) -> Any:
        made = self.exchange.request(call, credential, request, own=self._upstream.own)
        return self._upstream.for_url(made.url).handle_request(made)

    def _read(self, call: WireRequest, credential: Credential, response: Any) -> Any:
        try:
            raw = b"".join(response.stream)
        finally:
            response.stream.close()
        return self.exchange.judged(call, credential, response, raw)
