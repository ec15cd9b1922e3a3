"""A gateway was killed while a worker of it still started: the worker took its new parent for the old one, and held the port for ever."""

from __future__ import annotations

import os
import pickle
import signal

import pytest

pytest.importorskip("sparekey.gateway.process.server", reason="the extra `gateway` is not installed (uvicorn, uvloop, httptools)")

from sparekey.gateway.process.serve_settings import ServeSettings
from sparekey.gateway.process.server import Application
from sparekey.gateway.process.workers import shared


@pytest.fixture
def settings(tmp_path):
    file = tmp_path / "sparekey.toml"
    file.write_text('[vlm]\nprovider = "openai"\nmodel = "m"\napi_key = "k"\n[gateway]\nstore = "memory"\n')
    return ServeSettings(file)


@pytest.fixture
def stopped(monkeypatch):
    """The signals that the process sends to itself."""
    sent = []
    monkeypatch.setattr(signal, "raise_signal", sent.append)
    return sent


def test_a_worker_knows_its_parent_from_the_parent(settings, stopped):
    """Not from a look of its own, which may come too late; it stops once."""
    with shared(settings):
        worker = Application(pickle.loads(pickle.dumps(settings)))
        assert worker.settings.parent == os.getpid() != os.getppid()
        for _ in range(2):
            worker._look_for_parent()
    assert stopped == [signal.SIGTERM]


def test_a_worker_whose_parent_lives_goes_on(settings, stopped, monkeypatch):
    """And so does a gateway that is one process, whoever started it."""
    with shared(settings):
        monkeypatch.setattr(os, "getppid", os.getpid)
        Application(settings)._look_for_parent()
    Application(ServeSettings(settings.file))._look_for_parent()
    assert stopped == []
