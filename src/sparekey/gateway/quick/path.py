"""The quick path of one gateway: an ordinary request of a healthy chain goes out and comes back without task, cycle and ASGI.

It decides nothing: it does only what the engine would have done. Whatever is odd before a request is sent goes to the engine; whatever is
odd afterwards is handed to the engine with the attempt that was made as its first, so that nothing is sent twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING, Final

from sparekey.core.expectations import Kind
from sparekey.engine.ordinary import OrdinaryCalls
from sparekey.gateway.quick import head as heads
from sparekey.gateway.quick.batch import Batch
from sparekey.gateway.quick.exchange import WholeExchange
from sparekey.gateway.quick.plan import asks, fields_of, plan_of, spliced
from sparekey.gateway.quick.stream import StreamExchange
from sparekey.gateway.quick.wheel import Wheel
from sparekey.gateway.upstream.pool import ConnectionPool

if TYPE_CHECKING:
    from sparekey.engine import Chain
    from sparekey.gateway.api.app import Gateway, State
    from sparekey.gateway.quick.head import RequestHead
    from sparekey.gateway.quick.plan import Asks, Plan
    from sparekey.gateway.quick.protocol import QuickProtocol

_MOST_HEADS: Final = 1024
_MOST_MODELS: Final = 64
_LONGEST_HEAD: Final = 8 * 1024
_LONGEST_MODEL: Final = 256
logger = logging.getLogger("sparekey")


class HandledBy(Enum):
    """What became of bytes of a client that the quick path was shown."""

    SENT = 0
    """They are a request, and it is under way."""
    WAITS = 1
    """They are the beginning of one."""
    ENGINE = 2
    """They are the engine's."""


def opened(gateway: Gateway) -> QuickPath | None:
    """Return the quick path of a gateway whose event loop runs; None where its configuration rules it out, which the log says."""
    settings, pool = gateway.state.config, gateway.client
    if not settings.quick:
        return None
    if isinstance(pool, ConnectionPool) and not settings.opentelemetry:
        return QuickPath(gateway, pool)
    why = "gateway.opentelemetry traces every request" if settings.opentelemetry else "gateway.upstream is not httptools"
    logger.info("the quick path is off: %s", why)
    return None


class QuickPath:
    """The quick path of one gateway in one event loop.

    Attributes:
        gateway: the gateway.
        counts: how many requests it served (`taken`), and why it left others to the engine.
    """

    def __init__(self, gateway: Gateway, pool: ConnectionPool) -> None:
        """Serve the ordinary requests of a gateway over its own connections to the providers."""
        self.gateway, self._pool = gateway, pool
        self.loop = asyncio.get_running_loop()
        self.wheel, self.batch = Wheel(self.loop), Batch(gateway, pool, self.loop)
        self.counts: Counter[str] = Counter()
        self._state: State | None = None
        self._heads: dict[bytes, RequestHead | None] = {}
        self._calls: dict[str, tuple[OrdinaryCalls, OrdinaryCalls]] = {}

    def left(self, why: str) -> HandledBy:
        """Count a request that is the engine's, by the reason."""
        self.counts[why] += 1
        return HandledBy.ENGINE

    def begin(self, client: QuickProtocol, data: bytes) -> HandledBy:
        """Send the request that these bytes of a client are, if it is ordinary."""
        try:
            if self.gateway.state is not self._state:
                self._renew()
            place = heads.place_of(data)
            head = None if place is None else self._heads.get(place.digest) or self._read(place, data)
            if place is None or head is None or head.until <= time.time() or self.gateway.draining:
                return self.left("head" if place is None else "request")
            if client in client.strangers:
                client.acquainted()
            left = place.end + place.length - len(data)
            if left or client.flow.write_paused:
                client.missing = left
                return HandledBy.WAITS if left > 0 and place.length <= self._most else self.left("pipelined" if left < 0 else "long")
            why = self._sent(client, data, place.end, head)
        except (ValueError, RecursionError):  # what is no request, the engine refuses
            why = "body"
        except Exception:
            client.exchange = None
            logger.exception("the quick path cannot read a request: the engine does")
            why = "fault"
        return self.left(why) if why else HandledBy.SENT

    def _sent(self, client: QuickProtocol, data: bytes, end: int, head: RequestHead) -> str:  # noqa: PLR0911 - each step may say why not
        """Send a whole request; return why the engine has to do it, or ""."""
        body = data[end:]
        fields = fields_of(body, embeds=head.embeds)
        if isinstance(fields, str):
            return fields
        model = head.model or fields.model
        asked = asks(head, fields)
        if not model or (head.model and fields.model) or asked is None:
            return "fields"
        plan = head.plans[asked].get(model) or self._plan(head, asked, model, body)
        if plan is None or (ordinary := plan.calls.now(now := plan.calls.clock())) is None:
            return "chain"
        index = ordinary.ticket.index
        out = plan.outs.get(index) or plan.outgoing(index, head, body)
        if out is None or not plan.served.forwarder.is_plain:
            return "credential"
        call = plan.for_vectors(body, out.credential) if head.embeds else plan.call
        if call is None:
            return "fields"
        sent = spliced(body, fields.model, out.model, out.more)
        if sent is None:
            return "model"
        connection = self._pool.take(out.origin)
        if connection is None:
            return "connection"
        exchange = (StreamExchange if asked else WholeExchange)(self, client, data, end, head, plan, call, out, ordinary, now)
        client.exchange = exchange
        exchange.send(connection, b"%b%d\r\n\r\n%b" % (out.head, len(sent), sent))
        return ""

    @property
    def _most(self) -> int:
        return min(512 * 1024, self.gateway.state.config.max_body_mb << 20)

    def _renew(self) -> None:
        """Forget what was known before a reload."""
        state = self._state = self.gateway.state
        self._heads = {}
        self._calls = {name: _ordinary_calls(served.forwarder.chain) for name, served in state.chains.items()}

    def _read(self, place: heads.Place, data: bytes) -> RequestHead | None:
        """Read a head that is not known yet, or not for the quick path."""
        if place.digest in self._heads or place.end > _LONGEST_HEAD:
            return None
        if len(self._heads) >= _MOST_HEADS:
            self._heads.clear()
        found = self._heads[place.digest] = heads.read(data[: place.end], self.gateway.state.access)
        return found

    def _plan(self, head: RequestHead, asked: Asks, model: str, body: bytes) -> Plan | None:
        """Make the plan for a head and a model that have none yet; None: the engine serves them."""
        plans = head.plans[asked]
        if len(plans) >= _MOST_MODELS:
            plans.clear()
        found = plan_of(head, self.gateway.state, body, self._calls)
        if found is not None and len(model) <= _LONGEST_MODEL:  # what is kept of clients' words is bounded
            plans[model] = found
        return found


def _ordinary_calls(chain: Chain) -> tuple[OrdinaryCalls, OrdinaryCalls]:
    """Return a chain's ordinary requests: for whole answers, and for streams."""
    whole = OrdinaryCalls(chain)
    return whole, OrdinaryCalls(chain, Kind.FIRST, whole)
