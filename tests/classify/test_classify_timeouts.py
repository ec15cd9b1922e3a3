"""A timeout in an event loop is a timeout, although it is made of a cancellation."""

import asyncio

import httpx2
import pytest

from sparekey.classify import classify
from sparekey.lab.simulator import Simulator, faults
from sparekey.types import ErrorClass, Scope


async def _timed_out(ask):
    try:
        await ask()
    except Exception as exc:
        return exc
    raise AssertionError("it answered")


async def _httpx(url):
    async with httpx2.AsyncClient(timeout=0.05) as client:
        return await _timed_out(lambda: client.get(f"{url}/models"))


async def _asyncio(_url):
    return await _timed_out(lambda: asyncio.wait_for(asyncio.Event().wait(), 0.01))


@pytest.mark.parametrize("ask", [_httpx, _asyncio])
def test_the_cancelled_wait_beneath_a_timeout_is_nobodys_cancellation(ask):
    """The chain of contexts ends with a CancelledError of the library's own; the provider was silent, and is blamed for it."""
    with Simulator() as simulator:
        provider = simulator.provider("silent")
        provider.fail(faults.hang())
        failure = classify(asyncio.run(ask(provider.base_url)))
    assert (failure.error_class, failure.reason, failure.timed_out) == (ErrorClass.TRANSIENT, "timeout", True)
    assert failure.scope is not Scope.REQUEST


def test_a_cancellation_is_still_one():
    """A caller that gives up blames nobody."""
    assert classify(asyncio.CancelledError()).scope is Scope.REQUEST
