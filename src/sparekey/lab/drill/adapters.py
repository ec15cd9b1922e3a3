"""What a scenario's calls go to: the chain behind its wrappers, or the same chain behind a gateway."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import suppress
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sparekey.config import EmbeddingConfig
from sparekey.config.files import Config
from sparekey.embedding.factory import EmbedderFactory
from sparekey.embedding.multi import FailoverEmbedder
from sparekey.engine import AsyncFailover, Chain, Failover
from sparekey.gateway.observe.access_log import as_dict
from sparekey.lab.drill.client import SdkClient
from sparekey.lab.drill.in_process_gateway import InProcessGateway, settings
from sparekey.vlm.factory import VLMFactory
from sparekey.vlm.multi import MultiCredentialVLM

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.config.chain import BaseChain
    from sparekey.config.gateway import GatewayConfig
    from sparekey.core.events import Event
    from sparekey.gateway.api.served_chains import Served
    from sparekey.lab.drill.clock import Clock
    from sparekey.stores import Keeper

GATEWAY: Final = "gateway"
"""The mode in which calls go through a gateway."""
_PAGES: Final = {"metrics": "/metrics", "console": "/admin/api/state"}
_OK: Final = 200
_SETTLE: Final = 1.0
"""Seconds in which a gateway must have noticed that a caller has gone."""


class WrapperAdapter:
    """The chain behind the wrappers that a program uses."""

    def __init__(
        self,
        config: BaseChain[Any],
        kind: str,
        clock: Clock,
        dice: Callable[[], float],
        hook: Callable[[Event], None],
        store: Keeper | None,
    ) -> None:
        """Build the chain of a configuration, and its wrapper.

        Args:
            config: the configuration of the chain.
            kind: `chat`, or the kind of an embedding chain's vectors.
            clock: the drill's clock.
            dice: the engine's source of chance.
            hook: called with each event of the engine.
            store: keeps the chain's state; None: the state lives in this process.
        """
        self.chain = Chain(
            config.engine_credentials(),
            config.policy(),
            clock=clock,
            random=dice,
            pace=clock.scale,
            classify=config.classifier(),
            hooks=[hook],
            store=store,
            name="drill" if store else "",
        )
        self.model: Any = build(config, kind, self.chain, clock)

    def settle(self, out: Callable[[], int]) -> None:
        """Do nothing: a call that has returned is settled."""

    @property
    def served_quickly(self) -> Counter[str]:
        """Nothing: there is no gateway."""
        return Counter()

    def shown(self) -> dict[str, str]:
        """Return nothing: a wrapper has no pages."""
        return {}

    def close(self) -> None:
        """Do nothing: the scenario closes the wrapper together with its calls."""


class GatewayAdapter:
    """The chain behind a gateway, with an official SDK as its client."""

    def __init__(
        self,
        config: BaseChain[Any],
        kind: str,
        clock: Clock,
        dice: Callable[[], float],
        hook: Callable[[Event], None],
        store: Keeper | None,
        given: GatewayConfig | None = None,
    ) -> None:
        """Serve the chain of a configuration.

        The arguments are those of `WrapperAdapter`; `given` are the gateway's settings.

        Raises:
            ConfigError: the configuration cannot be served.
            MissingExtraError: the packages of the gateway or the SDK are not installed.
        """
        self._kind, self._given = kind, settings(given)
        self.in_process = InProcessGateway(self.whole_config(config), clock, dice, lambda served: served.chain.add_hook(hook), store)
        self.model: Any = SdkClient(self.served.wire, self.in_process.url, self.served.name)

    @property
    def served(self) -> Served:
        """The chain as it is served now; each reload makes another one."""
        return next(iter(self.in_process.gateway.chains.values()))

    @property
    def chain(self) -> Chain:
        """The engine's chain."""
        return self.served.chain

    def whole_config(self, config: BaseChain[Any]) -> Config:
        """Return a whole configuration that serves one chain."""
        chain: dict[str, Any] = (
            {"vlm": config} if self._kind == "chat" else {"embedding": EmbeddingConfig.model_validate({self._kind: config})}
        )
        return Config.model_construct(**chain, gateway=self._given, rules=[])

    def reload(self, config: BaseChain[Any]) -> None:
        """Serve another configuration from now on."""
        whole = self.whole_config(config)
        self.in_process.do(lambda: self.in_process.gateway.reload(whole))

    def settle(self, out: Callable[[], int]) -> None:
        """Wait until the gateway works for no more callers than `out` says are waiting.

        A caller may see the end of its call a moment before the gateway does. Hooks then know of all that was served.
        """
        end = time.monotonic() + _SETTLE
        while self.in_process.gateway.running > out() and time.monotonic() < end:
            time.sleep(0.001)
        self.in_process.tell()

    def shown(self) -> dict[str, str]:
        """Return the text of the gateway's pages and of its access log, by name."""
        log = json.dumps([as_dict(one) for one in self.in_process.finished])
        return {"access log": log, **{name: self._page(path) for name, path in _PAGES.items()}}

    def _page(self, path: str) -> str:
        status, _, text = self.knock("GET", path)
        if status != _OK:
            raise RuntimeError(f"the gateway has no page at {path}")
        return text

    @property
    def served_quickly(self) -> Counter[str]:
        """How many requests the gateway served on its quick path (`taken`), and why it did not serve others there."""
        return self.in_process.served_quickly

    @property
    def port(self) -> int:
        """The gateway's port on loopback."""
        return int(self.in_process.url.rpartition(":")[2])

    def knock(
        self, method: str = "POST", path: str = "/v1/chat/completions", body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """Send one raw request; return status, headers and body (see `knock`)."""
        return knock(self.in_process.url, method, path, body, **headers)

    def close(self) -> None:
        """Stop the gateway."""
        self.in_process.close()


def knock(url: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], str]:
    """Send one raw request; return status, headers (names in lower case) and body.

    Args:
        url: the gateway's address.
        method: the HTTP method.
        path: the path.
        body: bytes, or an iterator of bytes, which is sent in chunks.
        **headers: the headers, with `_` in place of `-` in their names; empty ones are left out.
    """
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    sent = {name.replace("_", "-"): value for name, value in headers.items() if value}
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # a gateway that refuses early closes first, and its answer can still be read
            connection.request(method, path, body, sent)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read().decode("utf-8", "replace")
    finally:
        connection.close()


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
