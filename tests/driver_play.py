"""A chain with real drivers on a stage: a script says what each credential does; the sync and the async driver play the same scenes."""

import asyncio
import random

from chain_play import Fault, auth, names, overloaded, permanent, quota, rate_limit, read, silent, unreached
from sparekey.core.policy import Policy
from sparekey.engine import AsyncFailover, Chain, Failover
from sparekey.errors import SparekeyError
from sparekey.types import ErrorClass, Failure, Scope


class Upstream:
    """One provider's stream: items to give, failures to raise where they stand, and whether it was closed."""

    def __init__(self, items):
        self.items, self.closed = list(items), 0

    def _next(self, end):
        if self.closed or not self.items:
            raise end
        item = self.items.pop(0)
        if isinstance(item, Failure):
            raise Fault(item)
        return item

    def __iter__(self):
        return self

    def __next__(self):
        return self._next(StopIteration())

    def close(self):
        self.closed += 1

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.sleep(0)
        return self._next(StopAsyncIteration())

    async def aclose(self):
        await asyncio.sleep(0)
        self.closed += 1


class Stage:
    """A chain of `n` credentials; `script[i]` is what the i-th does, one entry an attempt, the last one for ever."""

    def __init__(self, kind, n, clock, hooks=(), **policy):
        self.kind, self.clock = kind, clock
        self.chain = Chain(names(n), Policy(**policy), classify=read, clock=clock, random=lambda: 0.5, hooks=hooks)
        self.sync = Failover(self.chain, sleep=clock.sleep)
        self.asynchronous = AsyncFailover(self.chain, sleep=clock.asleep)
        self.script = {}
        self.sent = []
        self.streams = []

    def _act(self, credential):
        self.sent.append(credential.id)
        acts = self.script.get(int(credential.id[1:]), ["answer"])
        act = acts.pop(0) if len(acts) > 1 else acts[0]
        if isinstance(act, Failure):
            raise Fault(act)
        return act

    def _open(self, credential):
        stream = Upstream(self._act(credential))
        self.streams.append(stream)
        return stream

    async def _act_async(self, credential):
        await asyncio.sleep(0)
        return self._act(credential)

    def call(self, **options):
        """One call through the driver; what it returns, or the exception that it raises."""
        try:
            if self.kind == "sync":
                return self.sync.call(self._act, **options)
            return asyncio.run(self.asynchronous.call(self._act_async, **options))
        except (Fault, SparekeyError) as exc:
            return exc

    def stream(self, **options):
        """One stream to its end: its items, then the exception that ended it, if any."""
        out = []
        try:
            if self.kind == "sync":
                out.extend(self.sync.stream(self._open, **options))
            else:
                asyncio.run(self._collect(out, options))
        except (Fault, SparekeyError) as exc:
            out.append(exc)
        return out

    async def _collect(self, out, options):
        async for item in self.asynchronous.stream(self._open, **options):
            out.append(item)

    def stands(self, index):
        return self.chain.status().credentials[index].standing.name


class Crowd:
    """Threads and tasks that call one chain whose credentials fail at random; time passes with each attempt."""

    FAULTS = (
        rate_limit(),
        overloaded(0.001),
        auth(),
        quota(),
        silent(),
        unreached(),
        permanent(),
        Failure(ErrorClass.UNKNOWN, scope=Scope.ACCOUNT),
    )

    def __init__(self, seed, calls):
        self.random, self.calls, self.now, self.ends = random.Random(seed), calls, 1000.0, []
        self.chain = Chain(names(5), Policy(rescue_interval=0), classify=read, clock=lambda: self.now)
        self.sync, self.asynchronous = Failover(self.chain), AsyncFailover(self.chain)

    def attempt(self, credential):
        self.now += 0.05
        if self.random.random() < 0.4:
            raise Fault(self.random.choice(self.FAULTS))
        return credential.id

    async def attempt_async(self, credential):
        await asyncio.sleep(0)
        return self.attempt(credential)

    def thread(self):
        for _ in range(self.calls):
            try:
                self.ends.append(self.sync.call(self.attempt))
            except (Fault, SparekeyError) as exc:
                self.ends.append(exc)

    async def task(self):
        for _ in range(self.calls):
            try:
                self.ends.append(await self.asynchronous.call(self.attempt_async))
            except (Fault, SparekeyError) as exc:
                self.ends.append(exc)

    async def tasks(self, n):
        await asyncio.gather(*(self.task() for _ in range(n)))
