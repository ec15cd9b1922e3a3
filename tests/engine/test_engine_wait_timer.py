"""A limit on each of many waits: `sparekey.engine.wait_timer`."""

import asyncio

import anyio
import anyio.lowlevel
import pytest

from sparekey.engine.wait_timer import OverdueError, WaitTimer

SHORT, LONG = 0.1, 3600.0


async def never():
    """Wait for what does not come."""
    await anyio.Event().wait()


@pytest.fixture(params=["asyncio", "trio"])
def play(request):
    """Run a scene on either kind of event loop."""
    return lambda scene: anyio.run(scene, backend=request.param)


def test_what_comes_in_time_is_returned(play):
    """Many waits, one watch."""

    async def scene():
        watch = WaitTimer()
        found = [await watch.wait(_given(number), LONG) for number in range(3)]
        watch.close()
        return found

    assert play(scene) == [0, 1, 2]


def test_what_does_not_come_is_cancelled(play):
    """After a wait that was well, with a longer limit, too."""

    async def scene():
        watch, ended = WaitTimer(), []
        await watch.wait(_given(1), LONG)
        with pytest.raises(OverdueError):
            await watch.wait(_noted(never(), ended), SHORT)
        assert await watch.wait(_given(2), LONG) == 2
        watch.close()
        return ended

    assert play(scene) == ["cancelled"]


def test_a_later_limit_moves_the_timer(play):
    """A timer that rings for a wait that is over leaves the present one alone until its own time has come."""

    async def scene():
        watch = WaitTimer()
        await watch.wait(_given(1), SHORT)
        assert await watch.wait(_after(3 * SHORT), LONG) == "late"
        with pytest.raises(OverdueError):
            await watch.wait(never(), SHORT)
        watch.close()

    play(scene)


def test_the_callers_own_cancellation_goes_on(play):
    """It is no matter of the limit's."""

    async def scene():
        watch = WaitTimer()
        with anyio.move_on_after(SHORT) as scope:
            await watch.wait(never(), LONG)
        watch.close()
        return scope.cancelled_caught

    assert play(scene)


def test_a_timeout_of_what_is_waited_for_is_its_own(play):
    """It is passed on as it is."""

    async def scene():
        with pytest.raises(TimeoutError):
            await WaitTimer().wait(_timed_out(), LONG)

    play(scene)


def test_a_cancellation_at_the_same_moment_wins():
    """Whoever cancels the task while the limit does so gets his cancellation."""

    async def scene():
        watch = WaitTimer()
        task = asyncio.ensure_future(watch.wait(never(), LONG))
        await asyncio.sleep(0)
        task.cancel()
        watch._timer.due = 0.0
        watch._timer._ring()
        with pytest.raises(asyncio.CancelledError):
            await task
        watch.close()

    asyncio.run(scene())


async def _given(value):
    await anyio.lowlevel.checkpoint()
    return value


async def _after(seconds):
    await anyio.sleep(seconds)
    return "late"


async def _timed_out():
    raise TimeoutError


async def _noted(what, ended):
    try:
        await what
    except BaseException:
        ended.append("cancelled")
        raise
