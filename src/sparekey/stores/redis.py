"""State in Redis or Valkey, shared by many machines. Needs the extra `redis`.

All chains are fields of one hash, `sparekey:state` (`redis://host/0?key=team-a` names another). It
does not expire. A server without persistence is empty after a restart; the processes then write
back what they know.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

from sparekey.errors import ConfigError, MissingExtraError
from sparekey.masking import mask
from sparekey.stores.base import Stamp, StoreAwayError

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as _exc:
    raise MissingExtraError("a store in Redis or Valkey", "redis") from _exc

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

_KEY: Final = "sparekey:state"
_CLOCK: Final = "redis"
_WAIT: Final = 0.2
"""Timeout of one answer in seconds: less than a change waits for the store."""
_CONNECTING: Final = 1.0
_SWAP: Final = """
local found = redis.call('HGET', KEYS[1], ARGV[1])
if (found or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""


class RedisStore:
    """A `Store` in a Redis or Valkey server; it connects on first use."""

    def __init__(self, url: str, *, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        """Create the store.

        Args:
            url: an address in redis-py's form.
            monotonic: returns the machine's monotonic clock in seconds.
            wall: returns the time of day in seconds since 1970.

        Raises:
            ConfigError: redis-py does not take the address.
        """
        self.label = _bare(url)
        self._url, self._key = _split(url)
        self._monotonic, self._wall = monotonic, wall
        self._ahead: float | None = None  # server time less monotonic time, from the last read
        self._client = self._connected()
        self._swap = self._client.register_script(_SWAP)

    def read(self, names: Collection[str]) -> Mapping[str, bytes]:
        """Return the values of `names`, and read the server's clock in the same round trip."""
        wanted = list(names)
        with _telling():
            pipe = self._client.pipeline(transaction=False)
            pipe.time()
            if wanted:  # a server refuses to look up nothing, and would count as away
                pipe.hmget(self._key, wanted)
            asked = self._monotonic()
            (seconds, micros), *found = pipe.execute()
            self._ahead = seconds + micros / 1e6 - (asked + self._monotonic()) / 2
        return {name: value for name, value in zip(wanted, found[0] if found else (), strict=True) if value is not None}

    def compare_and_set(self, name: str, old: bytes | None, new: bytes) -> bool:
        """Replace `old` with `new`.

        Return False, without a change, if the value is no longer `old`.
        """
        with _telling():
            return bool(self._swap(keys=[self._key], args=[name, old or b"", new]))

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
        with _telling():
            self._client.close()

    def forget(self) -> None:
        """Create connections of its own after a fork."""
        self._client = self._connected()
        self._swap = self._client.register_script(_SWAP)

    def _connected(self) -> redis.Redis:
        options: dict[str, Any] = {"socket_timeout": _WAIT, "socket_connect_timeout": _CONNECTING}
        once = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))  # a connection that the server has closed meanwhile
        try:
            return redis.Redis.from_url(self._url, retry=once, **options)
        except (ValueError, TypeError) as exc:
            raise ConfigError(f"{self.label!r} is no address of a Redis: {mask(str(exc))}") from None


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as exc:
        raise StoreAwayError(mask(" ".join(str(exc).split()))[:200] or type(exc).__name__) from None


def _bare(url: str) -> str:
    """Return the address without user, password and settings."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _split(url: str) -> tuple[str, str]:
    """Return the address without our own setting, and the name of the hash."""
    address, _, query = url.partition("?")
    settings = parse_qsl(query, keep_blank_values=True)
    key = next((value for name, value in settings if name == "key"), "") or _KEY
    rest = urlencode([pair for pair in settings if pair[0] != "key"])
    return f"{address}?{rest}" if rest else address, key
