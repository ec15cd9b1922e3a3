"""Users with few rights, TLS with an authority of one's own, and what is said where they do not suffice."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest
import redis
from redis_topologies import SERVICE, Relay, Sentinels, Topology, certificates
from stores_kit import AUTH, ask, chain, parked, server_binary, wait_until

from sparekey.errors import ConfigError
from sparekey.stores import open_store
from sparekey.stores.address import StoreAddress
from sparekey.stores.opening import _store
from sparekey.stores.redis_clients import connected

PASSWORD = "p@ss:w/rd-that-is-long"
LOGIN = "gateway:p%40ss%3Aw%2Frd-that-is-long@"
PAGE = Path(__file__).parents[2] / "docs/stores.md"


def rights(cluster=False):
    """The rights that docs/stores.md gives the user."""
    lines = re.findall(r"^ACL SETUSER gateway (.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    return lines[cluster].replace(">PASSWORD", f">{PASSWORD}").split()


@pytest.fixture(scope="module")
def server():
    """A server with the user of the page, and no other."""
    if server_binary("redis") is None:
        pytest.skip("no redis server: install the development extra, or Debian's redis-server")
    with Topology() as topology:
        node = topology.node()
        node.client.execute_command("ACL", "SETUSER", "gateway", *rights())
        node.client.execute_command("ACL", "SETUSER", "default", "off")
        yield node


def works(url):
    with closing(_store(url)) as store:
        name = f"chain {url}"
        return store.compare_and_set(name, None, b"1") and store.read([name]) == {name: b"1"}


def why(url):
    """Why a store is away, and what is logged of it; None: it is not."""
    with open_store(url, patience=10.0) as store:
        chain(store)
        return store.away


def test_the_rights_on_the_page_suffice(server):
    """They are for one key and the commands that are used."""
    assert works(f"redis://{LOGIN}{server.at}/0")


@pytest.mark.parametrize(
    ("login", "more", "said"),
    [
        ("", "", "uthenticat"),
        ("gateway:wrong-wrong-wrong@", "", "invalid username-password pair"),
        (LOGIN, "?key=another", "no permissions"),
        (LOGIN, "/5", "no permissions to run the 'select' command"),
    ],
)
def test_whoever_lacks_rights_is_told_so(server, caplog, login, more, said):
    """In one warning, without a password, and requests go on."""
    reason = why(f"redis://{login}{server.at}{more}")
    assert said in reason
    assert caplog.text.count("is away") == 1
    assert PASSWORD not in caplog.text + reason
    assert "wrong-wrong" not in caplog.text + reason


def test_tls_with_an_authority_of_ones_own(server, tmp_path):
    """Whoever is given its certificate trusts the server; whoever is not says why it cannot."""
    context, authority = certificates(tmp_path)
    with Relay(server.port, context) as relay:
        assert works(f"rediss://{LOGIN}127.0.0.1:{relay.port}?ssl_ca_certs={authority}")
        assert "CERTIFICATE_VERIFY_FAILED" in why(f"valkeys://{LOGIN}127.0.0.1:{relay.port}")


def test_tls_of_sentinels_and_a_cluster_takes_the_same_settings(tmp_path):
    """The connections to the Sentinels themselves too; nothing here connects."""
    authority = certificates(tmp_path)[1]
    for form, path in (("sentinel", "/mine"), ("cluster", "")):
        url = f"rediss+{form}://{LOGIN}127.0.0.1:1,127.0.0.1:2{path}?ssl_ca_certs={authority}"
        assert "Connection refused" in why(url) or "network:ConnectionError" in why(url)
    client = connected(StoreAddress(f"rediss+sentinel://a,b/mine?ssl_ca_certs={authority}").redis)
    for one in (client._client, *client._watch.sentinels):
        assert isinstance(one.connection_pool.make_connection(), redis.SSLConnection)
        assert one.connection_pool.connection_kwargs["ssl_ca_certs"] == str(authority)
    client.close()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("ssl_ca_certs=/no/such/ca.pem", "ssl_ca_certs: /no/such/ca.pem is no file"),
        ("pasword=hunter2hunter2", "pasword"),
        ("socket_timeout=soon", "socket_timeout"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_at_once(setting, said):
    """Not when the first change comes."""
    for scheme, path in (("rediss", ""), ("rediss+sentinel", "/mine"), ("rediss+cluster", "")):
        with pytest.raises(ConfigError, match="is no address of a Redis or Valkey") as raised:
            open_store(f"{scheme}://host{path}?{setting}")
        assert said in str(raised.value)
        assert "hunter2" not in str(raised.value)


def test_sentinels_have_a_user_of_their_own():
    """The login at the servers is another one."""
    if server_binary("redis") is None:
        pytest.skip("no redis server: install the development extra, or Debian's redis-server")
    with Sentinels() as group:
        for node in group.nodes[:2]:
            node.client.execute_command("ACL", "SETUSER", "gateway", *rights())
        group.sentinel.client.execute_command("ACL", "SETUSER", "watch", "on", ">watch-watch-watch", "+@all")
        group.sentinel.client.execute_command("ACL", "SETUSER", "default", "off")
        at = f"redis+sentinel://{LOGIN}{group.sentinel.at}/{SERVICE}"
        assert works(f"{at}?sentinel_username=watch&sentinel_password=watch-watch-watch")
        assert f"No master found for '{SERVICE}'" in why(at)


def test_a_server_that_becomes_read_only(caplog):
    """A primary that was made a replica refuses writes: one warning, calls go on, and afterwards nothing is lost."""
    if server_binary("redis") is None:
        pytest.skip("no redis server: install the development extra, or Debian's redis-server")
    with Topology() as topology:
        node = topology.node()
        with open_store(f"redis://{node.at}", poll=0.02, patience=10.0) as store:
            of = chain(store, credentials=4)
            assert ask(of, k0=AUTH) == "k1"
            node.client.replicaof("127.0.0.1", 1)
            assert ask(of, k1=AUTH) == "k2"
            assert "read only" in store.away
            assert ask(of, k2=AUTH) == "k3"
            node.client.replicaof("NO", "ONE")
            assert wait_until(lambda: not store.away)
            assert caplog.text.count("is away") == 1
            with open_store(f"redis://{node.at}") as other:
                assert set(parked(chain(other, credentials=4))) == {"k0", "k1", "k2"}
