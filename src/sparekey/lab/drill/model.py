"""The wrappers of a configuration's chains, built by the factories, on the drill's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparekey.embedding.factory import EmbedderFactory
from sparekey.embedding.multi import FailoverEmbedder
from sparekey.engine import AsyncFailover, Chain, Failover
from sparekey.vlm.factory import VLMFactory
from sparekey.vlm.multi import MultiCredentialVLM

if TYPE_CHECKING:
    from sparekey.config.chain import BaseChain
    from sparekey.lab.drill.clock import Clock


class _ChatChain(MultiCredentialVLM):
    """The chat wrapper of a configuration; its pauses follow the drill's clock."""

    def follow(self, clock: Clock) -> None:
        """Make the engine pause on the drill's clock, blocking and asynchronous calls alike."""
        self._failover, self._failover_async = Failover(self.chain, sleep=clock.sleep), AsyncFailover(self.chain, sleep=clock.asleep)


class _EmbeddingChain(FailoverEmbedder):
    """The embedding wrapper of a configuration; its pauses follow the drill's clock."""

    def follow(self, clock: Clock) -> None:
        """Make the engine pause on the drill's clock, blocking and asynchronous calls alike."""
        self._failover, self._async_failover = Failover(self.chain, sleep=clock.sleep), AsyncFailover(self.chain, sleep=clock.asleep)


def build(config: BaseChain[Any], kind: str, chain: Chain, clock: Clock) -> Any:
    """Return the wrapper of a chain.

    The wrapper is built even for a single credential, so that a row can look at the chain's state.
    SDK retries are off.

    Args:
        config: the configuration of the chain.
        kind: `chat`, or the kind of the embedding chain's vectors (`dense`, `sparse`, `hybrid`).
        chain: the engine's chain, with one entry for each credential of `config`.
        clock: the drill's clock.
    """
    dicts, ids = [{**one, "max_retries": 0} for one in config.instance_dicts()], [c.id for c in chain.credentials]
    model: _ChatChain | _EmbeddingChain
    if kind == "chat":
        model = _ChatChain([VLMFactory.create(one) for one in dicts], ids, chain=chain)
    else:
        model = _EmbeddingChain([EmbedderFactory.create({**one, "kind": kind}) for one in dicts], ids, chain=chain)
    model.follow(clock)
    return model
