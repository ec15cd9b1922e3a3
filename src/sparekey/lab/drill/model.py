"""The wrappers of a configuration's chains, as the factories build them, on the drill's clock."""

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
    """The wrapper of a configuration, with pauses that follow the drill's clock."""

    def follow(self, clock: Clock) -> None:
        """Let the engine pause on the drill's clock."""
        self._failover, self._failover_async = Failover(self.chain, sleep=clock.sleep), AsyncFailover(self.chain, sleep=clock.asleep)


class _EmbeddingChain(FailoverEmbedder):
    """As `_ChatChain`, for embeddings."""

    def follow(self, clock: Clock) -> None:
        """Let the engine pause on the drill's clock."""
        self._failover, self._async_failover = Failover(self.chain, sleep=clock.sleep), AsyncFailover(self.chain, sleep=clock.asleep)


def build(config: BaseChain[Any], kind: str, chain: Chain, clock: Clock) -> Any:
    """Return the wrapper of a chain, of a lone credential too, so that its state can be seen; `kind` is `chat` or that of its vectors."""
    dicts, ids = [{**one, "max_retries": 0} for one in config.instance_dicts()], [c.id for c in chain.credentials]
    model: _ChatChain | _EmbeddingChain
    if kind == "chat":
        model = _ChatChain([VLMFactory.create(one) for one in dicts], ids, chain=chain)
    else:
        model = _EmbeddingChain([EmbedderFactory.create({**one, "kind": kind}) for one in dicts], ids, chain=chain)
    model.follow(clock)
    return model
