"""The interface of a store: named values of bytes, read and changed by compare-and-set.

A store knows nothing of chains. Only its `Keeper`'s thread uses it, so it needs no lock, and a slow
store delays no request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class StoreAwayError(Exception):
    """The store cannot be used now; the message says why in one line, without a password."""


class Stamp(NamedTuple):
    """A moment in time that other processes can read.

    Two stamps of the same `clock` are as many seconds apart as their `at` says, whatever happens to
    the time of day. For different clocks (the machine was rebooted) `wall` counts.
    """

    clock: str
    at: float
    wall: float


class Store(Protocol):
    """Named values.

    Each method may raise `StoreAwayError`, and nothing else; the next call tries again.
    """

    label: str
    """Its name in messages: its address without a password."""

    def read(self, names: Collection[str]) -> Mapping[str, bytes]:
        """Return the values of `names`; a name without a value is left out."""

    def compare_and_set(self, name: str, old: bytes | None, new: bytes) -> bool:
        """Replace the value `old` (None: no value) with `new`.

        Returns False, and changes nothing, if the value is no longer `old`.
        """

    def changed(self) -> bool:
        """Return whether anything may have changed since the last `read`; cheap, called often."""

    def stamp(self) -> Stamp:
        """Return the current moment, without I/O."""

    def tidy(self) -> None:
        """Do housekeeping; called about once a minute."""

    def close(self) -> None:
        """Close files and connections; a later call opens them again."""

    def forget(self) -> None:
        """Drop files and connections without closing them: after a fork they are the parent's."""
