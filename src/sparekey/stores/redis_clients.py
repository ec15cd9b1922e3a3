"""redis-py's own client for each form of an address: one server, a Sentinel's service, a Cluster."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from sparekey.errors import MissingExtraError

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.cluster import ClusterNode, RedisCluster
    from redis.connection import parse_url
    from redis.retry import Retry
    from redis.sentinel import Sentinel
except ImportError as _exc:
    raise MissingExtraError("a store in Redis or Valkey", "redis") from _exc

if TYPE_CHECKING:
    from sparekey.stores.redis_address import RedisAddress

_TIMES: Final = {"socket_timeout": 0.2, "socket_connect_timeout": 1.0}
"""Seconds: one answer comes sooner than a change waits for the store."""
_OF_ONE: Final = frozenset({"host", "port", "connection_class"})
"""What redis-py reads out of an address that says where one server is."""


class Client(Protocol):
    """What the clients have in common."""

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any:
        """Run a script where its keys are."""

    def close(self) -> None:
        """Close the connections."""


class _Watched:
    """A client of the primary that Sentinels name, with the connections to the Sentinels themselves."""

    def __init__(self, address: RedisAddress, options: dict[str, Any]) -> None:
        security = {name: value for name, value in options.items() if name.startswith("ssl")}
        user, password = address.sentinel
        login = {"username": user or None, "password": password.reveal() or None}
        settings = {**_TIMES, **security, **login, "retry": _retry(0)}
        self._watch = Sentinel(address.nodes, sentinel_kwargs=settings)  # type: ignore[no-untyped-call]
        self._client = self._watch.master_for(address.service, **options, retry=_retry(1))  # type: ignore[no-untyped-call]
        self.eval = self._client.eval

    def close(self) -> None:
        """Close the connections to the primary and to the Sentinels."""
        for one in (self._client, *self._watch.sentinels):
            with suppress(redis.RedisError, OSError):
                one.close()


def connected(address: RedisAddress) -> Client:
    """Return a client; that of a Cluster has asked a node who holds what, the others connect when they are used.

    Raises:
        redis.RedisError, redis.exceptions.RedisClusterException, OSError: no node of a Cluster answers.
    """
    options = {**_TIMES, **parse_url(address.plain.reveal())}  # type: ignore[no-untyped-call]
    if address.form == "single":
        return redis.Redis.from_url(address.plain.reveal(), **_TIMES, retry=_retry(1))
    options = {name: value for name, value in options.items() if name not in _OF_ONE} | ({"ssl": True} if address.tls else {})
    if address.form == "sentinel":
        return _Watched(address, options)
    nodes = [ClusterNode(host, port) for host, port in address.nodes]  # type: ignore[no-untyped-call]
    return RedisCluster(startup_nodes=nodes, **options, retry=_retry(1), require_full_coverage=False)


def checked(address: RedisAddress) -> None:
    """Refuse an address whose settings redis-py does not take, or whose files are not there. It connects to nothing.

    Raises:
        ValueError: it is refused; the message holds no password.
    """
    for name, path in address.files:
        if not Path(path).is_file():
            raise ValueError(f"{name}: {path} is no file")
    try:
        redis.Redis.from_url(address.plain.reveal(), **_TIMES).connection_pool.make_connection()
    except (ValueError, TypeError, redis.RedisError) as exc:
        said = str(exc).rpartition("__init__() ")[2]  # `got an unexpected keyword argument 'pasword'`
        raise ValueError(f"redis-py says: {address.secrets.cut(said)}") from None


def _retry(times: int) -> Retry:
    """Try again at once, for a connection that the server has closed meanwhile; a late answer is not waited for twice."""
    return Retry(NoBackoff(), times, supported_errors=(redis.ConnectionError,))
