"""What the tests of the stores share: places, servers, processes, and waiting for a condition."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

from real_servers import LONGEST, Server, server_binary, wait_until
from sparekey.core.policy import Policy
from sparekey.engine import Chain, Failover
from sparekey.stores import Keeper, open_store
from sparekey.stores.memory import MemoryValues
from sparekey.types import Credential, ErrorClass, Evidence, Failure, Scope

__all__ = ["LONGEST", "Server", "server_binary", "wait_until"]
CHILD = Path(__file__).with_name("stores_child.py")
AUTH = Failure(ErrorClass.AUTH, "invalid_key", Scope.CREDENTIAL, evidence=Evidence.CERTAIN)
BUSY = Failure(ErrorClass.TRANSIENT, "overloaded", Scope.CREDENTIAL)
BRIEF = Failure(ErrorClass.TRANSIENT, "rate_limited", Scope.CREDENTIAL, retry_after=0.3)


class Ill(Exception):  # noqa: N818 - what a credential is
    """What an attempt raises, with its failure."""

    def __init__(self, failure):
        super().__init__(failure.reason)
        self.failure = failure


def chain(store, clock=time.monotonic, credentials=3, name="chat", hooks=(), **policy):
    """A chain in a store, whose attempts raise `Ill`."""
    credentials = [Credential(f"k{i}", model="m") for i in range(credentials)] if isinstance(credentials, int) else credentials
    return Chain(
        credentials,
        Policy(**policy),
        clock=clock,
        classify=lambda exc: exc.failure,
        random=lambda: 0.5,
        hooks=hooks,
        store=store,
        name=name,
    )


def ask(of, **ill):
    """Make a call; `ill` are the failures by credential id. Return who served."""

    def attempt(credential):
        if credential.id in ill:
            raise Ill(ill[credential.id])
        return credential.id

    return Failover(of).call(attempt)


def parked(of):
    """Who is parked, and for how long."""
    return {c.id: c.returns_in for c in of.status().credentials if c.returns_in}


class Place:
    """Somewhere to keep states: `open` gives a store on it, as another process would have."""

    def __init__(self, kind, folder, servers):
        self.kind, self.folder, self._opened = kind, folder, []
        if kind == "memory":
            self._values = MemoryValues()
        elif kind == "sqlite":
            self.url = f"sqlite:///{folder / 'state.db'}"
        else:
            self.server = servers(kind)
            self.url = f"{self.server.url}?key={uuid.uuid4().hex}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for keeper in self._opened:
            keeper.close()

    def open(self, **options):
        options = {"poll": 0.02, "patience": 10.0, **options}
        self._opened.append(Keeper(self._values, **options) if self.kind == "memory" else open_store(self.url, **options))
        return self._opened[-1]

    def store(self):
        """The bare store, without a keeper."""
        if self.kind == "memory":
            return self._values
        from sparekey.stores.opening import _store

        patient = "" if self.kind == "sqlite" else "&socket_timeout=10"  # nobody keeps a chain waiting here
        return _store(self.url + patient)


class Child:
    """Another process with a chain on the same place; see stores_child.py for what it understands."""

    def __init__(self, url, **options):
        self._process = subprocess.Popen(
            [sys.executable, str(CHILD), url, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self.started = self._answer()

    def do(self, what, **arguments):
        """Let it do something, and return what it answers."""
        self.begin(what, **arguments)
        return self._answer()

    def begin(self, what, **arguments):
        """Let it begin something."""
        self._process.stdin.write(json.dumps([what, arguments]) + "\n")
        self._process.stdin.flush()

    def _answer(self):
        line = self._process.stdout.readline()
        assert line, "the child has ended"
        return json.loads(line)

    answer = _answer

    def kill(self):
        self._process.kill()
        self.close()

    def close(self):
        self._process.stdin.close()
        self._process.wait(LONGEST)
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.returncode is None:
            self.close()
