"""Retries of one lone call."""

import asyncio
import logging

import pytest

from chain_play import Fault, auth, overloaded, permanent, quota, rate_limit, unknown
from sparekey.engine import retry
from sparekey.engine.retry import is_retryable_api_error, retry_async, retry_sync


@pytest.fixture(autouse=True)
def _read_faults(monkeypatch):
    """Failures are written on the exceptions of these tests."""
    monkeypatch.setattr(retry, "classify", lambda exc: exc.failure)


@pytest.fixture(params=["sync", "async"])
def run(request, clock):
    """The same retries through both functions: `run(func, ...)`; sleeping moves the clock."""
    if request.param == "sync":
        return lambda func, **options: retry_sync(func, sleep=clock.sleep, random=lambda: 1.0, **options)

    def run_async(func, **options):
        async def call():
            return func()

        return asyncio.run(retry_async(call, sleep=clock.asleep, random=lambda: 1.0, **options))

    return run_async


def failing(*failures):
    """A call that fails as told, then answers, and counts itself."""
    queue = list(failures)

    def call():
        call.times += 1
        if queue:
            raise Fault(queue.pop(0))
        return "answer"

    call.times = 0
    return call


@pytest.mark.parametrize(
    ("failure", "answer"), [(overloaded(), True), (auth(), False), (quota(), False), (permanent(), False), (unknown(), False)]
)
def test_only_what_passes_is_retryable(failure, answer):
    """`transient` and nothing else."""
    assert is_retryable_api_error(Fault(failure)) is answer


def test_a_success_is_returned(run, clock):
    """Without any wait."""
    assert run(failing(), max_retries=3) == "answer"
    assert clock.slept == []


def test_a_transient_failure_is_tried_again(run, clock):
    """With delays that double."""
    call = failing(overloaded(), overloaded(), overloaded())
    assert run(call, max_retries=3) == "answer"
    assert clock.slept == [0.5, 1.0, 2.0]


def test_it_gives_up_with_the_last_failure(run):
    """After `max_retries` more tries, the exception as it is."""
    call = failing(overloaded(), overloaded(), rate_limit())
    with pytest.raises(Fault) as caught:
        run(call, max_retries=2)
    assert (call.times, caught.value.failure) == (3, rate_limit())


def test_zero_means_never(run):
    """One try."""
    call = failing(overloaded())
    with pytest.raises(Fault):
        run(call, max_retries=0)
    assert call.times == 1


def test_other_failures_are_raised_at_once(run):
    """A dead key stays dead."""
    call = failing(auth())
    with pytest.raises(Fault):
        run(call, max_retries=5)
    assert call.times == 1


def test_the_delay_has_a_longest(run, clock):
    """`max_delay` bounds the doubling."""
    run(failing(*[overloaded()] * 5), max_retries=5, base_delay=1, max_delay=3)
    assert clock.slept == [1, 2, 3, 3, 3]


def test_a_stated_wait_is_honoured(run, clock):
    """A longer one takes the place of the delay, a shorter one does not."""
    run(failing(rate_limit(7), rate_limit(0.1)), max_retries=2)
    assert clock.slept == [7, 1.0]


def test_a_long_stated_wait_ends_the_retries(run, clock):
    """Nobody sleeps for an hour."""
    call = failing(rate_limit(3600))
    with pytest.raises(Fault):
        run(call, max_retries=5)
    assert (call.times, clock.slept) == (1, [])


def test_the_longest_wait_is_a_parameter(run, clock):
    """The bound itself is allowed."""
    run(failing(rate_limit(60)), max_retries=1, max_wait=60)
    assert clock.slept == [60]


def test_half_of_the_delay_is_left_to_chance(clock):
    """At the lowest throw half remains; without jitter the whole."""
    retry_sync(failing(overloaded()), max_retries=1, sleep=clock.sleep, random=lambda: 0.0)
    retry_sync(failing(overloaded()), max_retries=1, sleep=clock.sleep, random=lambda: 0.0, jitter=False)
    assert clock.slept == [0.25, 0.5]


def test_what_is_retryable_is_a_parameter(run):
    """A caller may know better."""
    call = failing(auth())
    assert run(call, max_retries=1, is_retryable=lambda exc: True) == "answer"


def test_each_retry_is_logged(run, caplog):
    """With the operation's name, the count and the wait."""
    with caplog.at_level(logging.WARNING, "sparekey"):
        run(failing(overloaded()), max_retries=2, operation_name="embedding")
    assert "embedding failed, retry 1 of 2 in 0.50 s: Fault: overloaded" in caplog.text


def test_it_logs_where_it_is_told_to(run, caplog):
    """A logger of the caller's."""
    with caplog.at_level(logging.WARNING):
        run(failing(overloaded()), max_retries=2, logger=logging.getLogger("mine"))
    assert [r.name for r in caplog.records] == ["mine"]


def test_an_interrupt_is_no_failure(run):
    """It is neither classified nor retried."""

    def call():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(call, max_retries=3)
