"""What a person can do: hold, release, probe now, make active, test, inject a simulated fault."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException

from sparekey.core import manual
from sparekey.core.breaker import UNTIL_RELEASED
from sparekey.gateway.console.snapshot import shown
from sparekey.gateway.console.words import failure_words
from sparekey.stats.record import of_attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sparekey.gateway.console.host import Host, Watched

_DECISIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "release": manual.release,
    "probe": manual.probe_now,
    "activate": manual.activate,
}


async def act(host: Host, chain: str, credential: str, action: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a person's action on one credential; return its result as JSON.

    Raises:
        HTTPException: chain, credential or action is unknown, the action is impossible now, or the
            body is wrong.
    """
    watched, index = _found(host, chain, credential)
    if action == "test":
        return {"results": [await _tested(host, chain, watched, index)]}
    if action == "hold":
        _hold(watched, index, body)
    elif action in _DECISIONS:
        _decide(watched, index, action)
    else:
        raise HTTPException(404, "there is no such action; there are: hold, release, probe, activate, test")
    return {"done": action}


async def test_all(host: Host, chain: str) -> dict[str, Any]:
    """Make one tiny request with each credential of a chain, all at once; return the results.

    Raises:
        HTTPException: there is no such chain.
    """
    watched = _chain(host, chain)
    trials = (_tested(host, chain, watched, index) for index in range(len(watched.chain.credentials)))
    return {"results": await asyncio.gather(*trials)}


def give_fault(host: Host, chain: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Inject a fault into the simulated provider behind a credential, or end one.

    Raises:
        HTTPException: chain or fault is unknown, or the provider is a real one.
    """
    watched, name = _chain(host, chain), body.get("fault")
    provider = watched.simulated.get(str(body.get("credential")))
    if provider is None:
        raise HTTPException(409, "faults can be injected into simulated providers only, and this credential has none")
    if name not in provider.injectable:
        raise HTTPException(422, f"there is no such fault; there are: {', '.join(provider.injectable)}")
    provider.inject(str(name))
    watched.stats.act(str(body["credential"]), f"fault: {name}")
    return {"done": "fault"}


def _decide(watched: Watched, index: int, action: str) -> None:
    chain = watched.chain
    if action == "probe" and manual.is_held(chain.pool, chain.state, index, chain.clock()):
        raise HTTPException(409, "a person holds it back; release it first")
    watched.stats.act(chain.credentials[index].id, action)
    chain.transact(_DECISIONS[action], index, chain.clock())


def _hold(watched: Watched, index: int, body: Mapping[str, Any]) -> None:
    seconds = body.get("seconds")
    if seconds is None:
        seconds = UNTIL_RELEASED
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds <= 0:
        raise HTTPException(422, "`seconds` is how long to hold: a number above 0; leave it out to hold until released")
    now = watched.chain.clock()
    watched.chain.transact(manual.hold, index, now + min(seconds, UNTIL_RELEASED), now)


async def _tested(host: Host, name: str, watched: Watched, index: int) -> dict[str, Any]:
    """Make one tiny request; enter its result into the timeline and return it."""
    credential, stats = watched.chain.credentials[index], watched.stats
    tried = await host.trial(name, credential.id)
    record = of_attempt("tested", stats.now(), credential.id, tried.failure, tried.seconds, stats.chain, stats.mask)
    stats.add(record)
    return {"credential": credential.id, "ok": tried.failure is None, "words": failure_words(record), **shown(record)}


def _chain(host: Host, name: str) -> Watched:
    watched = host.chains.get(name)
    if watched is None:
        raise HTTPException(404, f"there is no chain of this name; there are: {', '.join(host.chains)}")
    return watched


def _found(host: Host, chain: str, credential: str) -> tuple[Watched, int]:
    watched = _chain(host, chain)
    ids = [c.id for c in watched.chain.credentials]
    if credential not in ids:
        raise HTTPException(404, f"the chain has no credential of this id; it has: {', '.join(ids)}")
    return watched, ids.index(credential)
