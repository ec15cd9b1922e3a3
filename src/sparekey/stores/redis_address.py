"""The addresses of Redis and Valkey: one server, a Sentinel's service, a Cluster; plain or with TLS.

    redis://[user:password@]host[:6379][/db][?settings]                  one server, or a proxy
    redis+sentinel://[user:password@]host[:26379],.../SERVICE[/db][?...] the primary that Sentinels name
    redis+cluster://[user:password@]host[:6379],...[?settings]           a Cluster, found through any of its nodes
    unix:///path/to/socket[?settings]                                    one server on this machine

`rediss` in the place of `redis` is TLS, `valkey` and `valkeys` are the same two. What stands in
`settings` is redis-py's (`ssl_ca_certs`, `socket_timeout`, ...), except `key`, the name of the hash,
and `sentinel_username` and `sentinel_password`. Nothing here needs redis-py, so that a
configuration can be checked without it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode

from sparekey.masking import Secrets
from sparekey.types import Secret

KEY: Final = "sparekey:state"
"""The hash that holds all chains, unless `?key=` names another. One key is one slot of a Cluster."""
_PORT: Final = {"single": 6379, "sentinel": 26379, "cluster": 6379}
_TLS: Final = {"redis": False, "rediss": True, "valkey": False, "valkeys": True}
_SUFFIX: Final = {"": "single", "+sentinel": "sentinel", "+cluster": "cluster"}
SCHEMES: Final[dict[str, tuple[str, bool]]] = {
    **{name + suffix: (form, tls) for name, tls in _TLS.items() for suffix, form in _SUFFIX.items()},
    "unix": ("single", False),
}
"""Each scheme with the form of its address, and whether it is TLS."""
_NODE: Final = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\[\]:/\s]+)(?::(\d{1,5}))?")
_LOGIN: Final = ("sentinel_username", "sentinel_password")
_FILES: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_FOREIGN: Final = ("decode_responses", "encoding", "encoding_errors")
"""Settings of redis-py that would change what a state's bytes are."""
_PERCENT: Final = "in a user or password write %40 for @, %3A for :, %2F for /, %3F for ? and %23 for #"


class RedisAddress(NamedTuple):
    """An address taken apart. Passwords are in `plain` and `sentinel`, which hide them.

    Attributes:
        form: `single`, `sentinel` or `cluster`.
        tls: whether connections are encrypted; of Sentinels those to them as well.
        nodes: hosts and ports; none for a socket's file.
        service: the name under which Sentinels know the primary.
        plain: the address of the first node in redis-py's form for one server, with its settings.
        key: the name of the hash.
        sentinel: user and password at the Sentinels themselves; empty: none.
        files: the settings that name files for TLS, with their paths.
        secrets: what must be in no message.
    """

    form: str
    tls: bool
    nodes: tuple[tuple[str, int], ...]
    service: str
    plain: Secret
    key: str
    sentinel: tuple[str, Secret]
    files: tuple[tuple[str, str], ...]
    secrets: Secrets


def bare(url: str) -> str:
    """Return an address without user, password and settings: what may be shown."""
    scheme, _, rest = re.split(r"[?#]", url, maxsplit=1)[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def taken_apart(url: str) -> RedisAddress:
    """Return the parts of an address.

    Args:
        url: it begins with one of `SCHEMES`.

    Raises:
        ValueError: it is wrong; the message says what to write, and holds no part of a password.
    """
    scheme, _, rest = url.partition(":")
    form, tls = SCHEMES[scheme]
    if not rest.startswith("//"):
        raise ValueError(f"write :// after {scheme}")
    if "#" in rest:
        raise ValueError(f"holds a #; {_PERCENT}")
    body, _, query = rest[2:].partition("?")
    settings = _settings(query)
    key = settings.pop("key", "") or KEY
    secrets = _secrets(body, settings)
    files = tuple((name, settings[name]) for name in _FILES if name in settings)
    login = (settings.get("sentinel_username", ""), Secret(settings.get("sentinel_password", "")))
    for name in _LOGIN:
        if settings.pop(name, None) is not None and form != "sentinel":
            raise ValueError(f"the setting {name} belongs to the address of Sentinels")
    if scheme == "unix":
        plain = f"unix://{body}{_query(settings)}"
        return RedisAddress(form, tls, (), "", Secret(plain), key, login, files, secrets)
    authority, _, path = body.partition("/")
    user, at, hosts = authority.rpartition("@")
    nodes = _nodes(hosts, form)
    service, db = _path(path, form)
    host, port = nodes[0]
    there = f"{'rediss' if tls else 'redis'}://{user}{at}{f'[{host}]' if ':' in host else host}:{port}"
    plain = f"{there}{db and '/'}{db}{_query(settings)}"
    return RedisAddress(form, tls, nodes, service, Secret(plain), key, login, files, secrets)


def _secrets(body: str, settings: dict[str, str]) -> Secrets:
    login = body.partition("/")[0].rpartition("@")[0]
    written = login.partition(":")[2]
    return Secrets([written, unquote(written), *(value for name, value in settings.items() if "password" in name)])


def _settings(query: str) -> dict[str, str]:
    settings = dict(parse_qsl(query, keep_blank_values=True))
    if wrong := [name for name in _FOREIGN if name in settings]:
        raise ValueError(f"the setting {wrong[0]} would change the state's bytes; remove it")
    return settings


def _query(settings: dict[str, str]) -> str:
    return f"?{urlencode(settings)}" if settings else ""


def _nodes(hosts: str, form: str) -> tuple[tuple[str, int], ...]:
    """Return hosts and ports of `host:port,host:port`; a message never repeats a host, which may be half of a password."""
    found = []
    for one in hosts.split(",") if hosts else [""]:
        node = _NODE.fullmatch(one.strip())
        if node is None or not 0 < int(node[2] or _PORT[form]) < 65536:  # noqa: PLR2004 - ports have 16 bits
            raise ValueError(f"names a host or port that is none; {_PERCENT}" if one.strip() else "names no host")
        found.append((node[1].strip("[]"), int(node[2] or _PORT[form])))
    if form == "single" and len(found) > 1:
        raise ValueError("names several hosts; write redis+sentinel://HOST,HOST/SERVICE or redis+cluster://HOST,HOST")
    return tuple(found)


def _path(path: str, form: str) -> tuple[str, str]:
    """Return the service and the number of the database that stand in an address's path."""
    service, _, db = path.partition("/") if form == "sentinel" else ("", "", path)
    db = db.strip("/")
    if form == "sentinel" and not service:
        raise ValueError("names no service; write the name under which the Sentinels know the primary: /mymaster after the hosts")
    if db and not db.isdecimal():
        raise ValueError("names a database that is no number")
    if form == "cluster" and db.strip("0"):
        raise ValueError("a Cluster has no databases; write none, and ?key=NAME to keep states apart")
    return unquote(service), "" if form == "cluster" else db
