"""The async transport, for any library with httpx's names: attempts are made here, decisions in `exchange`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import anyio

from sparekey.engine import AsyncFailover
from sparekey.errors import AllCredentialsFailedError, DeadlineExceeded, LimitExceeded
from sparekey.transport.exchange import Exchange, counted, merged, noted
from sparekey.transport.following import Ending, Follower, Item, ItemReading
from sparekey.transport.refusals import Refused, response
from sparekey.transport.targets import Source, plan
from sparekey.transport.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from sparekey.config.providers import Family
    from sparekey.core.events import Event
    from sparekey.engine.stream import AsyncStream
    from sparekey.transport.exchange import Way
    from sparekey.transport.targets import Plan
    from sparekey.types import Credential
    from sparekey.wire.request import WireRequest

_READING: Final = ItemReading()


class AsyncSdkStream:
    """The rest of a stream, on its way to the SDK. Closing it closes the connection to the provider."""

    lib: ClassVar[Any]

    def __init__(self, items: AsyncStream[Item], call: WireRequest) -> None:
        """Take the items behind the first one, and the request that they answer."""
        self._items, self._ending = items, Ending(call)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for item in self._items:
                if self._ending.counts:
                    self._ending.passed(item)
                yield item.data
        except Refused as refused:
            for piece in self._ending.pieces(refused):
                yield piece
            raise self.lib.RemoteProtocolError("the stream ended with an error event") from None
        except LimitExceeded as exceeded:
            raise self.lib.ReadTimeout(str(exceeded)) from None

    async def aclose(self) -> None:
        """Stop; whoever is still sending is left."""
        await self._items.aclose()


class AsyncTransport:
    """Puts each request to the credentials of a chain until one answers."""

    lib: ClassVar[Any]
    relay: ClassVar[type[AsyncSdkStream]]

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
        self._failover = AsyncFailover(self.exchange.chain, sleep=anyio.sleep)
        self._upstream = Upstream(self.lib, self.lib.AsyncHTTPTransport, upstream, verify=verify, trust_env=trust_env)

    async def handle_async_request(self, request: Any) -> Any:
        """Return the response of the first credential that answers, or one that says why none did.

        Raises:
            Exception: the library's own, where nobody could be reached.
        """
        call, faults = self.exchange.call(request, await request.aread()), []
        if text := self.exchange.refusal(call):
            return self.exchange.refuse(text)
        for way in self.exchange.ways(call):
            try:
                return await self._walk(call, request, way)
            except Refused as refused:
                return response(refused, call.dialect, self.lib)
            except AllCredentialsFailedError as error:
                faults.append(error)
            except DeadlineExceeded as error:
                raise self.lib.ReadTimeout(str(error)) from error
        return response(merged(faults), call.dialect, self.lib)

    async def aclose(self) -> None:
        """Close every connection."""
        for transport in self._upstream.all():
            await transport.aclose()

    async def _walk(self, call: WireRequest, request: Any, way: Way) -> Any:
        if not call.stream:
            answer = await self._failover.run(
                lambda credential: self._once(call, request, credential), eligible=way, usage=counted, body=call.body
            )
            return noted(answer.value, answer.attempts)

        def resume(credential: Credential, text: str) -> Any:
            more = self.exchange.going_on(call, credential, text)
            return None if more is None else self._items(more, request, credential)

        items = self._failover.stream(
            lambda c: self._items(call, request, c), eligible=way, reading=_READING, resume=resume, body=call.body
        )
        head = await anext(items)
        if head.content:
            await anext(items, None)
        else:
            head.response.stream = self.relay(items, call)
        return noted(head.response, items.attempts)

    async def _once(self, call: WireRequest, request: Any, credential: Credential) -> Any:
        response = await self._sent(call, request, credential)
        return await self._read(call, credential, response) if self.exchange.wants_reading(call, response) else response

    async def _items(self, call: WireRequest, request: Any, credential: Credential) -> AsyncIterator[Item]:
        response = await self._sent(call, request, credential)
        if not self.exchange.is_stream(call, response):
            yield Item(call.format, content=True, response=await self._read(call, credential, response))
            return
        source, follower = response.stream, Follower(self.exchange, call, credential, response)
        try:
            decoding = self.exchange.decoding(response)
            yield Item(call.format, response=response)
            async for chunk in decoding.aiter_bytes() if decoding else source:
                for item in follower.feed(chunk):
                    yield item
            for item in follower.end():
                yield item
        finally:
            await source.aclose()

    async def _sent(self, call: WireRequest, request: Any, credential: Credential) -> Any:
        made = self.exchange.request(call, credential, request, own=self._upstream.own)
        return await self._upstream.for_url(made.url).handle_async_request(made)

    async def _read(self, call: WireRequest, credential: Credential, response: Any) -> Any:
        try:
            raw = b"".join([chunk async for chunk in response.stream])
        finally:
            await response.stream.aclose()
        return self.exchange.judged(call, credential, response, raw)
