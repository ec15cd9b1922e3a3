"""The scenario of one case: credentials at simulated providers, callers, and a chain between them.

Everything happens in virtual time, on the event loop of the case's clock. Each credential is an
`Actor`; a row sets what its provider does by assigning `acts`.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sparekey.config import VLMConfig
from sparekey.lab.drill.event_log import EventLog
from sparekey.lab.drill.fixtures import settings_of
from sparekey.lab.drill.ways import ANSWER, OTHER_ANSWER, CallResult, GatewayWay, SdkWay, WrapperWay
from sparekey.lab.simulator.answers import Voice
from sparekey.lab.simulator.faults import Delay, RawBody
from sparekey.lab.simulator.provider import Provider, ProviderSettings
from sparekey.lab.simulator.wires import find as find_wire
from sparekey.lab.virtual_time import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from sparekey.config import Config
    from sparekey.lab.drill.cases import Case
    from sparekey.lab.simulator.faults import Fault
    from sparekey.lab.simulator.wires.base import RequestedAnswer
    from sparekey.lab.virtual_time import VirtualTime

LATENCY: Final = 0.01
"""Seconds that every answer of a provider takes, refusals too."""
FIRM: Final = 5.0
"""Seconds of a soft park. A longer park is a firm one (docs/blame.md)."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request as it came to a credential: when, on the case's clock, and its prompt."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class MadeCall:
    """One call: its prompt, when it began, how many seconds it took, and what came of it."""

    prompt: str
    at: float
    seconds: float
    result: CallResult


@dataclass(slots=True)
class Actor:
    """A credential, and what its provider does.

    Attributes:
        id: the credential's id.
        key: its key.
        model: its model.
        acts: returns the fault for each request; None means a healthy answer at once.
        arrivals: the requests that have come, in order.
    """

    id: str
    key: str
    model: str
    acts: Callable[[RequestedAnswer], Fault | None] = lambda _: None
    arrivals: list[Arrival] = field(default_factory=list)

    def calls(self, since: float = 0.0, until: float = float("inf")) -> int:
        """Return how many requests came from `since` on and before `until`, on the case's clock."""
        return sum(since <= one.at < until for one in self.arrivals)


def span(fault: Fault | None) -> float:
    """Return the seconds that a provider takes to answer with a fault."""
    match fault:
        case Delay():
            return fault.before + fault.first + fault.each * len(ANSWER.split())
        case RawBody():
            return fault.before
        case _:
            return 0.0


