"""Batches in pieces: a finished piece is never done again, and never lost."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

T = TypeVar("T")
R = TypeVar("R")


def chunked(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield `items` in order, `size` at a time; the last piece may be shorter."""
    for start in range(0, len(items), max(1, size)):
        yield items[start : start + max(1, size)]


def collect(items: Sequence[T], size: int, run: Callable[[Sequence[T]], Sequence[R]]) -> list[R]:
    """Run `run` over the pieces of `items` and return all results in order.

    If a piece fails for good, its exception goes up with the results so far as `sparekey_results`: they belong to the first
    `len(sparekey_results)` items, so that a caller can go on with the rest.
    """
    done: list[R] = []
    for piece in chunked(items, size):
        try:
            done.extend(run(piece))
        except Exception as exc:
            _hand_over(exc, done, len(items))
            raise
    return done


async def collect_async(items: Sequence[T], size: int, run: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> list[R]:
    """Do as `collect` does, with an awaitable `run`."""
    done: list[R] = []
    for piece in chunked(items, size):
        try:
            done.extend(await run(piece))
        except Exception as exc:
            _hand_over(exc, done, len(items))
            raise
    return done


def _hand_over(exc: Exception, done: Sequence[R], total: int) -> None:
    """Put the results on the exception; those that a batch within this one put there belong to a part of it only."""
    if not done and not hasattr(exc, "sparekey_results"):
        return
    with suppress(AttributeError, TypeError):  # an exception with slots takes no attribute
        exc.sparekey_results = list(done)  # type: ignore[attr-defined]  # our mark on a foreign exception
        exc.add_note(f"{len(done)} of {total} inputs were embedded before; see sparekey_results")
