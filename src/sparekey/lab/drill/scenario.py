"""A scenario: one chain among simulated providers, and what a row can do with it.

A row lets providers fail (`fail`, `heal`), makes calls (`ask`, `stream`, `embed`, or `start` and
`wait`), and looks at both sides afterwards (`outcomes` and `events` here, `tries` and `arrivals` at
the providers).
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from sparekey.core.events import Parked
from sparekey.core.status import Standing
from sparekey.lab.drill.adapters import GATEWAY, GatewayAdapter, WrapperAdapter
from sparekey.lab.drill.calls import Calls
from sparekey.lab.drill.event_log import EventLog
from sparekey.lab.drill.in_process_gateway import settings
from sparekey.lab.drill.outcome import CallOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from sparekey.config.chain import BaseChain
    from sparekey.config.gateway import GatewayConfig
    from sparekey.core.status import CredentialStatus
    from sparekey.engine import Chain
    from sparekey.lab.drill.clock import Clock
    from sparekey.lab.drill.fixtures import Seat
    from sparekey.lab.simulator import Provider
    from sparekey.lab.simulator.faults import Fault
    from sparekey.stores import Keeper

QUESTION: Final = "Where is the spare key?"
LONGEST: Final = 60.0
"""Seconds after which a call is given up: longer than any row allows."""


class Scenario:
    """A chain and its providers. Rows need not know whether calls run in threads or as tasks.

    Attributes:
        config: the configuration of the chain.
        seats: its credentials and their providers, in order.
        clock: the drill's clock.
        mode: how calls are made, unless `start` is told otherwise.
        outcomes: what came of each call that was waited for, in order.
        events: what the engine has reported, in order.
        timeout: the chain's timeout, in seconds of the drill's clock.
    """

    _within: WrapperAdapter | GatewayAdapter | None = None

    def __init__(
        self,
        config: BaseChain[Any],
        kind: str,
        seats: Sequence[Seat],
        clock: Clock,
        mode: str,
        dice: Callable[[], float],
        store: Keeper | None = None,
        gateway: GatewayConfig | None = None,
    ) -> None:
        """Build the chain of a configuration.

        Args:
            config: the configuration.
            kind: `chat`, or the kind of an embedding chain's vectors.
            seats: the chain's credentials and their providers.
            clock: the drill's clock.
            mode: `sync`, `async` or `gateway`.
            dice: the engine's source of chance.
            store: keeps the chain's state; None: the state lives in this process.
            gateway: the settings of the gateway, in the mode `gateway`.

        Raises:
            SparekeyError: the chain cannot be built.
        """
        self.config, self.seats, self.clock, self.mode = config, tuple(seats), clock, mode
        self.outcomes: list[CallOutcome] = []
        self.events = EventLog()
        self.timeout: float = config.timeout / clock.scale  # type: ignore[attr-defined]  # every kind of chain has a timeout
        parts = (config, kind, clock, dice, self.events, store)
        self._within = GatewayAdapter(*parts, gateway) if mode == GATEWAY else WrapperAdapter(*parts)
        self._model = self._within.model
        self._calls = Calls(clock, mode)
        self._lock = threading.Lock()
        self._out: set[Future[Any]] = set()  # calls that have not ended, as far as is known
        self._changed: dict[int, dict[str, Any]] = {}  # fields that `change` has set, by credential

    @property
    def chain(self) -> Chain:
        """The engine's chain."""
        assert self._within is not None
        return self._within.chain

    def config_data(self) -> dict[str, Any]:
        """Return the chain's configuration as data, with the keys that the providers accept."""
        data = self.config.model_dump(mode="json", exclude_none=True, exclude={"credentials": {"__all__": {"api_key"}}})
        for credential, seat in zip(data["credentials"], self.seats, strict=True):
            credential["api_key"] = seat.key
        return data | ({"credentials": [one | self._changed.get(i, {}) for i, one in enumerate(data["credentials"])]})

    def file_data(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return a whole configuration file as data, for a gateway in a process of its own.

        Every credential also gets the fields in `fields`.
        """
        chain = self.config_data()
        chain["credentials"] = [one | fields for one in chain["credentials"]]
        gateway = settings(None).model_dump(mode="json", exclude_unset=True, exclude_none=True)
        return {"vlm": chain, "gateway": gateway}

    def change(self, fields: dict[str, Any], seat: int = 0) -> None:
        """Reload the gateway with other fields for one credential."""
        self._changed.setdefault(seat, {}).update(fields)
        self.gateway.reload(type(self.config).model_validate(self.config_data()))

    @property
    def gateway(self) -> GatewayAdapter:
        """The gateway, in the mode `gateway`."""
        assert isinstance(self._within, GatewayAdapter)
        return self._within

    # ── what goes wrong ──

    def fail(self, seat: int, fault: Fault, times: int | None = None, **narrower: Any) -> None:
        """Make one credential's requests meet a fault: `times` times, or for ever.

        `narrower` restricts the fault further (see `Provider.fail`).
        """
        self.seats[seat].provider.fail(fault, times, key=self.seats[seat].key, **narrower)

    def fail_all(self, fault: Fault) -> None:
        """Make the requests of every credential meet a fault."""
        for seat in range(len(self.seats)):
            self.fail(seat, fault)

    def heal(self) -> None:
        """End every fault."""
        for seat in self.seats:
            seat.provider.heal()

    # ── who calls ──

    def ask(self, prompt: str = QUESTION) -> CallOutcome:
        """Ask for a whole answer, and wait for it."""
        return self.wait(self.start(prompt))

    def stream(self, longest: float = LONGEST) -> CallOutcome:
        """Ask for a streamed answer, and read it to its end."""
        return self.wait(self.start(streaming=True), longest)

    def embed(self, text: str) -> CallOutcome:
        """Embed one text."""
        return self.wait(self._begun(lambda: [self._model.embed(text)], lambda: _listed(self._model.embed_async(text))))

    def embed_batch(self, texts: Sequence[Any]) -> CallOutcome:
        """Embed many texts in one call."""
        return self.wait(self._begun(lambda: self._model.embed_batch(texts), lambda: self._model.embed_batch_async(texts)))

    def start(self, prompt: str = QUESTION, *, streaming: bool = False, mode: str | None = None) -> Future[Any]:
        """Start a call and return a future at once: pass it to `wait`, or cancel it.

        Args:
            prompt: the question.
            streaming: whether the answer is streamed.
            mode: another mode than the scenario's. Only a task can be cancelled, so not `sync`.
        """
        model = self._model
        if streaming:
            return self._begun(lambda: model.stream_completion(prompt), lambda: model.stream_completion_async(prompt), mode)
        return self._begun(lambda: model.get_completion(prompt), lambda: model.get_completion_async(prompt), mode)

    def _begun(self, call: Callable[[], Any], acall: Callable[[], Any], mode: str | None = None) -> Future[Any]:
        future = self._calls.begin(call, acall, mode)
        with self._lock:
            self._out.add(future)
        return future

    def _settle(self) -> None:
        """Wait until a gateway has noticed too that a call is over."""
        if self._within is not None:
            self._within.settle(self._still_out)

    def _still_out(self) -> int:
        with self._lock:
            self._out = {call for call in self._out if not call.done()}
            return len(self._out)

    def cancel_after(self, turns: int, *, streaming: bool) -> None:
        """Start a call as a task, and cancel it after `turns` turns of the event loop."""
        model = self._model
        call = (lambda: model.stream_completion_async(QUESTION)) if streaming else (lambda: model.get_completion_async(QUESTION))
        self._calls.begin_and_cancel(call, turns).result(self._real(LONGEST))
        self._settle()

    def leave(self, after: int) -> None:
        """Ask for a stream, and leave it after `after` pieces."""
        if self.mode == "sync":
            stream = self._model.stream_completion(QUESTION)
            for _ in range(after):
                next(stream)
            stream.close()
        else:
            self._calls.in_loop(_left(self._model.stream_completion_async(QUESTION), after)).result(self._real(LONGEST))

    def wait(self, call: Future[Any], longest: float = LONGEST) -> CallOutcome:
        """Return the outcome of a call; give up a call that gives no sign for `longest` seconds."""
        since = self.clock()
        try:
            outcome: CallOutcome = call.result(self._real(longest))
        except TimeoutError:
            call.cancel()
            outcome = CallOutcome(hung=True, seconds=self.clock() - since)
        self._settle()
        with self._lock:
            self.outcomes.append(outcome)
        return outcome

    # ── what both sides saw ──

    def tries(self, seat: int | None = None) -> int:
        """Return the number of requests that came with a credential's key; None: with any key."""
        return len(self.arrivals(seat))

    def arrivals(self, seat: int | None = None) -> list[float]:
        """Return when those requests came, in seconds of the drill's clock, in order."""
        chosen = {s.key: s for s in (self.seats if seat is None else self.seats[seat : seat + 1])}
        return sorted(self.clock.at(seen.at) for s in chosen.values() for seen in s.requests())

    def texts(self, seat: int) -> int:
        """Return the number of texts that came to be embedded with a credential's key."""
        home = self.seats[seat].provider
        return sum(len(home.wire.read(seen).texts) for seen in self.seats[seat].requests())

    def standing(self, seat: int) -> CredentialStatus:
        """Return the state of a credential as the chain reports it now."""
        return self.chain.status().credentials[seat]

    def parked_for(self, seat: int) -> float:
        """Return the seconds for which a credential is still parked; 0 if it is not."""
        return self.standing(seat).returns_in or 0.0

    @property
    def parked(self) -> list[str]:
        """The ids of the credentials that are parked now."""
        return [c.id for c in self.chain.status().credentials if c.returns_in]

    def parks(self, seat: int) -> int:
        """Return how often a credential was parked."""
        return sum(isinstance(e, Parked) and e.what == f"credential:{self.seats[seat].id}" for e in self.events)

    def shown(self) -> dict[str, str]:
        """Return what a gateway shows apart from its answers: the text of each place, by name."""
        return self._within.shown() if self._within is not None else {}

    @property
    def served_quickly(self) -> Counter[str]:
        """How many requests a gateway served on its quick path (`taken`), and why it did not serve others there."""
        return self._within.served_quickly if self._within is not None else Counter()

    @property
    def probing(self) -> list[str]:
        """The ids of the credentials that are being probed now."""
        return [c.id for c in self.chain.status().credentials if c.standing is Standing.PROBING]

    @property
    def batch_size(self) -> int:
        """The number of texts that one request embeds."""
        size: int = self._model.batch_size
        return size

    # ── the end ──

    def close(self) -> None:
        """Close the clients, the event loop and the gateway; a second call does nothing."""
        self._calls.close(self._model)
        if self._within is not None:
            self._within.close()

    def _real(self, seconds: float) -> float:
        return seconds * self.clock.scale


async def _listed(one: Any) -> list[Any]:
    return [await one]


async def _left(stream: Any, after: int) -> None:
    for _ in range(after):
        await anext(stream)
    await stream.aclose()


def each_distinct(scenario: Scenario) -> Iterator[Provider]:
    """Yield every provider of a scenario once."""
    yield from dict.fromkeys(seat.provider for seat in scenario.seats)
