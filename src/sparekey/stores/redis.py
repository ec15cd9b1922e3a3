"""State in Redis or Valkey, shared by many machines. Needs the extra `redis`.

All chains are fields of one hash, `sparekey:state` (`redis://host/0?key=team-a` names another), so
they are in one slot of a Cluster, and a script sees them as one. The hash does not expire. A server
without persistence is empty after a restart; the processes then write back what they know.

Scripts are sent with their text each time: a promoted replica, the new owner of a slot or a server
that was started anew has none of the others' scripts.

After any failure the client is thrown away: the next one asks the name service, the Sentinels or
the Cluster anew, and is not stuck at a former primary, which would refuse each write.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from sparekey.errors import ConfigError
from sparekey.stores.address import address_of
from sparekey.stores.base import Stamp, StoreAwayError
from sparekey.stores.redis_clients import checked, connected

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from sparekey.stores.address import StoreAddress
    from sparekey.stores.redis_clients import Client

_CLOCK: Final = "redis"
_LONGEST: Final = 200
"""The most characters of a reason."""
_REPR: Final = re.compile(r"<redis\..*?>\)>\)> - ")
"""What redis-py says of each Sentinel that did not answer: a client with its settings."""
_READ: Final = """
local found = {}
if #ARGV > 0 then found = redis.call('HMGET', KEYS[1], unpack(ARGV)) end
return {redis.call('TIME'), found}
"""
_SWAP: Final = """
local found = redis.call('HGET', KEYS[1], ARGV[1])
if (found or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""


class RedisStore:
    """A `Store` in a Redis or Valkey server, behind Sentinels, or in a Cluster; it connects on first use."""

    def __init__(
        self, address: str | StoreAddress, *, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        """Create the store.

        Args:
            address: see `sparekey.stores.redis_address`.
            monotonic: returns the machine's monotonic clock in seconds.
            wall: returns the time of day in seconds since 1970.

        Raises:
            ConfigError: the address is none, or redis-py does not take its settings.
        """
        address = address_of(address)
        if address.redis is None:
            raise ConfigError(f"{address.label} is no address of a Redis or Valkey")
        try:
            checked(address.redis)
        except ValueError as exc:
            raise ConfigError(f"{address.label} is no address of a Redis or Valkey: {exc}") from None
        self.label, self._address = address.label, address.redis
        self._monotonic, self._wall = monotonic, wall
        self._ahead: float | None = None  # server time less monotonic time, from the last read
        self._client: Client | None = None

    def read(self, names: Collection[str]) -> Mapping[str, bytes]:
        """Return the values of `names`, and read the server's clock in the same round trip."""
        wanted = list(names)
        asked = self._monotonic()
        (seconds, micros), found = self._run(_READ, *wanted)
        self._ahead = int(seconds) + int(micros) / 1e6 - (asked + self._monotonic()) / 2
        return {name: value for name, value in zip(wanted, found, strict=True) if value is not None}

    def compare_and_set(self, name: str, old: bytes | None, new: bytes) -> bool:
        """Replace `old` with `new`.

        Return False, without a change, if the value is no longer `old`.
        """
        return bool(self._run(_SWAP, name, old or b"", new))

    def changed(self) -> bool:
        """Return True: reading is one round trip, and so would checking be."""
        return True

    def stamp(self) -> Stamp:
        """Return the current moment on the server's clock, or the local one if that is unknown."""
        if self._ahead is None:
            return Stamp("", self._wall(), self._wall())
        now = self._monotonic() + self._ahead
        return Stamp(_CLOCK, now, now)

    def tidy(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # whatever it is, the client is not used again
                client.close()

    def forget(self) -> None:
        """Connect anew after a fork; redis-py leaves the parent's connections as they are."""
        self._client = None

    def _run(self, script: str, *arguments: str | bytes) -> Any:
        """Run a script on the hash.

        Raises:
            StoreAwayError: it could not be run.
        """
        with self._telling():
            if self._client is None:
                self._client = connected(self._address)
            return self._client.eval(script, 1, self._address.key, *arguments)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except Exception as exc:  # noqa: BLE001 - a node that vanishes makes redis-py raise AttributeError or KeyError, too
            self.close()
            said = _REPR.sub("", self._address.secrets.cut(" ".join(str(exc).split())))
            raise StoreAwayError(said[:_LONGEST] or type(exc).__name__) from None
