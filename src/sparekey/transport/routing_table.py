"""The routing table of a chain: where the requests of each credential go, from a configuration or from credentials."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sparekey.config import Config, EmbeddingConfig, load_config
from sparekey.config.chain import BaseChain
from sparekey.config.embedding import EmbeddingModelConfig
from sparekey.config.spaces import within_one
from sparekey.engine import Chain
from sparekey.errors import ConfigError
from sparekey.providers import Family, dialect_of, find, takes_length
from sparekey.transport.vectors import Vectors, parameter, shortens, vectors_of, vectors_of_chain
from sparekey.wire.formats import DIALECTS
from sparekey.wire.request import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sparekey.core.events import Event
    from sparekey.types import Credential, Failure
    from sparekey.wire.request import Kind

Source: TypeAlias = "str | Config | EmbeddingConfig | BaseChain[Any] | Chain | Iterable[Credential]"
"""What a transport can be made of: the name of a chain in the configuration file, a configuration, or an engine's chain."""

_KINDS: Final[dict[Family, Kind]] = {"vlm": "chat", "embedding": "embed"}
_NAMES: Final = {"chat": "vlm", "vlm": "vlm", "embedding": "dense", "dense": "dense", "sparse": "sparse", "hybrid": "hybrid"}
"""What a chain of a configuration file may be called here."""


@dataclass(frozen=True, slots=True)
class RoutingTable:
    """A chain with the target of each credential.

    Attributes:
        chain: the chain.
        targets: where the requests of each credential go, by its id.
        timeout: seconds for one attempt; None where nothing is configured.
        vectors: what its vectors must be like; None if it gives none that are dense.
    """

    chain: Chain
    targets: Mapping[str, Target]
    timeout: float | None = None
    vectors: Vectors | None = None

    @property
    def classify(self) -> Callable[[BaseException], Failure]:
        """How the chain classifies failures; in a chain of embeddings none of them moves a request to another model."""
        return self.chain.classify if self.vectors is None else within_one(self.chain.classify)


def routing_table(
    source: Source | RoutingTable, family: Family = "vlm", hooks: Iterable[Callable[[Event], None]] = (), space: str | None = None
) -> RoutingTable:
    """Return the routing table for what a transport was given.

    Args:
        source: a name (`chat`, `embedding`) of a chain in the configuration file, a configuration, a `Chain` or its credentials.
        family: what the models of a `Chain` are; a configuration knows by itself.
        hooks: added to the chain.
        space: the vector space that the models of a `Chain` share, where they have different names; a configuration says it itself.

    Raises:
        VectorSpaceError: the models of a `Chain` give vectors of different spaces, and `space` says nothing.
        ConfigError: there is no such chain, it is wrong, or a key is not where its reference says.
    """
    found = source if isinstance(source, RoutingTable) else _table_of(source, family, space)
    for hook in hooks:
        found.chain.add_hook(hook)
    return found


def _table_of(source: Source, family: Family, space: str | None) -> RoutingTable:
    if isinstance(source, str):
        source = _named(source)
    if isinstance(source, Config):
        source = _only(source)
    if isinstance(source, EmbeddingConfig):
        source = _chain_of(source, "dense")
    if isinstance(source, BaseChain):
        return _configured(source)
    chain = source if isinstance(source, Chain) else Chain(source)
    targets = {c.id: target for c in chain.credentials if (target := _of_credential(c, family))}
    return RoutingTable(chain, targets, vectors=vectors_of_chain(chain, space) if family == "embedding" else None)


def _named(name: str) -> BaseChain[Any]:
    kind = _NAMES.get(name)
    if kind is None:
        raise ConfigError(f"no chain is called {name!r}; known are {', '.join(_NAMES)}")
    return _chain_of(load_config(), kind)


def _chain_of(config: Config | EmbeddingConfig, kind: str) -> BaseChain[Any]:
    found: BaseChain[Any] | None = None
    if isinstance(config, Config):
        if kind == "vlm":
            found = config.vlm
        elif config.embedding:
            return _chain_of(config.embedding, kind)
    else:
        found = next((chain for name, chain in config.chains.items() if name == kind), None)
    if found is None:
        raise ConfigError(f"the configuration has no chain for {kind!r}")
    return found


def _only(config: Config) -> BaseChain[Any]:
    if config.vlm is None and config.embedding is not None:
        return _chain_of(config, "dense")
    return _chain_of(config, "vlm")


def _configured(config: BaseChain[Any]) -> RoutingTable:
    rows = config.instance_dicts()
    targets = {row["credential_id"]: target for row in rows if (target := _of_row(row, config.family))}
    chain = Chain(config.engine_credentials(), config.policy(), classify=config.classifier())
    vectors = None
    if isinstance(config, EmbeddingModelConfig):
        vectors, targets = vectors_of(config), {i: _asking(config, chain, i, target) for i, target in targets.items()}
    return RoutingTable(chain, targets, getattr(config, "timeout", None), vectors)


def _asking(config: EmbeddingModelConfig, chain: Chain, credential_id: str, target: Target) -> Target:
    """Let a credential be asked for vectors of the declared length by requests that do not say it."""
    credential = next(c for c in chain.credentials if c.id == credential_id)
    asks = takes_length(credential.provider, credential.model) and not shortens(config, credential.provider, credential.model)
    fixed = None if asks else config.known_dimension
    return replace(target, body={**parameter(config, credential.provider, credential.model), **target.body}, fixed_length=fixed)


def _of_row(row: Mapping[str, Any], family: Family) -> Target | None:
    return _target(
        row["provider"],
        family,
        row.get("api_base"),
        api_key=row.get("api_key"),
        model=row.get("model"),
        api_version=row.get("api_version"),
        headers=row.get("extra_headers") or {},
        body={name: row[name] for name in ("reasoning_effort",) if row.get(name)} | (row.get("extra_request_body") or {}),
    )


def _of_credential(credential: Credential, family: Family) -> Target | None:
    return _target(
        credential.provider or "openai",
        family,
        credential.endpoint,
        api_key=credential.api_key,
        model=credential.model,
        headers=credential.headers,
    )


def _target(name: str, family: Family, base: str | None, **rest: Any) -> Target | None:
    """Return the target, or None where the provider has no HTTP interface that an SDK of another one speaks."""
    provider = find(name)
    offer = provider.offer(family) if provider else None
    url = ((offer.address(base) if offer else base) or "").rstrip("/")
    wire = offer.http_wire if offer else None
    if base and (provider is None or provider.name == "litellm"):
        wire = "openai"  # a server under a name of its own: nearly all of them speak this format
    if wire is None or not url:
        return None
    if offer and rest["model"]:
        rest["model"] = offer.named(rest["model"])
    if provider and offer is provider.embeddings and not url.endswith(provider.openai_path):
        url += provider.openai_path
    counts = family == "vlm" and DIALECTS[wire] == "openai" and dialect_of(name, url).stream_usage
    return Target(wire, url, kind=_KINDS[family], stream_usage=counts, **rest)
