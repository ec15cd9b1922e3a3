"""A configuration with simulated providers in the places of the real ones: the same chains and the same policies.

Keys, base URLs and hosts are replaced. Own headers are left out, as they may hold keys. A provider whose wire the simulator does not
speak is played on OpenAI's.
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
"""The chains that are drilled without a configuration: two credentials each, those for chat with different models."""

NO_FAILBACK: Final = {"failback_timeout_seconds": 100_000.0, "failback_request_count": 100_000}
"""Knobs of rows that are about parks: what ends these shall be their own end, and no failback that is due."""
_REPLACED: Final = {"api_key", "api_base", "ak", "sk", "host", "extra_headers"}
_BY_CREDENTIAL: Final = frozenset({"provider", "model", "account", "api_version", "region", "space", "aliases"})


def built_in() -> Config:
    """Return the built-in configuration."""
    return Config.model_validate(BUILT_IN)


@dataclass(frozen=True, slots=True)
class Seat:
    """A credential of the drilled chain, and the simulated provider that it reaches."""

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
        seats: at least so many credentials: copies of the first are added; 0: as configured.
        apart: whether each credential has an endpoint and an account of its own.
        one_host: whether all of them are keys of one host.
        one_account: so many of the first credentials share one account.
        twins: seats that are a copy of another one, key included, but for the model.
        key: what keys look like, with the place of the seat's number.
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
    """A chain's configuration in the drill, and who plays in it."""

    config: VLMConfig | EmbeddingConfig
    seats: tuple[Seat, ...]


def cast_chat(config: VLMConfig, simulator: Simulator, shape: Shape, scale: float) -> DrilledChain:
    """Put simulated providers behind a chat chain."""
    data, seats = _chain(config, simulator, shape, scale)
    made = VLMConfig.model_validate(data)
    made._source = config._source  # noqa: SLF001 - messages name the file
    return DrilledChain(made, seats)


def cast_embedding(config: EmbeddingModelConfig, simulator: Simulator, shape: Shape, scale: float) -> DrilledChain:
    """Put simulated providers behind an embedding chain."""
    data, seats = _chain(config, simulator, shape, scale)
    made = EmbeddingConfig.model_validate({config.kind: data})
    made.chains[config.kind]._source = config._source  # noqa: SLF001 - as above
    return DrilledChain(made, seats)


def settings_of(config: BaseChain[Any]) -> dict[str, Any]:
    """Return what a chain is set to, without what belongs to its credentials."""
    return config.model_dump(exclude={"credentials", *_REPLACED, *_BY_CREDENTIAL}, exclude_none=True)


def rotated(key: str) -> str:
    """Return the key that takes a key's place where one is rotated; the simulated providers know it from the beginning."""
    return f"{key}-rotated"


def stand_ins(config: Config) -> list[str]:
    """Return a line for each provider that is played by another one."""
    named = [(str(c.provider), chain) for chain in _chains(config) for c in chain.credentials]
    played = dict.fromkeys(name for name, chain in named if _played_as(name, chain)[0] != name)
    return [f"{name} is played on OpenAI's wire: the simulator does not speak its own" for name in played]


def _chains(config: Config) -> list[BaseChain[Any]]:
    embedding = list(config.embedding.chains.values()) if config.embedding else []
    return [*([config.vlm] if config.vlm else []), *embedding]


def _chain(config: BaseChain[Any], simulator: Simulator, shape: Shape, scale: float) -> tuple[dict[str, Any], tuple[Seat, ...]]:
    """Return the chain's configuration as data, and its seats."""
    rows = _rows(config, shape)
    for i, row in enumerate(rows):
        row["key"] = shape.key.format(shape.twins.get(i, i))
    providers = _providers(config, simulator, rows)
    seats = [Seat(row["id"], row["key"], row["model"], provider) for row, provider in zip(rows, providers, strict=True)]
    settings = settings_of(config)
    credentials = [_credential(row, provider) for row, provider in zip(rows, providers, strict=True)]
    return {**settings, "timeout": settings["timeout"] * scale, **shape.knobs, "credentials": credentials}, tuple(seats)


def _rows(config: BaseChain[Any], shape: Shape) -> list[dict[str, Any]]:
    """Return the credentials as they will play, with copies of the first one up to the number that the row needs."""
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
    """Return the provider and the wire that play a provider."""
    row = find(name)
    offer = row.offer(chain.family) if row else None
    wire = name if name == "glm" else offer.wire if offer else None
    return (name, wire) if wire in WIRES else ("openai", "openai")


def _providers(config: BaseChain[Any], simulator: Simulator, rows: list[dict[str, Any]]) -> list[Provider]:
    """Return each row's provider: one for each endpoint, which takes the keys of all its rows."""
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
