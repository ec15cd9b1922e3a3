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
_TRIES = 5
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
    """A server at a port, in a folder of its own; `configured` returns its options, as of a configuration's file."""

    def __init__(self, kind="redis", *options, bus=False, configured=None):
        self.kind, self.options, self._bus, self._configured = kind, options, bus, configured
        self.folder = tempfile.mkdtemp(prefix="sparekey")
        self._process = self.port = self.client = None

    @property
    def at(self):
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self._process.pid

    def start(self):
        """Start it, at another port if somebody was faster at the first."""
        for _ in range(_TRIES):
            self.port = free_port(65535 - _BUS if self._bus else 65535)
            self.client = redis.Redis(port=self.port)
            self._process = subprocess.Popen(self._line(), **QUIET)
            assert wait_until(lambda: self._process.poll() is not None or self.answers()), f"{self.kind} does not answer"
            if self._process.poll() is None:
                return self
            self.client.close()
        raise AssertionError(f"{self.kind} does not start")

    def _line(self):
        if self._configured is not None:
            file = Path(self.folder) / "node.conf"
            file.write_text(f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n{self._configured}")
            return [server_binary(self.kind), str(file), *self.options]
        usual = ("--bind", "127.0.0.1", "--save", "", "--repl-diskless-sync-delay", "0", "--dir", self.folder)
        return [server_binary(self.kind), "--port", str(self.port), *usual, *self.options]

    def answers(self):
        with contextlib.suppress(redis.RedisError):
            return self.client.info("server")["process_id"] == self._process.pid
        return False

    def kill(self):
        self._process.kill()
        self._process.wait()

    def close(self):
        if self._process is not None:
            self.client.close()
            self.kill()
        shutil.rmtree(self.folder)


class Topology:
    """Nodes that run while the `with` block does."""

    def __init__(self, kind="redis", *options):
        self.nodes, self.kind, self.options = [], kind, options

    def node(self, *options, **more):
        self.nodes.append(Node(self.kind, *self.options, *options, **more))
        return self.nodes[-1].start()

    def build(self):
        """Start the nodes that there are from the beginning."""

    def __enter__(self):
        try:
            self.build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.close()


class Sentinels(Topology):
    """A primary, its replica, and a Sentinel that promotes the replica when the primary is gone for 0.3 s."""

    def build(self):
        self.primary = self.node()
        self.replica = self.node("--replicaof", "127.0.0.1", str(self.primary.port))
        assert wait_until(lambda: self.replica.client.info("replication").get("master_link_status") == "up")
        watch = (
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.primary.port} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 300\nsentinel failover-timeout {SERVICE} 2000\n"
        )
        self.sentinel = Node(self.kind, "--sentinel", configured=watch)
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

    def build(self):
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-require-full-coverage", "no")
        self.first, self.second, self.replica = (self.node(*options, bus=True) for _ in range(3))
        self.first.client.execute_command("CLUSTER ADDSLOTS", *range(1, SLOTS))
        self.second.client.execute_command("CLUSTER ADDSLOTS", 0)
        for one in (self.second, self.replica):
            self.first.client.execute_command("CLUSTER MEET", "127.0.0.1", one.port)
        assert wait_until(lambda: all(map(self._settled, self.nodes)))
        assert wait_until(lambda: self._done(self.replica, "CLUSTER REPLICATE", self.name(self.first)))
        assert wait_until(lambda: self.replica.client.info("replication").get("master_link_status") == "up")

    @staticmethod
    def _settled(node):
        info = node.client.cluster("info")
        return (info["cluster_known_nodes"], info["cluster_slots_ok"], info["cluster_state"]) == ("3", str(SLOTS), "ok")

    @staticmethod
    def _done(node, *command):
        """Whether a node takes a command; it may not have heard yet of another node's name."""
        with contextlib.suppress(redis.ResponseError):
            return bool(node.client.execute_command(*command))
        return False

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
    """An authority of one's own and a server's certificate; return the server's context and the authority's file.

    Certificate and key are in `server.pem` and `server.key` as well.
    """
    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = authority.issue_cert("localhost", "127.0.0.1")
    server.configure_cert(context)
    server.private_key_pem.write_to_path(str(folder / "server.key"))
    for pem in server.cert_chain_pems:
        pem.write_to_path(str(folder / "server.pem"), append=True)
    file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return context, file
