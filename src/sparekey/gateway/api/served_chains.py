"""The chains that a gateway serves, by the names that clients use as `model`."""

from __future__ import annotations

import random as _random
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.config.files import chains as chains_of
from sparekey.engine import Chain
from sparekey.errors import ConfigError
from sparekey.gateway.api.forwarder import GatewayForwarder
from sparekey.gateway.observe.request_ledger import Enter
from sparekey.gateway.process.key_rotation import renew
from sparekey.transport.routing_table import RoutingTable, routing_table
from sparekey.wire.formats import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sparekey.config import Config
    from sparekey.config.chain import BaseChain
    from sparekey.config.faults import Path
    from sparekey.core.pool import PoolState
    from sparekey.gateway.upstream.pool import UpstreamClient
    from sparekey.types import Failure
    from sparekey.wire.request import Kind, Target

_USUAL: Final[dict[Path, str]] = {
    ("vlm",): "chat",
    ("embedding", "dense"): "embedding",
    ("embedding", "sparse"): "sparse",
    ("embedding", "hybrid"): "hybrid",
}
"""Names of the chains that a configuration has outside its `gateway` section."""


class Timing(NamedTuple):
    """Clock, sleep and randomness of the chains (see `sparekey.engine.Chain`).

    The drill replaces them to let hours pass in a moment.
    """

    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = _random.random
    pace: float = 1.0
    sleep: Callable[[float], Awaitable[None]] | None = None


REAL: Final = Timing()
"""The real clock and real randomness."""


@dataclass(frozen=True, slots=True)
class Served:
    """A chain that the gateway serves, with its names and its connections.

    Attributes:
        name: what clients call it, as `model`.
        names: all its names, aliases included.
        chain: the engine's chain, with its state.
        targets: where the requests of each credential go, by the credential's id.
        wire: the format that all its credentials speak: `openai`, `anthropic` or `gemini`.
        kind: what its models are for: `chat` or `embed`.
        config_path: where it stands in the configuration (`("vlm",)`, `("gateway", "chat", "fast")`).
        forwarder: sends requests for the chain's own models.
        side_forwarder: sends requests for images, audio and moderation.
    """

    name: str
    names: tuple[str, ...]
    chain: Chain
    targets: Mapping[str, Target]
    wire: str
    kind: Kind
    config_path: Path
    forwarder: GatewayForwarder
    side_forwarder: GatewayForwarder


def serve(
    config: Config, client: UpstreamClient, store: Any = None, old: Mapping[str, Served] | None = None, timing: Timing = REAL
) -> dict[str, Served]:
    """Return the chains of a configuration by name, aliases left out.

    Args:
        config: the configuration.
        client: the connections to the providers.
        store: keeps the chains' state; None: in memory.
        old: the chains that were served before; unchanged credentials keep their state.
        timing: clock and randomness of the chains.

    Raises:
        ConfigError: a key is missing, a credential is not reached over HTTP, one chain mixes two
            wires, or two chains have the same name.
    """
    found: dict[str, Served] = {}
    taken: dict[str, str] = {}
    for path, chain in chains_of(config):
        served = _served(path, chain, client, store, timing)
        for name in served.names:
            if name in taken:
                raise ConfigError(f"{chain._source.place(())}: the name {name!r} is also that of {taken[name]}")  # noqa: SLF001
            taken[name] = ".".join(map(str, path))
        before = old.get(served.name) if old else None
        if before is not None and (store is None or store.away):
            _remember(served.chain, before.chain)
        if store is not None:
            renew(served.chain, store, served.name, before.chain if before else None)
        found[served.name] = served
    if not found:
        raise ConfigError("the configuration has no chain to serve: write [vlm], [embedding.dense] or [gateway.chat.NAME]")
    return found


def _explaining(classify: Callable[..., Failure]) -> Callable[[BaseException], Failure]:
    """Return `classify` with its trace switched on: the console shows how a verdict came about."""
    return partial(classify, trace=True)


def _served(path: Path, config: BaseChain[Any], client: UpstreamClient, store: Any, timing: Timing) -> Served:
    name = _USUAL.get(path) or str(path[-1])
    made = _table(config, name, store, timing)
    made.chain.classify = _explaining(made.chain.classify)
    wire = _wire(config, made)
    kind: Kind = "embed" if config.family == "embedding" else "chat"
    made.chain.add_hook(Enter())
    aside = replace(made, targets={i: replace(target, kind="other") for i, target in made.targets.items()})
    forwarders = GatewayForwarder(made, client, sleep=timing.sleep), GatewayForwarder(aside, client, sleep=timing.sleep)
    forwarders[1].router.affinity = forwarders[0].router.affinity
    names = (name, *(alias for alias in getattr(config, "aliases", ()) if alias != name))
    return Served(name, names, made.chain, made.targets, wire, kind, path, *forwarders)


def _table(config: BaseChain[Any], name: str, store: Any, timing: Timing) -> RoutingTable:
    made = routing_table(config)
    if store is None and timing is REAL:
        return made
    more: Any = {"clock": timing.clock, "random": timing.random, "pace": timing.pace, "store": store, "name": name if store else ""}
    return replace(made, chain=Chain(config.engine_credentials(), config.policy(), classify=config.classifier(), **more))


def _wire(config: BaseChain[Any], made: RoutingTable) -> str:
    """Return the one wire of a chain. Requests pass unchanged, so all credentials must speak it."""
    spoken: dict[str, str] = {}
    for credential in made.chain.credentials:
        target = made.targets.get(credential.id)
        if target is None:
            index = next(i for i, one in enumerate(config.credentials) if one.id == credential.id)
            where = config._source.place(("credentials", index))  # noqa: SLF001 - messages name the file
            raise ConfigError(f"{where}: {credential.provider} has no HTTP interface that the gateway can pass requests to")
        spoken.setdefault(DIALECTS[target.wire], credential.id)
    if len(spoken) > 1:
        told = ", ".join(f"{name} speaks {dialect}" for dialect, name in spoken.items())
        where = config._source.place(())  # noqa: SLF001 - as above
        raise ConfigError(f"{where}: credentials of one chain must speak one format here, and {told}; make two chains of it")
    return next(iter(spoken))


def _remember(new: Chain, old: Chain) -> None:
    """Carry over who is active, and who is parked. A credential with another key starts afresh, and is tried before those below it."""
    before = {c.id: c for c in old.credentials}
    same = {c.id for c in new.credentials if before.get(c.id) == c}
    places = {c.id: i for i, c in enumerate(new.credentials)}
    active = places[old.active_id] if old.active_id in same else 0
    fresh = next((i for i, c in enumerate(new.credentials) if c.id not in same), active)
    guards = {name for i, c in enumerate(old.credentials) if c.id in same for name in old.pool.guards[i]}
    breakers = {name: guard for name, guard in old.state.breakers.items() if name in guards}
    kept: PoolState = replace(old.state, active=min(active, fresh), breakers=breakers)
    store = new._store  # noqa: SLF001 - a chain that nobody uses yet, and nothing happened in it that hooks should be told
    store.compare_and_set(store.value, kept)
