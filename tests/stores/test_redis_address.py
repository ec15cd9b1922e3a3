"""What an address of Redis or Valkey says, in each of its forms, and that it shows no password."""

from __future__ import annotations

import copy
import pickle

import pytest

from sparekey.config.gateway import GatewayConfig
from sparekey.errors import ConfigError
from sparekey.stores.address import StoreAddress
from sparekey.stores.redis_address import SCHEMES, taken_apart

PASSWORD = "hunter2/hunter2@hunter2"
WRITTEN = "hunter2%2Fhunter2%40hunter2"


@pytest.mark.parametrize(
    ("url", "nodes", "plain"),
    [
        ("redis://host", (("host", 6379),), "redis://host:6379"),
        ("valkey://host:7/1", (("host", 7),), "redis://host:7/1"),
        ("valkeys://u:p@host", (("host", 6379),), "rediss://u:p@host:6379"),
        ("rediss://[::1]:7/0?ssl_cert_reqs=none", (("::1", 7),), "rediss://[::1]:7/0?ssl_cert_reqs=none"),
        ("unix:///a/socket?key=x&db=1", (), "unix:///a/socket?db=1"),
        ("redis+sentinel://a,b:7/mine", (("a", 26379), ("b", 7)), "redis://a:26379"),
        ("valkeys+sentinel://u:p@[::1]:7, b/mine/2?key=x", (("::1", 7), ("b", 26379)), "rediss://u:p@[::1]:7/2"),
        ("redis+cluster://a:1,b/0?protocol=2", (("a", 1), ("b", 6379)), "redis://a:1?protocol=2"),
    ],
)
def test_hosts_and_what_redis_py_is_told(url, nodes, plain):
    """Ports that are not written are the usual ones; each form has its own."""
    found = taken_apart(url)
    assert (found.nodes, found.plain.reveal()) == (nodes, plain)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_scheme_says_form_and_tls(scheme):
    """By its words alone."""
    found = taken_apart(f"{scheme}://host/1" if "cluster" not in scheme else f"{scheme}://host")
    assert found.form == (scheme.partition("+")[2] or "single")
    assert found.tls is (scheme.partition("+")[0] in {"rediss", "valkeys"})


def test_the_name_of_the_hash_and_the_login_at_sentinels_are_settings():
    """They are not redis-py's, which would refuse them."""
    found = taken_apart("redis+sentinel://a/my%20service?key=team-a&sentinel_username=w&sentinel_password=s&client_name=x")
    assert (found.key, found.service, found.plain.reveal()) == ("team-a", "my service", "redis://a:26379?client_name=x")
    assert (found.sentinel[0], found.sentinel[1].reveal()) == ("w", "s")
    assert taken_apart("redis://a").key == "sparekey:state"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis+sentinel://a,b", "names no service"),
        ("redis+sentinel:///mine", "names no host"),
        ("redis+sentinel://a,/mine", "names no host"),
        ("redis+cluster://a/3", "a Cluster has no databases"),
        ("redis://a,b", "write redis+sentinel://"),
        ("redis://a/first", "a database that is no number"),
        ("redis://a:0", "a host or port that is none"),
        ("redis://a:70000", "a host or port that is none"),
        ("redis://:hunter2/hunter2@a", "write %40 for @"),
        ("redis://:hunter2#hunter2@a", "%23 for #"),
        ("redis:a", "write :// after redis"),
        ("redis://a?sentinel_password=hunter2", "sentinel_password belongs to the address of Sentinels"),
        ("redis://a?decode_responses=yes", "remove it"),
        ("sentinel://:hunter2@a/mine", "a Sentinel is redis+sentinel://"),
        ("redis-cluster://a", "a Cluster is redis+cluster://"),
        ("hunter2", "this is no store"),
        ("hunter2@host:6379", "this is no store"),
        ("mongo://:hunter2@x", "'mongo://...' is no store; write one of memory, "),
    ],
)
def test_an_address_that_is_none_says_what_to_write(url, said):
    """In a configuration with the key's name, and never with a part of a password."""
    with pytest.raises(ConfigError) as raised:
        GatewayConfig(store=url)
    assert str(raised.value).startswith("GatewayConfig: store: ")
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        f"redis://user:{WRITTEN}@host/0",
        f"rediss+sentinel://:{WRITTEN}@a,b/mine?sentinel_password={WRITTEN}",
        f"redis+cluster://a,b?password={WRITTEN}&username=user",
        f"unix://user:{WRITTEN}@/a/socket",
        f"rediss://host?ssl_password={WRITTEN}",
    ],
)
def test_an_address_shows_no_password(url):
    """However it is looked at; only its own method has it, and the pickle for worker processes."""
    address = StoreAddress(url)
    config = GatewayConfig(store=url)
    shown = [address, address.redis, address.label, config, config.model_dump(), config.model_dump_json(), config.store]
    for text in (text for one in shown for text in (str(one), repr(one), f"{one}")):
        assert "hunter2" not in text
        assert "hunter2" not in text.replace("%2F", "/")
    assert address.redis.secrets.cut(f"wrong: {PASSWORD}, {WRITTEN}") == "wrong: ***, ***"
    assert address.reveal() == url
    assert copy.deepcopy(config).store == pickle.loads(pickle.dumps(address)) == url


def test_an_address_that_was_shown_is_refused():
    """What a dump shows has lost its password."""
    with pytest.raises(ConfigError, match=r"holds \*\*\*"):
        GatewayConfig(store="redis://***@host/0")
    with pytest.raises(ConfigError, match="must be text, not int"):
        GatewayConfig(store=7)
