"""What callers get for a stream: its items, and the ledger of the attempts that were made for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sparekey.engine.asynchronous import AsyncStreamDriver
    from sparekey.engine.synchronous import StreamDriver

T = TypeVar("T")


class Stopped(BaseException):
    """Another thread has closed the stream that this one reads."""


class Stream(Generic[T]):
    """The items of a stream. Close it (or use `with`) to leave early: the provider's connection is closed, and no credential is blamed.

    Attributes:
        attempts: the ledger so far.
    """

    def __init__(self, driver: StreamDriver[T]) -> None:
        """Take the driver whose items these are."""
        self._items, self.attempts, self._race = driver.items(), driver.ledger, driver.race

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        try:
            return next(self._items)
        except Stopped:
            raise StopIteration from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the stream, from any thread; a thread that waits for the next item finds the end."""
        try:
            self._items.close()
        except ValueError:  # another thread is in it
            self._race.stop()

    def throw(self, exc: BaseException, /) -> T:
        """Raise an exception where the stream stands, as in a generator."""
        return self._items.throw(exc)


class AsyncStream(Generic[T]):
    """As `Stream`, on an event loop."""

    def __init__(self, driver: AsyncStreamDriver[T]) -> None:
        """Take the driver whose items these are."""
        self._items, self.attempts = driver.items(), driver.ledger

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[T]:
        return self._items.__anext__()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave the stream."""
        await self._items.aclose()

    async def athrow(self, exc: BaseException, /) -> T:
        """Raise an exception where the stream stands, as in a generator."""
        return await self._items.athrow(exc)
