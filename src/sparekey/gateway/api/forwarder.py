"""The loop of `sparekey.transport` over the gateway's own connections."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio

from sparekey.gateway.http.off_loop import off_loop
from sparekey.gateway.observe.request_ledger import current
from sparekey.gateway.upstream import messages
from sparekey.gateway.upstream.long_answers import held
from sparekey.gateway.upstream.pool import ConnectionPool
from sparekey.transport.asynchronous import AsyncForwarder
from sparekey.wire.large_json import is_slow
from sparekey.wire.rewrite import rewrite

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from sparekey.engine.stream import AsyncStream
    from sparekey.gateway.quick.attempt import QuickAttempt, SeenAnswer
    from sparekey.gateway.upstream.messages import Response
    from sparekey.gateway.upstream.pool import UpstreamClient
    from sparekey.transport.event_filter import EventFilter, Item
    from sparekey.transport.routing_table import RoutingTable
    from sparekey.types import Credential
    from sparekey.wire.request import WireRequest


_REDIRECT: Final = 300


class GatewayForwarder(AsyncForwarder):
    """Sends a client's request to the credentials of one chain until one answers.

    Attributes:
        silence: the longest silence of a host in seconds; None: no limit.
    """

    def __init__(self, table: RoutingTable, client: UpstreamClient, *, sleep: Callable[[float], Awaitable[None]] | None = None) -> None:
        """Create the forwarder of one chain.

        Args:
            table: the chain, and where the requests of each credential go.
            client: the connections to the providers.
            sleep: waits for a number of seconds; the drill replaces it.
        """
        super().__init__(table, messages, sleep=sleep or anyio.sleep)
        self._client, self.silence = client, table.timeout

    def rest(self, call: WireRequest, attempt: QuickAttempt, seen: SeenAnswer) -> AsyncStream[Item]:
        """Return the rest of a stream whose beginning the client has seen."""
        items = self._stream(call, attempt, self.router.candidates(call)[0])
        if ledger := current.get():
            ledger.goes_on(attempt.credential, attempt.sent.at, seen.first, seen.heard)
        return items

    async def _send(self, call: WireRequest, credential: Credential, request: Any) -> Response:
        target = self.router.targets[credential.id]
        put = await off_loop(rewrite, call, target) if is_slow(call.body) else rewrite(call, target)
        attempt: QuickAttempt | None = request if request is not None and request.takes(credential.id) else None
        if ledger := current.get():
            ledger.begins(credential.id, None if attempt is None else attempt.sent.at)
        if attempt is None:
            response = await self._client.send(call.method, put, self.silence)
        else:
            assert isinstance(self._client, ConnectionPool)
            response = await attempt.response(self._client, call.method, put, self.silence)
        response.credential_id = credential.id
        if call.kind == "chat" and not call.stream and response.status_code < _REDIRECT:
            await held(response)
        return response

    async def _body(self, response: Response) -> bytes:
        if response.status_code >= _REDIRECT:
            body = await super()._body(response)
        else:
            try:
                body = await response.stream.read()
            finally:
                await response.stream.aclose()
        if ledger := current.get():
            ledger.heard()
        return body

    async def _validated(self, call: WireRequest, credential: Credential, response: Response, raw: bytes) -> Response:
        judge = partial(self.responses.validated, call, credential, response, raw)
        packed = any(name == b"content-encoding" for name, _ in response.headers.raw)
        found: Response = await off_loop(judge) if packed or is_slow(raw) else judge()
        return found

    async def read_apart(self, events: EventFilter, chunk: bytes | None) -> Iterable[Item]:
        """As there, in a thread."""
        items: list[Item] = []
        fault: list[Exception] = []

        def read() -> None:
            try:
                items.extend(events.items(chunk))
            except Exception as exc:  # noqa: BLE001 - it is raised where the items are read
                fault.append(exc)

        await off_loop(read)
        return _then(items, *fault)


def _then(items: list[Item], fault: Exception | None = None) -> Iterator[Item]:
    yield from items
    if fault is not None:
        raise fault
