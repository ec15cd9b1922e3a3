"""The client of a worker: it starts the worker's process, sends it tasks, and returns its replies."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any, Self

TOOLS = Path(__file__).resolve().parents[1]
START_SECONDS = 120.0


class BrokenAdapterError(Exception):
    """The adapter or the worker is at fault, and not the peer."""


class Worker:
    """The process of a peer. Thread-safe; use it as a context manager.

    Attributes:
        versions: the versions of the peer's packages.
        python: the version of its Python.
        modes: the modes that its adapter has.
    """

    def __init__(self, python: Path, adapter: str, log: IO[str], **env: str) -> None:
        """Start the adapter with an interpreter; its output goes to `log`."""
        self._lock, self._number = threading.Lock(), 0
        self._waiting: dict[int, Future[Any]] = {0: Future()}
        ready = self._waiting[0]
        self._process = subprocess.Popen(
            [str(python), "-m", "peers.worker", adapter],
            env={**os.environ, **env, "PYTHONPATH": os.pathsep.join([str(TOOLS), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        about = ready.result(START_SECONDS)
        self.versions, self.python, self.modes = about["versions"], about["python"], tuple(about["modes"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def begin(self, **task: Any) -> Future[Any]:
        """Send a task; the future's result is the worker's reply."""
        with self._lock:
            self._number += 1
            future = self._waiting[self._number] = Future()
            assert self._process.stdin
            self._process.stdin.write(json.dumps({"number": self._number, **task}) + "\n")
            self._process.stdin.flush()
        return future

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            reply = json.loads(line)
            future = self._waiting.pop(reply["number"])
            if "broken" in reply:
                future.set_exception(BrokenAdapterError(reply["broken"]))
            else:
                future.set_result(reply)
        for future in self._waiting.values():
            future.set_exception(BrokenAdapterError("the worker has ended; see its log"))
