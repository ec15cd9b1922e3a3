"""One request on its way through a chain: attempts are made here, decisions in `sparekey.transport.exchange`."""

from __future__ import annotations

import functools
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from sparekey.engine import AsyncFailover, limits
from sparekey.errors import AllCredentialsFailedError
from sparekey.gateway.api.replies import RefusalError
from sparekey.gateway.observe.request_ledger import current
from sparekey.gateway.upstream import messages
from sparekey.transport.exchange import Exchange, counted, merged
from sparekey.transport.following import Follower, Item, ItemReading
from sparekey.wire.rewrite import rewrite

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

    from sparekey.gateway.upstream.messages import Response
    from sparekey.gateway.upstream.pool import Client
    from sparekey.transport.exchange import Way
    from sparekey.transport.targets import Plan
    from sparekey.types import Credential
    from sparekey.wire.request import WireRequest

_READING: Final = ItemReading()


class Forwarder:
    """Puts the requests for one chain to its credentials until one answers."""

    def __init__(self, plan: Plan, client: Client, *, sleep: Callable[[float], Awaitable[None]] | None = None) -> None:
        """Take a chain with its targets, and the connections; `sleep` waits so many seconds, for the drill."""
        self.exchange = Exchange(plan, messages)
        self._failover = AsyncFailover(self.exchange.chain, sleep=sleep)
        self._client, self._timeout = client, plan.timeout

    async def send(self, call: WireRequest) -> tuple[Response, AsyncGenerator[Item] | None]:
        """Return the response of the first credential that answers, and the rest of its events if it is a stream.

        Raises:
            Refused: the provider's own refusal, where no other credential can help.
            AllCredentialsFailedError: every credential was tried or is parked.
            DeadlineExceeded: the chain's deadline was spent.
            TransportError: no credential speaks the format of this request.
            RefusalError: it asks for vectors that the chain does not have.
        """
        if text := self.exchange.refusal(call):
            raise RefusalError(400, "wrong_dimensions", text)
        *first, last = self.exchange.ways(call)
        faults = []
        for way in first:
            try:
                with limits(max_retries=0):  # further rounds are for those who have nobody else to ask
                    return await self._walk(call, way)
            except AllCredentialsFailedError as error:
                faults.append(error)
        try:
            return await self._walk(call, last)
        except AllCredentialsFailedError as error:
            raise merged([*faults, error]) from None

    async def _walk(self, call: WireRequest, way: Way) -> tuple[Response, AsyncGenerator[Item] | None]:
        if not call.stream:
            answer = await self._failover.run(functools.partial(self.once, call), eligible=way, usage=counted, body=call.body)
            return answer.value, None

        def resume(credential: Credential, text: str) -> Any:
            more = self.exchange.going_on(call, credential, text)
            return None if more is None else self._items(more, credential)

        opened = functools.partial(self._items, call)
        items: Any = self._failover.stream(opened, eligible=way, reading=_READING, resume=resume, body=call.body)
        try:
            head = await anext(items)
        except BaseException:
            await items.aclose()
            raise
        if not head.content:
            return head.response, items
        async with aclosing(items):
            await anext(items, None)
        return head.response, None

    async def once(self, call: WireRequest, credential: Credential) -> Response:
        """Make one attempt at a whole answer."""
        response = await self._sent(call, credential)
        return await self._read(call, credential, response) if self.exchange.wants_reading(call, response) else response

    async def _items(self, call: WireRequest, credential: Credential) -> AsyncIterator[Item]:
        response = await self._sent(call, credential)
        if not self.exchange.is_stream(call, response):
            yield Item(call.format, content=True, response=await self._read(call, credential, response))
            return
        source, follower, ledger = response.stream, Follower(self.exchange, call, credential, response), current.get()
        try:
            decoding = self.exchange.decoding(response)
            yield Item(call.format, response=response)
            async for chunk in decoding.aiter_bytes() if decoding else source:
                if ledger:
                    ledger.heard()
                for item in follower.feed(chunk):
                    yield item
            for item in follower.end():
                yield item
        finally:
            await source.aclose()

    async def _sent(self, call: WireRequest, credential: Credential) -> Response:
        put = rewrite(call, self.exchange.targets[credential.id])
        if ledger := current.get():
            ledger.begins(credential.id)
        response = await self._client.send(call.method, put, self._timeout)
        response.credential_id = credential.id
        return response

    async def _read(self, call: WireRequest, credential: Credential, response: Response) -> Response:
        try:
            raw = await response.stream.read()
        finally:
            await response.stream.aclose()
        if ledger := current.get():
            ledger.heard()
        judged: Response = self.exchange.judged(call, credential, response, raw)
        return judged
