"""What the console needs of the gateway, as a protocol; tests implement a small one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparekey.engine import Chain
    from sparekey.stats.chain_stats import ChainStats
    from sparekey.types import Failure


class SimulatedProvider(Protocol):
    """A simulated provider, which can be made to fail."""

    @property
    def base_url(self) -> str:
        """Its base URL."""

    @property
    def injectable(self) -> Sequence[str]:
        """The names of its faults; the last name ends a fault."""

    def inject(self, name: str) -> None:
        """Inject the fault from now on.

        Raises:
            KeyError: there is no such fault.
        """


@dataclass(frozen=True, slots=True)
class Watched:
    """One chain as the console sees it.

    Attributes:
        chain: the chain.
        stats: its statistics; one of its hooks.
        wire: the wire that its clients speak, to be shown.
        simulated: the simulated providers by credential id; only these can be given a fault.
    """

    chain: Chain
    stats: ChainStats
    wire: str = ""
    simulated: Mapping[str, SimulatedProvider] = field(default_factory=dict)

    @property
    def is_simulated(self) -> bool:
        """Whether all of its providers are simulated."""
        return all(credential.id in self.simulated for credential in self.chain.credentials)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of one tiny request with one credential; `failure` is None if it was answered."""

    seconds: float
    failure: Failure | None = None


class Host(Protocol):
    """The gateway as the console sees it."""

    @property
    def chains(self) -> Mapping[str, Watched]:
        """The chains of the current configuration by name."""

    @property
    def stopping(self) -> bool:
        """Whether the gateway is about to stop: live connections of pages then end."""

    def config(self) -> Mapping[str, Any]:
        """Return `path`, `loaded_at` (seconds since 1970), `error` and `read_only`.

        `error` says why a file is refused, `read_only` whether people may only look, because there
        is no admin key.
        """

    def store(self) -> Mapping[str, Any]:
        """Return `kind` (memory, sqlite, redis) and `away`: why it is unreachable, or None."""

    async def trial(self, chain: str, credential: str) -> ProbeResult:
        """Make one tiny request with one credential; it does not change the chain's state."""
