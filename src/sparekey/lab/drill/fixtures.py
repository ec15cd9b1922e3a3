"""The drilled configuration: the same chains and policies, with simulated providers behind them.

Keys, base URLs and hosts are replaced. Extra headers are left out, because they may hold keys. A
provider whose wire the simulator does not speak is played on OpenAI's wire.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sparekey.config import EmbeddingConfig, EmbeddingModelConfig, VLMConfig
from sparekey.config.files import Config
from sparekey.lab.simulator.wires import WIRES
from sparekey.providers import find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.config.chain import BaseChain
    from sparekey.lab.simulator import Provider, ReceivedRequest, Simulator

BUILT_IN: Final = {
    "vlm": {
        "provider": "openai",
        "timeout": 30.0,
        "credentials": [{"id": "first", "model": "sim-chat", "api_key": "none"}, {"id": "second", "model": "sim-other", "api_key": "none"}],
    },
    "embedding": {
        "dense": {
            "provider": "openai",
            "model": "sim-embedding",
            "dimension": 256,
            "timeout": 30.0,
            "credentials": [{"id": "first", "api_key": "none"}, {"id": "second", "api_key": "none"}],
        }
    },
}
"""The chains that are drilled without a configuration: two credentials each.

The chat credentials have different models, so that a row can tell who answered.
"""

NO_FAILBACK: Final = {"failback_timeout_seconds": 100_000.0, "failback_request_count": 100_000}
"""Fields for rows about parks: no failback falls due, so that only its own end can end a park."""
_REPLACED: Final = {"api_key", "api_base", "ak", "sk", "host", "extra_headers"}
_BY_CREDENTIAL: Final = frozenset({"provider", "model", "account", "api_version", "region", "space", "aliases"})


def built_in() -> Config:
    """Return the built-in configuration."""
    return Config.model_validate(BUILT_IN)


@dataclass(frozen=True, slots=True)
class Seat:
    """One credential of a drilled chain, and the simulated provider that it reaches."""

    id: str
    key: str = field(repr=False)
    model: str
    provider: Provider

    def requests(self) -> list[ReceivedRequest]:
        """Return the requests that came with this credential's key."""
        return [seen for seen in self.provider.requests if self.provider.wire.key(seen) == self.key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a row needs of a chain.

    Attributes:
        seats: the least number of credentials; copies of the first are added up to it. 0: as
            configured.
        apart: whether each credential gets an endpoint and an account of its own.
        one_host: whether all credentials are keys of one host.
        one_account: how many of the first credentials share one account.
        twins: credentials that are copies of another one, key included, with another model: their
            places, by the place of the original.
        key: the form of the keys; `{}` is replaced by the credential's number.
        knobs: fields of the chain that the row sets.
    """

    seats: int = 0
    apart: bool = False
    one_host: bool = False
    one_account: int = 0
    twins: Mapping[int, int] = field(default_factory=dict)
    key: str = "sk-drill-{:04d}-5f1d0c7e9ab24638"
    knobs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DrilledChain:
    """The configuration of a drilled chain, and its credentials with their providers."""

    config: VLMConfig | EmbeddingConfig
    seats: tuple[Seat, ...]


def simulated_chat(config: VLMConfig, simulator: Simulator, shape: Shape, scale: float) -> DrilledChain:
    """Put simulated providers behind a chat chain.

    Args:
        config: the chain's configuration.
        simulator: where the providers are started.
        shape: what the row needs of the chain.
        scale: real seconds in one second of the drill; the chain's timeout is multiplied by it.
    """
    data, seats = _chain(config, simulator, shape, scale)
    made = VLMConfig.model_validate(data)
    made._source = config._source  # noqa: SLF001 - messages name the file
    return DrilledChain(made, seats)


def simulated_embedding(config: EmbeddingModelConfig, simulator: Simulator, shape: Shape, scale: float) -> DrilledChain:
    """Put simulated providers behind an embedding chain; the arguments are as above."""
    data, seats = _chain(config, simulator, shape, scale)
    made = EmbeddingConfig.model_validate({config.kind: data})
    made.chains[config.kind]._source = config._source  # noqa: SLF001 - as above
    return DrilledChain(made, seats)


def settings_of(config: BaseChain[Any]) -> dict[str, Any]:
    """Return the settings of a chain without those that belong to its credentials."""
    return config.model_dump(exclude={"credentials", *_REPLACED, *_BY_CREDENTIAL}, exclude_none=True)


def rotated(key: str) -> str:
    """Return the key that replaces a key in a rotation; providers accept it from the start."""
    return f"{key}-rotated"


def stand_ins(config: Config) -> list[str]:
    """Return one line for each provider that is played on another wire than its own."""
    named = [(str(c.provider), chain) for chain in _chains(config) for c in chain.credentials]
    played = dict.fromkeys(name for name, chain in named if _played_as(name, chain)[0] != name)
    return [f"{name} is played on OpenAI's wire: the simulator does not speak its own" for name in played]


def _chains(config: Config) -> list[BaseChain[Any]]:
    embedding = list(config.embedding.chains.values()) if config.embedding else []
    return [*([config.vlm] if config.vlm else []), *embedding]


def _chain(config: BaseChain[Any], simulator: Simulator, shape: Shape, scale: float) -> tuple[dict[str, Any], tuple[Seat, ...]]:
    """Return the chain's configuration as data, and its credentials with their providers."""
    rows = _rows(config, shape)
    for i, row in enumerate(rows):
        row["key"] = shape.key.format(shape.twins.get(i, i))
    providers = _providers(config, simulator, rows)
    seats = [Seat(row["id"], row["key"], row["model"], provider) for row, provider in zip(rows, providers, strict=True)]
    settings = settings_of(config)
    credentials = [_credential(row, provider) for row, provider in zip(rows, providers, strict=True)]
    return {**settings, "timeout": settings["timeout"] * scale, **shape.knobs, "credentials": credentials}, tuple(seats)


def _rows(config: BaseChain[Any], shape: Shape) -> list[dict[str, Any]]:
    """Return the credentials as data, with copies of the first one up to the number needed."""
    rows = [c.model_dump(exclude=_REPLACED, exclude_none=True) | {"endpoint": c.api_base or c.host} for c in config.credentials]
    missing = range(len(rows), shape.seats)
    rows += [{**rows[0], "id": f"{rows[0]['id']}-copy-{i}"} for i in missing]
    for i, of in shape.twins.items():
        rows[i] = {**rows[of], "id": f"{rows[of]['id']}-twin", "model": f"{rows[of]['model']}-twin"}
    for i, row in enumerate(rows):
        row["provider"], row["wire"] = _played_as(row["provider"], config)
        row["endpoint"] = (row["provider"], i if shape.apart or i in missing else row["endpoint"])
        if shape.one_host:
            row["endpoint"] = (row["provider"], "one")
        if shape.apart or i in missing:
            row.pop("account", None)
        if i < shape.one_account:
            row["account"] = "drill"
        if i in shape.twins:
            row["endpoint"] = rows[shape.twins[i]]["endpoint"]
    return rows


def _played_as(name: str, chain: BaseChain[Any]) -> tuple[str, str]:
    """Return the provider name and the wire with which a provider is played."""
    row = find(name)
    offer = row.offer(chain.family) if row else None
    wire = name if name == "glm" else offer.wire if offer else None
    return (name, wire) if wire in WIRES else ("openai", "openai")


def _providers(config: BaseChain[Any], simulator: Simulator, rows: list[dict[str, Any]]) -> list[Provider]:
    """Return the provider of each credential: one for each endpoint, which accepts all its keys."""
    dimension = getattr(config, "known_dimension", None)
    made: dict[Any, Provider] = {}
    for row in rows:
        if row["endpoint"] not in made:
            keys = {key for other in rows if other["endpoint"] == row["endpoint"] for key in (other["key"], rotated(other["key"]))}
            name = f"drill{len(simulator.providers)}"
            made[row["endpoint"]] = simulator.provider(name, wire=row["wire"], keys=keys, dimension=dimension)
    return [made[row["endpoint"]] for row in rows]


def _credential(row: Mapping[str, Any], provider: Provider) -> dict[str, Any]:
    known = {name: value for name, value in row.items() if name not in {"endpoint", "wire", "key"}}
    if row["wire"] == "vikingdb":
        return {"region": "cn-beijing", **known, "ak": row["key"], "sk": "drill-secret", "host": provider.origin}
    return {**known, "api_key": row["key"], "api_base": provider.base_url}
