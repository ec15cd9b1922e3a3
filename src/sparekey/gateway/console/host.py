"""What the console is shown, and asks for: the gateway hands it in, tests bring a small one of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparekey.engine import Chain
    from sparekey.stats.chain_stats import ChainStats
    from sparekey.types import Failure


class SimulatedProvider(Protocol):
    """A provider that is none: it can be made to fail."""

    @property
    def base_url(self) -> str:
        """Where it is reached."""

    @property
    def injectable(self) -> Sequence[str]:
        """The names of its faults; the last one ends the others."""

    def inject(self, name: str) -> None:
        """Let it fail so from now on. Raises KeyError if there is no such name."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One chain as the console sees it.

    Attributes:
        chain: the chain.
        stats: what it went through; one of the chain's hooks.
        wire: the format that its clients speak; shown.
        simulated: the simulated provider behind a credential, by id; only these can be given a fault.
    """

    chain: Chain
    stats: ChainStats
    wire: str = ""
    simulated: Mapping[str, SimulatedProvider] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What came of one tiny request with one credential; `failure` is None if it was answered. It changes nothing in the chain."""

    seconds: float
    failure: Failure | None = None


class Host(Protocol):
    """The gateway behind the console."""

    @property
    def chains(self) -> Mapping[str, Watched]:
        """The chains by name, as they are configured now."""

    @property
    def stopping(self) -> bool:
        """Whether the gateway is about to stop: it waits for nobody who only listens."""

    def config(self) -> Mapping[str, Any]:
        """Return `path`, `loaded_at` (seconds since 1970) and `error` (why the newest file was refused, or None)."""

    def store(self) -> Mapping[str, Any]:
        """Return `kind` (memory, sqlite, redis), and `away`: why it cannot be reached, or None."""

    async def trial(self, chain: str, credential: str) -> ProbeResult:
        """Make one tiny request with one credential of a chain."""
