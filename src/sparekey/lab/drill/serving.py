"""A gateway in a process of its own: `sparekey serve`, as it runs in production."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_START: Final = 60.0
_STOP: Final = 10.0


class Serving:
    """A running gateway.

    Attributes:
        port: its port on loopback.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        """Take the process, and the port on which it listens."""
        self._process, self.port = process, port

    def memory(self) -> int | None:
        """Return the resident memory in KiB; None if the system does not show it."""
        with suppress(OSError):
            text = Path(f"/proc/{self._process.pid}/status").read_text("ascii", "replace")
            return int(text.partition("VmRSS:")[2].split()[0])
        with suppress(OSError, ValueError):
            command = ["ps", "-o", "rss=", "-p", str(self._process.pid)]
            return int(subprocess.run(command, capture_output=True, text=True, check=False).stdout)  # noqa: S603 - the system's own
        return None


@contextmanager
def serving(config: dict[str, Any]) -> Iterator[Serving]:
    """Serve a configuration within the block.

    Raises:
        RuntimeError: the gateway did not start; the message is its own.
    """
    with tempfile.TemporaryDirectory(prefix="sparekey-drill") as folder:
        file, log = Path(folder) / "sparekey.json", Path(folder) / "log"
        file.touch(0o600)
        file.write_text(json.dumps(config), "utf-8")
        store = f"sqlite:///{Path(folder) / 'state.db'}"
        command = [sys.executable, "-m", "sparekey", "serve", "--config", str(file), "--port", "0", "--store", store]
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, "COLUMNS": "200"})  # noqa: S603 - this very program
        try:
            yield Serving(process, _port(process, log))
        finally:
            process.terminate()
            try:
                process.wait(_STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """Return the port that the gateway logs, once it accepts connections there."""
    end = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < end:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text("utf-8", "replace"))
        if found and _listens(port := int(found[1])):
            return port
        time.sleep(0.02)
    raise RuntimeError(f"the gateway did not start: {log.read_text('utf-8', 'replace')[-500:]}")


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
