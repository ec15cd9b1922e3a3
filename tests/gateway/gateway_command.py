"""`sparekey serve` as a process of its own, for tests of what only processes do: signals, kills, workers."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from gateway_play import ADMIN_KEY

from real_servers import wait_until

_STARTING = 90
"""Seconds after which a process that does not start is given up, on a machine that has other things to do."""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Command:
    """A gateway that runs in a process, with its log in a file: a pipe that nobody reads would fill up, and stop it."""

    def __init__(self, file, *options, port=None, **environ):
        self.file, self.port = file, port or free_port()
        self.log = file.with_suffix(f".{self.port}.log")
        line = [sys.executable, "-m", "sparekey", "serve", "--config", str(file), "--port", str(self.port), *options]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(line, stderr=log, env={**os.environ, **environ})
        if not wait_until(lambda: self.process.poll() is not None or self._answers(), _STARTING):
            self.kill()
            raise AssertionError(self.said())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _answers(self):
        with contextlib.suppress(OSError):
            return self.get("/readyz")[0] == 200
        return False

    def refuses(self):
        """Whether nobody listens at its port."""
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) != 0

    def drains(self):
        """Whether it sends away whoever comes."""
        try:
            return self.get("/readyz")[0] == 503
        except OSError:
            return True

    def said(self):
        return self.log.read_text()

    def get(self, path, body=None):
        """Make one request on a connection of its own; return status, headers and text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            data = None if body is None else json.dumps(body).encode()
            sent = {"content-type": "application/json"}
            if path.startswith(("/admin", "/metrics")):
                sent["authorization"] = f"Bearer {ADMIN_KEY}"
            connection.request("GET" if body is None else "POST", path, data, sent)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read().decode()

    def state(self):
        return json.loads(self.get("/admin/api/state")[2])

    def rows(self):
        """The credentials of the only chain, by id."""
        return {row["id"]: row for row in self.state()["chains"][0]["credentials"]}

    def metric(self, name, **labels):
        """The sum of a metric's samples with these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = [line for line in self.get("/metrics")[2].splitlines() if line.partition("{")[0].partition(" ")[0] == name]
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(one in line for one in wanted))

    def crowd(self, count, body):
        """Make requests at once; return their statuses and the workers that answered."""
        got = []

        def one():
            status, headers, _ = self.get("/v1/chat/completions", body)
            got.append((status, headers["x-sparekey-request-id"].partition("-")[0]))

        threads = [threading.Thread(target=one) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {status for status, _ in got}, {worker for _, worker in got}

    def workers(self):
        """The process ids of the workers: those children that listen."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split() if b"resource_tracker" not in _line(pid)]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        return self.process.returncode


def _line(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b"resource_tracker"
