"""What the tests of all clients share: the house with its dead first keys, what is asked, and one way to use sync and async clients."""

import array
import base64
import contextlib
import inspect

from pydantic import BaseModel

from sparekey.core import manual
from sparekey.lab.simulator import faults

HELLO = [{"role": "user", "content": "Where is the spare key?"}]
ARGUMENTS = {"query": "spare key"}
DIMENSION = 1536
BOTH = ("", "a")
"""The prefix of a method that is sync, and of its async sister, in the libraries that name them so."""

FALLS = {"rate_limit": 429, "auth": 502, "overloaded": 503, "bad_request": 400}
"""What meets every credential, and the status that the client is told: a refusal of the request as it is, a dead key never as 401."""


class Find(BaseModel):
    """Look for something: the tool that is offered."""

    query: str


class Place(BaseModel):
    """Where something lies: what structured output is asked for."""

    where: str
    steps: int
    sure: bool
    near: list[str]


PLACE = Place(where="spare key", steps=1, sure=True, near=["spare key"])


class House:
    """A running gateway and the pairs of providers behind its chains."""

    def __init__(self, running, pairs):
        self.running, self.pairs, self.url, self._seen = running, pairs, running.url, {}

    def begin(self):
        """Let the first credential of each chain be active, and dead."""
        for name, pair in self.pairs.items():
            self.running.do(lambda name=name: self._reset(self.running.gateway.chains[name].chain))
            for one in pair:
                one.heal()
            pair[0].fail(faults.auth())
            self._seen[name] = [len(one.requests) for one in pair]

    @staticmethod
    def _reset(chain):
        for index in (1, 0):
            chain.transact(manual.release, index, chain.clock())
        chain.transact(manual.activate, 0, chain.clock())

    def fail(self, name, fault):
        """Let every credential of a chain meet a fault (a name in `FALLS`, or one of the simulator's)."""
        for one in self.pairs[name]:
            one.heal()
            one.fail(getattr(faults, fault)() if isinstance(fault, str) else fault)

    def failed_over(self, *names):
        """Whether, in each of the chains, the first credential was asked, and then the second."""
        counts = {name: [len(one.requests) for one in self.pairs[name]] for name in names}
        return all(now > before for name in names for now, before in zip(counts[name], self._seen[name], strict=True))


async def got(value):
    """Return what a sync client has returned, or what an async one will."""
    return await value if inspect.isawaitable(value) else value


async def items(stream):
    """Return all that a stream yields. Some can be read in both ways: what had to be awaited is an async one."""
    awaited, stream = inspect.isawaitable(stream), await got(stream)
    return list(stream) if hasattr(stream, "__iter__") and not awaited else [one async for one in stream]


@contextlib.asynccontextmanager
async def entered(manager):
    """Enter a context manager of either kind."""
    if hasattr(manager, "__aenter__"):
        async with manager as it:
            yield it
    else:
        with manager as it:
            yield it


def decoded(embedding):
    """Return the vector: a package that was told to ask for base64 hands it on as it came."""
    return list(array.array("f", base64.b64decode(embedding))) if isinstance(embedding, str) else embedding
