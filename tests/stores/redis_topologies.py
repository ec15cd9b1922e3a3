"""Real servers as people run them: a primary with replica and Sentinel, a Cluster, and a relay in front that encrypts or cuts."""

from __future__ import annotations

import contextlib
import select
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path

import redis

from real_servers import server_binary, wait_until

QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
SERVICE = "keys"
SLOTS = 16384
_BUS = 10_000
"""A Cluster's nodes talk to each other at a port that is higher by so much."""


def free_port(longest=65535):
    """A port that is free, and so is the one for a Cluster's bus if there has to be one."""
    while True:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        if port <= longest:
            return port


class Node:
    """A server at a port, in a folder of its own."""

    def __init__(self, kind="redis", *options, bus=False):
        self.port = free_port(65535 - _BUS if bus else 65535)
        self.folder = tempfile.mkdtemp(prefix="sparekey")
        usual = ("--bind", "127.0.0.1", "--save", "", "--repl-diskless-sync-delay", "0", "--dir", self.folder)
        self._line = [server_binary(kind), "--port", str(self.port), *usual, *options]
        self._process = None
        self.client = redis.Redis(port=self.port)

    @property
    def at(self):
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self._process.pid

    def start(self):
        self._process = subprocess.Popen(self._line, **QUIET)
        assert wait_until(self.answers), f"{self._line[0]} does not answer"
        return self

    def answers(self):
        with contextlib.suppress(redis.RedisError):
            return self.client.ping()
        return False

    def kill(self):
        self._process.kill()
        self._process.wait()

    def close(self):
        self.client.close()
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder)


class Topology:
    """Nodes that are started together, and their address."""

    def __init__(self):
        self.nodes = []

    def node(self, kind, *options, **more):
        self.nodes.append(Node(kind, *options, **more))
        return self.nodes[-1].start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.close()


class Sentinels(Topology):
    """A primary, its replica, and a Sentinel that promotes the replica when the primary is gone for 0.3 s."""

    def __init__(self, kind="redis", *options):
        super().__init__()
        self.primary = self.node(kind, *options)
        self.replica = self.node(kind, *options, "--replicaof", "127.0.0.1", str(self.primary.port))
        assert wait_until(lambda: self.replica.client.info("replication").get("master_link_status") == "up")
        self.sentinel = Node(kind)
        config = Path(self.sentinel.folder) / "sentinel.conf"
        config.write_text(
            f"port {self.sentinel.port}\nbind 127.0.0.1\ndir {self.sentinel.folder}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.primary.port} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 300\nsentinel failover-timeout {SERVICE} 2000\n"
        )
        self.sentinel._line = [server_binary(kind), str(config), "--sentinel"]
        self.nodes.append(self.sentinel)
        self.sentinel.start()
        assert wait_until(lambda: self.sentinel.client.sentinel_master(SERVICE)["num-slaves"] == 1)

    @property
    def url(self):
        return f"redis+sentinel://127.0.0.1:1,{self.sentinel.at}/{SERVICE}/0"

    def promoted(self):
        """Whether the replica is the primary now."""
        return self.replica.client.info("replication")["role"] == "master"


class Cluster(Topology):
    """Two primaries, of which the first has all slots but one, and a replica of the first."""

    def __init__(self, kind="redis"):
        super().__init__()
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no")
        self.first, self.second, self.replica = (self.node(kind, *options, bus=True) for _ in range(3))
        self.first.client.execute_command("CLUSTER ADDSLOTS", *range(1, SLOTS))
        self.second.client.execute_command("CLUSTER ADDSLOTS", 0)
        for one in (self.second, self.replica):
            self.first.client.execute_command("CLUSTER MEET", "127.0.0.1", one.port)
        everywhere = (one.client for one in self.nodes)
        for client in everywhere:
            assert wait_until(lambda client=client: client.cluster("info")["cluster_known_nodes"] == "3")
            assert wait_until(lambda client=client: client.cluster("info")["cluster_slots_ok"] == str(SLOTS))
            assert wait_until(lambda client=client: client.cluster("info")["cluster_state"] == "ok")
        self.replica.client.execute_command("CLUSTER REPLICATE", self.name(self.first))
        assert wait_until(lambda: self.replica.client.info("replication").get("master_link_status") == "up")

    @property
    def url(self):
        return f"redis+cluster://127.0.0.1:1,{self.second.at},{self.first.at}"

    @staticmethod
    def name(node):
        name = node.client.execute_command("CLUSTER MYID")
        return name.decode() if isinstance(name, bytes) else name

    def begin_move(self, slot):
        """Let a slot be on its way from the first node to the second: ASK for what has moved already."""
        self.second.client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", self.name(self.first))
        self.first.client.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", self.name(self.second))
        for key in self.first.client.execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
            self.first.client.execute_command("MIGRATE", "127.0.0.1", self.second.port, key, 0, 5000)

    def end_move(self, slot):
        """Give the slot to the second node: MOVED for whoever asks the first."""
        for node in (self.second, self.first):
            node.client.execute_command("CLUSTER SETSLOT", slot, "NODE", self.name(self.second))

    def take_over(self):
        """Promote the replica by hand: a Cluster of two primaries has no majority without one of them."""
        self.replica.client.execute_command("CLUSTER FAILOVER", "TAKEOVER")


class Relay:
    """A port in front of another one. It can encrypt, and it can be cut: then nothing comes through, and nobody is told."""

    def __init__(self, port, tls=None):
        """Forward to `port` of this machine; `tls` is the context of a server."""
        self._target, self._tls = port, tls
        self._open, self._pairs = threading.Event(), set()
        self._open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self):
        self._open.clear()

    def heal(self):
        """Let connections through again; those of before the cut are over, as after any longer one."""
        for one in [*self._pairs]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._open.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self.heal()
        self._listener.close()
        for thread in self._threads:
            thread.join(20)

    def _accept(self):
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
            self._threads[-1].start()

    def _serve(self, client):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(client.close)
            self._pairs.add(client)
            stack.callback(self._pairs.discard, client)
            client.settimeout(20)
            self._open.wait()
            if self._tls is not None:
                client = stack.enter_context(self._tls.wrap_socket(client, server_side=True))
            server = stack.enter_context(socket.create_connection(("127.0.0.1", self._target)))
            while self._carried(client, server):
                pass

    def _carried(self, client, server):
        """Carry what has come; return whether both sides are still there."""
        ready = [client] if self._tls is not None and client.pending() else select.select([client, server], [], [], 20)[0]
        self._open.wait()
        for one, other in ((client, server), (server, client)):
            if one in ready:
                data = one.recv(65536)
                if not data:
                    return False
                other.sendall(data)
        return bool(ready)


def certificates(folder):
    """An authority of one's own and a server's context; return the context and the authority's file."""
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return context, file
