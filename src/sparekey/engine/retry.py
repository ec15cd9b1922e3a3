"""Retries of a single call without a chain: only failures that pass by themselves are tried again."""

from __future__ import annotations

import asyncio
import logging
import random as _random
import time
from typing import TYPE_CHECKING, TypeVar

from sparekey.classify import classify
from sparekey.core.timing import backoff_seconds, believed
from sparekey.errors import describe_exception
from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
_log = logging.getLogger("sparekey")


def is_retryable_api_error(error: BaseException) -> bool:
    """Return whether the same call may succeed after a wait: only after a `transient` failure."""
    return classify(error).error_class is ErrorClass.TRANSIENT


def retry_sync(
    func: Callable[[], T],
    *,
    max_retries: int,
    base_delay: float = 0.5,
    max_delay: float = 8.0,
    jitter: bool = True,
    is_retryable: Callable[[Exception], bool] = is_retryable_api_error,
    max_wait: float = 30.0,
    logger: logging.Logger | None = None,
    operation_name: str = "call",
    sleep: Callable[[float], None] = time.sleep,
    random: Callable[[], float] = _random.random,
) -> T:
    """Call `func` until it succeeds, at most `max_retries` times more.

    Args:
        func: the call, without arguments.
        max_retries: how often a transient failure is tried again; 0 for never.
        base_delay: seconds before the first retry; they double from retry to retry.
        max_delay: the most seconds it doubles to.
        jitter: whether up to half of the delay is left to chance, so that callers do not return in step.
        is_retryable: returns whether a failure is tried again.
        max_wait: a wait that the provider states is honoured up to so many seconds; a longer one ends the retries at once.
        logger: where a line about each retry goes; the `sparekey` logger if None.
        operation_name: what the line calls it.
        sleep: waits so many seconds; for tests.
        random: returns a number in [0, 1); for tests.

    Raises:
        Exception: the last failure of `func`, as it is.
    """
    attempt = 0
    while True:
        try:
            return func()
        except Exception as error:
            dice = random() if jitter else 1.0
            wait = _wait(error, attempt, max_retries, base_delay, max_delay, max_wait, is_retryable, dice)
            if wait is None:
                raise
            _say(logger, operation_name, attempt, max_retries, error, wait)
        sleep(wait)
        attempt += 1


async def retry_async(
    func: Callable[[], Awaitable[T]],
    *,
    max_retries: int,
    base_delay: float = 0.5,
    max_delay: float = 8.0,
    jitter: bool = True,
    is_retryable: Callable[[Exception], bool] = is_retryable_api_error,
    max_wait: float = 30.0,
    logger: logging.Logger | None = None,
    operation_name: str = "call",
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    random: Callable[[], float] = _random.random,
) -> T:
    """Await `func()` until it succeeds, at most `max_retries` times more; see `retry_sync` for the arguments."""
    attempt = 0
    while True:
        try:
            return await func()
        except Exception as error:
            dice = random() if jitter else 1.0
            wait = _wait(error, attempt, max_retries, base_delay, max_delay, max_wait, is_retryable, dice)
            if wait is None:
                raise
            _say(logger, operation_name, attempt, max_retries, error, wait)
        await sleep(wait)
        attempt += 1


def _wait(
    error: Exception,
    attempt: int,
    max_retries: int,
    base_delay: float,
    max_delay: float,
    max_wait: float,
    is_retryable: Callable[[Exception], bool],
    dice: float,
) -> float | None:
    """Seconds before the next try, or None if there is to be none."""
    if attempt >= max_retries or not is_retryable(error):
        return None
    stated = believed(classify(error).retry_after)
    if stated is not None and stated > max_wait:
        return None
    return max(stated or 0.0, backoff_seconds(attempt, base_delay, max_delay, dice))


def _say(logger: logging.Logger | None, name: str, attempt: int, most: int, error: Exception, wait: float) -> None:
    (logger or _log).warning("%s failed, retry %d of %d in %.2f s: %s", name, attempt + 1, most, wait, describe_exception(error))
