"""Second starts and probes that nobody waits for, in threads, under asyncio and under trio (DESIGN.md 4)."""

import threading

import anyio
import pytest

from chain_play import Fault, names, read, silent
from sparekey.core.policy import Policy
from sparekey.engine import AsyncFailover, Chain, Failover

KINDS = pytest.mark.parametrize("kind", ["threads", "asyncio", "trio"])
SOON = Policy(answer_limit=0.02, first_content_limit=0.02)
MINUTE = 60


class Hosts:
    """Two credentials: the first one does as `first` says, or answers when `release` is set; the second answers at once."""

    def __init__(self, kind, clock=None, policy=SOON):
        self.kind, self.first = kind, "silent"
        self.chain = Chain(names(2), policy, classify=read, **({"clock": clock} if clock else {}))
        self.release, self.sent = threading.Event(), []

    def ask(self, credential):
        self.sent.append(credential.id)
        if credential.id == "k0" and self.first == "down":
            raise Fault(silent())
        if credential.id == "k0":
            assert self.release.wait(MINUTE)
        return f"answer of {credential.id}"

    async def ask_async(self, credential):
        self.sent.append(credential.id)
        if credential.id == "k0" and self.first == "down":
            raise Fault(silent())
        while credential.id == "k0" and not self.release.is_set():  # noqa: ASYNC110 - it may be set in another loop
            await anyio.sleep(0.001)
        return f"answer of {credential.id}"

    def stream(self, credential):
        yield self.ask(credential)

    async def stream_async(self, credential):
        yield await self.ask_async(credential)

    def run(self, *scenes):
        """Play scenes one after the other, on one loop: each takes the hosts and a driver."""
        if self.kind == "threads":
            driver = Failover(self.chain)
            return [scene(self, driver) for scene in scenes]

        async def played():
            driver = AsyncFailover(self.chain, sleep=anyio.sleep)
            return [await scene(self, driver) for scene in scenes]

        return anyio.run(played, backend=self.kind)

    def called(self):
        """A scene: one call for a whole answer."""
        return (lambda hosts, driver: driver.call(hosts.ask)) if self.kind == "threads" else _called

    def streamed(self):
        """A scene: one stream."""
        return (lambda hosts, driver: list(driver.stream(hosts.stream))) if self.kind == "threads" else _streamed

    def until(self, condition):
        """A scene: wait until something holds."""
        return (lambda hosts, _: _until(hosts, condition)) if self.kind == "threads" else _until_async(condition)


async def _called(hosts, driver):
    return await driver.call(hosts.ask_async)


async def _streamed(hosts, driver):
    return [item async for item in driver.stream(hosts.stream_async)]


def _until(hosts, condition):
    hosts.release.set()
    for _ in range(MINUTE * 100):
        if condition(hosts):
            return True
        threading.Event().wait(0.01)
    return False


def _until_async(condition):
    async def waited(hosts, _):
        hosts.release.set()
        for _ in range(MINUTE * 100):
            if condition(hosts):
                return True
            await anyio.sleep(0.01)
        return False

    return waited


def due(kind, clock):
    """Hosts of which the first one was silent and is due for a probe, and the second one is active."""
    hosts = Hosts(kind, clock, Policy())
    hosts.first = "down"
    hosts.run(hosts.called())
    hosts.first = "silent"
    clock.advance(600)
    assert hosts.chain.active_index == 1
    hosts.sent.clear()
    return hosts


@KINDS
def test_the_second_answers_beside_a_silent_first(kind):
    """4.1: whole answers and streams; the first one waits until the end of the scene, so that nobody can have waited for it."""
    hosts = Hosts(kind)
    try:
        assert hosts.run(hosts.called()) == ["answer of k1"]
    finally:
        hosts.release.set()
    hosts = Hosts(kind)
    try:
        assert hosts.run(hosts.streamed()) == [["answer of k1"]]
    finally:
        hosts.release.set()


@KINDS
def test_a_probe_that_nobody_waits_for_brings_the_traffic_back(kind, clock):
    """4.4: the caller has his answer of the active one while the probe is out; when that answers, the first credential serves again."""
    hosts = due(kind, clock)
    back = hosts.until(lambda hosts: hosts.chain.active_index == 0)
    assert hosts.run(hosts.called(), back, hosts.called()) == ["answer of k1", True, "answer of k0"]
    assert sorted(hosts.sent) == ["k0", "k0", "k1"]


@KINDS
def test_a_stream_is_probed_beside_as_well(kind, clock):
    """Its first content is enough: nobody wants the rest."""
    hosts = due(kind, clock)
    back = hosts.until(lambda hosts: hosts.chain.active_index == 0)
    assert hosts.run(hosts.streamed(), back) == [["answer of k1"], True]


@KINDS
def test_a_probe_that_is_out_when_the_program_ends_keeps_nobody(kind, clock):
    """The loop ends with the last caller; the credential stays parked, and no lease is left behind."""
    hosts = due(kind, clock)
    try:
        assert hosts.run(hosts.called()) == ["answer of k1"]
    finally:
        hosts.release.set()
    assert not [one for one in hosts.chain.state.breakers.values() if one.lease is not None]


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_a_probe_is_not_cancelled_with_its_request(kind, clock):
    """A caller's own limit ends his call, and not what the chain wants to know."""
    hosts = due(kind, clock)

    async def cancelled(hosts, driver):
        with anyio.CancelScope() as scope:

            async def ask(credential):
                if credential.id == "k1":
                    scope.cancel()
                    await anyio.sleep(MINUTE)
                return await hosts.ask_async(credential)

            await driver.call(ask)
        return scope.cancelled_caught

    back = hosts.until(lambda hosts: hosts.chain.active_index == 0)
    assert hosts.run(cancelled, back) == [True, True]


def test_threads_of_many_callers_at_once_are_served_and_used_again():
    """Eight callers behind a silent host, three times: no more threads than attempts that are out."""
    hosts, answers = Hosts("threads"), []
    driver = Failover(hosts.chain)
    try:
        for _ in range(3):
            crowd = [threading.Thread(target=lambda: answers.append(driver.call(hosts.ask))) for _ in range(8)]
            for one in crowd:
                one.start()
            for one in crowd:
                one.join(MINUTE)
        assert answers == ["answer of k1"] * 24
        assert hosts.sent.count("k0") <= 16
    finally:
        hosts.release.set()