class VirtualScenario:
    """One case; `open` builds its chain.

    Attributes:
        case: what is played.
        clock: the case's clock.
        full: whether it is played at its full length.
        actors: the credentials, in order.
        calls: the calls that have ended, in order.
        events: what the engine has reported, in order.
        longest_park: the longest park of each credential that was seen after a call, in seconds.
        chain: the engine's chain.
        config: the chain's configuration.
    """

    chain: Any
    config: VLMConfig

    def __init__(self, config: Config, case: Case, clock: VirtualTime, *, full: bool = False) -> None:
        """Take the configuration whose settings hold, the case, and its clock; start nothing yet."""
        self.full = full
        self._whole, self.case, self.clock = config, case, clock
        self.actors: list[Actor] = []
        self.calls: list[MadeCall] = []
        self.events = EventLog()
        self.longest_park: dict[str, float] = {}
        self._providers: list[Provider] = []
        self._voices = (ANSWER, ANSWER)
        self._way: WrapperWay | SdkWay | GatewayWay | None = None

    async def open(
        self,
        seats: int | None = None,
        *,
        models: Mapping[int, str] | None = None,
        account: Iterable[int] = (),
        one_host: bool = False,
        same_key: Iterable[int] = (),
        knobs: Mapping[str, Any] | None = None,
        ids: str = "c",
        reworded: bool = False,
    ) -> list[Actor]:
        """Build the chain; return its credentials, in order.

        Args:
            seats: the number of credentials; None: as the case says.
            models: the models of some credentials, by place; the others have the model `m`.
            account: the places of the credentials that share an account.
            one_host: whether all credentials are keys of one host; otherwise each has its own host.
            same_key: the places of the credentials that have the first one's key.
            knobs: fields of the chain to set.
            ids: the beginning of the credentials' ids.
            reworded: whether the spares word their answers differently than the first credential does.
        """
        number, wire = seats or self.case.seats, self.case.wire
        self._voices = (ANSWER, OTHER_ANSWER if reworded else ANSWER)
        shared, twins = frozenset(account), frozenset(same_key)
        for i in range(number):
            key = f"sk-drill-{0 if i in twins else i:04d}-5f1d0c7e9ab24638"
            self.actors.append(Actor(f"{ids}{i + 1}", key, (models or {}).get(i, "m")))
        hosts = [await self._host(wire, self.actors)] * number if one_host else [await self._host(wire, [one]) for one in self._homes()]
        if twins and not one_host:
            hosts = [hosts[0] if i in twins else hosts[self._homes().index(one)] for i, one in enumerate(self.actors)]
        credentials = [
            {"id": one.id, "api_key": one.key, "model": one.model, "api_base": host.base_url}
            | ({"account": "drill"} if i in shared else {"account": one.id} if account else {})
            for i, (one, host) in enumerate(zip(self.actors, hosts, strict=True))
        ]
        assert self._whole.vlm is not None
        given = settings_of(self._whole.vlm) | dict(knobs or {})
        config = VLMConfig.model_validate(given | {"provider": wire, "credentials": credentials})
        config._source = self._whole.vlm._source  # noqa: SLF001 - messages name the file
        self.config = config
        await self._begin(config)
        return self.actors

    def _homes(self) -> list[Actor]:
        """Return the actors that have a host of their own: the first one of each key."""
        return [one for i, one in enumerate(self.actors) if one.key not in {other.key for other in self.actors[:i]}]

    async def _host(self, wire: str, actors: list[Actor]) -> Provider:
        loop = asyncio.get_running_loop()
        keep: set[asyncio.Task[None]] = set()

        def run(work: Coroutine[Any, Any, None]) -> None:
            keep.add(loop.create_task(work))

        voice = Voice(text=self._voices[bool(self._providers)])
        provider = Provider(f"drill{len(self._providers)}", find_wire(wire), ProviderSettings(voice=voice), run)
        by_key = {one.key: one for one in reversed(actors)}

        def decided(ask: RequestedAnswer) -> Fault | None:
            actor = by_key[ask.key]
            actor.arrivals.append(Arrival(self.clock(), ask.words))
            fault = actor.acts(ask)
            if self.case.way == "sync":
                self._let_pass(span(fault))
            return fault

        provider.decide(decided)
        await provider.listen()
        self._providers.append(provider)
        return provider

    def _let_pass(self, seconds: float) -> None:
        """Let time pass although a thread waits for an answer: it does nothing until that comes."""
        loop = asyncio.get_running_loop()
        if seconds and isinstance(loop, VirtualLoop):
            loop.count(-1)
            loop.call_later(seconds, loop.count, 1)

    async def _begin(self, config: VLMConfig) -> None:
        dice, way, wire = random.Random(7).random, self.case.way, self.case.wire  # noqa: S311 - chance of a drill, no secret
        if way == "gateway":
            self._way = GatewayWay(wire)
            await self._way.begin(config, self.clock, dice, self.events, self._whole.gateway)
        elif way == "sdk":
            self._way = SdkWay(config, self.clock, dice, self.events, wire)
        else:
            self._way = WrapperWay(config, self.clock, dice, self.events, way)
        self.chain = self._way.chain

    @property
    def served_quickly(self) -> Counter[str]:
        """How many requests a gateway served on its quick path (`taken`), and why it did not serve others there."""
        return self._way.served_quickly if isinstance(self._way, GatewayWay) else Counter()

    @property
    def way(self) -> WrapperWay | SdkWay | GatewayWay:
        """How requests go in."""
        assert self._way is not None
        return self._way

    # ── who calls ──

    async def ask(self, prompt: str) -> MadeCall:
        """Make one call, and note how long each credential is parked afterwards."""
        since = self.clock()
        result = await self.way.ask(prompt, stream=self.case.streamed)
        call = MadeCall(prompt, since, self.clock() - since, result)
        self.calls.append(call)
        self._look()
        return call

    async def every(self, seconds: float, number: int, prompt: Callable[[int], str], start: float = 0.0) -> list[MadeCall]:
        """Make `number` calls, one every `seconds`, whether or not earlier ones are over."""
        began = self.clock() + start
        calls = []
        for i in range(number):
            await self.until(began + i * seconds)
            calls.append(asyncio.ensure_future(self.ask(prompt(i))))
        return list(await asyncio.gather(*calls))

    async def together(self, number: int, prompt: Callable[[int], str]) -> list[MadeCall]:
        """Make `number` calls at once."""
        return list(await asyncio.gather(*(self.ask(prompt(i)) for i in range(number))))

    async def unplugged(self, seconds: float) -> None:
        """Make every provider unreachable for some seconds; if these are infinite, for good."""
        for provider in self._providers:
            await provider.unlisten()
        if seconds < float("inf"):
            await asyncio.sleep(seconds)
            for provider in self._providers:
                await provider.listen()

    async def until(self, moment: float) -> None:
        """Wait until a moment of the case's clock."""
        await asyncio.sleep(max(0.0, moment - self.clock()))

    # ── what was seen ──

    def _look(self) -> None:
        for one in self.chain.status().credentials:
            self.longest_park[one.id] = max(self.longest_park.get(one.id, 0.0), one.returns_in or 0.0)

    def tries(self, prompt: str) -> int:
        """Return how many calls to providers one request made. Prompts of a case differ."""
        return sum(prompt in one.words for actor in self.actors for one in actor.arrivals)

    async def close(self) -> None:
        """Close clients, gateway and providers."""
        if self._way is not None:
            await self._way.close()
        for provider in self._providers:
            await provider.unlisten()
