"""What a store is: named values of bytes, read and changed by compare-and-set. It knows nothing of chains.

A store is used by one thread only, its `Keeper`; so it needs no lock, and however long it takes, it can hold nobody up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class StoreAwayError(Exception):
    """The store cannot be used now; the message says why, in one line without a password."""


class Stamp(NamedTuple):
    """A moment that other processes can read.

    Two stamps of one `clock` are so many seconds apart as their `at` says, whatever happens to the time of day; those of different clocks
    (the machine was started anew) as far as their `wall` says.
    """

    clock: str
    at: float
    wall: float


class Store(Protocol):
    """Named values. Every method may raise `StoreAwayError`, and nothing else; the next call tries again."""

    label: str
    """What it is called in messages: its address without a password."""

    def read(self, names: Collection[str]) -> Mapping[str, bytes]:
        """Return the values of those of `names` that have one."""

    def compare_and_set(self, name: str, old: bytes | None, new: bytes) -> bool:
        """Put `new` in the place of `old` (None: nothing there); return False, changing nothing, if the value is another one by now."""

    def changed(self) -> bool:
        """Return whether anything may have changed since the last `read`: a cheap question, asked often."""

    def stamp(self) -> Stamp:
        """Return this moment; it never waits for anything."""

    def tidy(self) -> None:
        """Do what need not be done at once; called every minute or so."""

    def close(self) -> None:
        """Let go of files and connections; a later call opens them anew."""

    def forget(self) -> None:
        """Drop files and connections without touching them: they are those of the parent process."""
