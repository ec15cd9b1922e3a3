"""What a process of the gateway is told: the configuration, with the command line's options over it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sparekey.config import load_config
from sparekey.config.gateway import GatewayConfig, open_to_all
from sparekey.errors import ConfigError
from sparekey.gateway.process.state_files import StateFiles, place_of
from sparekey.gateway.upstream.clients import proxies_of
from sparekey.stores.address import SQLITE, address_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sparekey.config import Config
    from sparekey.stores.address import StoreAddress


class ServeSettings:
    """The configuration with the command line's options over it; workers get it by pickling."""

    def __init__(
        self,
        file: Path,
        *,
        host: str | None = None,
        port: int | None = None,
        workers: int | None = None,
        store: str | None = None,
        keep: bool = False,
    ) -> None:
        """Create the settings. An option that is None leaves the configuration's value.

        Args:
            file: the configuration.
            host: the address to listen on.
            port: the port.
            workers: the number of processes.
            store: the address of the store.
            keep: whether state and history go to the usual place if no store is named. The command
                does that; a program that embeds the gateway has to ask for it.
        """
        self.file = file
        self._host, self._port, self._workers, self._store = host, port, workers, store
        self._keep = keep
        self._place: StateFiles | None = None
        self.reports: Path | None = None
        self.parent: int | None = None  # the process that starts workers; it may be killed before one of them looks for it

    def read(self) -> tuple[Config, GatewayConfig]:
        """Return the configuration and the settings of the gateway in it.

        Raises:
            ConfigError: the configuration is wrong, or would let strangers in.
        """
        config = load_config(self.file)
        given = {"host": self._host, "port": self._port, "workers": self._workers, "store": self._named_store()}
        found = config.gateway or GatewayConfig()
        found = found.model_copy(update={name: value for name, value in given.items() if value is not None})
        if fault := open_to_all(found.host, has_clients=bool(found.clients)):
            raise ConfigError(f"{self.file}: gateway.host: {fault}")
        proxies_of(found)
        config.gateway = found
        return config, found

    def place(self) -> StateFiles:
        """Return where state and history are kept. The first call decides; workers inherit it.

        Raises:
            ConfigError: the configuration is wrong.
        """
        if self._place is None:
            _, found = self.read()
            usual = self._keep or (found.store is not None and found.store.kind == SQLITE)
            with self._naming("--store" if self._store else f"{self.file}: gateway.store"):
                self._place = place_of(self.file, found.store) if usual else StateFiles(found.store)
        return self._place

    def _named_store(self) -> StoreAddress | None:
        """Return the store that the command line names.

        Raises:
            ConfigError: it is none.
        """
        with self._naming("--store"):
            return None if self._store is None else address_of(self._store)

    @staticmethod
    @contextmanager
    def _naming(where: str) -> Iterator[None]:
        """Let a `ConfigError` say where the setting stands."""
        try:
            yield
        except ConfigError as exc:
            raise ConfigError(f"{where}: {exc}") from None

    def move(self, store: str) -> None:
        """Keep the state in another store, given by its address."""
        self._place = self.place()._replace(store=address_of(store))
