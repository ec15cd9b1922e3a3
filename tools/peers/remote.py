"""The other end of a worker: starts it, gives it tasks, and hands on what it tells."""

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
    """The adapter or the worker is at fault, not the peer."""


class Worker:
    """A peer's process. Thread-safe; use it as a context manager."""

    def __init__(self, python: Path, adapter: str, log: IO[str], **env: str) -> None:
        """Start the adapter in the environment of an interpreter; what it prints goes into `log`."""
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
        """Send a task; the future's result is what the worker tells of it."""
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
            told = json.loads(line)
            future = self._waiting.pop(told["number"])
            if "broken" in told:
                future.set_exception(BrokenAdapterError(told["broken"]))
            else:
                future.set_result(told)
        for future in self._waiting.values():
            future.set_exception(BrokenAdapterError("the worker has ended; see its log"))
