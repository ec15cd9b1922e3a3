"""Standard output as commands write to it: a disk that is full is nobody's fault but the disk's."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sparekey.errors import SparekeyError

if TYPE_CHECKING:
    from collections.abc import Iterator


class OutputError(SparekeyError):
    """Standard output cannot be written: a full disk, a file that is too long."""


class _Output:
    """A text stream whose faults are told apart from those of providers and of sparekey."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with _as_output_errors():
            written: int = self._stream.write(text)
        return written

    def flush(self) -> None:
        with _as_output_errors():
            self._stream.flush()


@contextmanager
def _as_output_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # the reader has enough, which is no fault
        raise
    except OSError as exc:
        raise OutputError(exc.strerror or type(exc).__name__) from exc


def watch() -> None:
    """Make faults of standard output raise `OutputError` from now on. If it is closed, discard what is written."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8") if sys.stdout is None else _Output(sys.stdout)  # noqa: PTH123, SIM115


def hush() -> None:
    """Discard output that is still buffered: Python would fail to flush it at exit."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
