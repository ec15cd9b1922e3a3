"""Closing streams with their connections, and breaking off what is stuck in one. A failure to close is no failure of the call."""

from __future__ import annotations

import inspect
import logging
import threading
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from sparekey.errors import describe_exception

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("sparekey")


class Interrupts:
    """What breaks off one attempt: another thread gives it up, and wakes what it is blocked in.

    An attempt that is given up may still be on its way to the read that would block it: what it adds then is called at once.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self._lock = threading.Lock()
        self._added: list[Callable[[], object]] = []
        self._given_up = False

    def add(self, interrupt: Callable[[], object]) -> None:
        """Let `interrupt` be called when the attempt is given up; at once if it has been."""
        with self._lock:
            self._added.append(interrupt)
            given_up = self._given_up
        if given_up:
            _call(interrupt)

    def give_up(self) -> None:
        """Break the attempt off."""
        with self._lock:
            self._given_up, added = True, tuple(self._added)
        for interrupt in added:
            _call(interrupt)


INTERRUPTS: Final[ContextVar[Interrupts | None]] = ContextVar("sparekey_interrupts", default=None)
"""Those of the attempt that runs in this thread; None where none can be given up."""


def on_abandon(interrupt: Callable[[], object]) -> None:
    """Let `interrupt` be called if another thread gives up the attempt that runs here: it should wake what is blocked in a read.

    Outside an attempt, and in one that cannot be given up, this does nothing.
    """
    if (interrupts := INTERRUPTS.get()) is not None:
        interrupts.add(interrupt)


def _call(interrupt: Callable[[], object]) -> None:
    with suppress(Exception):  # whatever it holds may be gone by now
        interrupt()


def close(*things: object) -> None:
    """Close an iterator and what it came from, each once."""
    for thing in dict.fromkeys(map(_Same, things)):
        try:
            if (end := getattr(thing.held, "close", None)) is not None:
                end()
        except Exception as exc:  # noqa: BLE001 - foreign code may raise anything
            logger.debug("a stream could not be closed: %s", describe_exception(exc))


async def aclose(*things: object) -> None:
    """As `close`, on an event loop."""
    for thing in dict.fromkeys(map(_Same, things)):
        try:
            end = getattr(thing.held, "aclose", None) or getattr(thing.held, "close", None)
            if end is not None and inspect.isawaitable(ending := end()):
                await ending
        except Exception as exc:  # noqa: BLE001 - foreign code may raise anything
            logger.debug("a stream could not be closed: %s", describe_exception(exc))


class _Same:
    """Compares objects by identity."""

    def __init__(self, held: object) -> None:
        self.held = held

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.held is self.held

    def __hash__(self) -> int:
        return id(self.held)
