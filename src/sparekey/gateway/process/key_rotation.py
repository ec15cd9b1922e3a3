"""Forgets the state of a credential whose key has changed, in a durable store as well.

A new key usually mends what the old one was parked for. The store keeps a salted digest of each
credential beside the chain's state: it shows that a key has changed, not what it was.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from typing import TYPE_CHECKING, Any, Final

from sparekey.core.breaker import CLOSED
from sparekey.core.manual import is_hold
from sparekey.core.pool import stamped, switched

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sparekey.core.pool import Pool, PoolState
    from sparekey.engine import Chain
    from sparekey.stores.keeper import Keeper
    from sparekey.types import Credential

logger = logging.getLogger("sparekey")

_VERSION: Final = 1


def renew(chain: Chain, store: Keeper, name: str, before: Chain | None = None) -> None:
    """Forget the state of a chain's changed credentials, and store their new digests.

    Args:
        chain: the chain, before it serves its first request.
        store: keeps its state.
        name: its name in the store.
        before: the chain that it replaces. If another worker has noted the change already, what
            this worker did with the old key since is forgotten as well.
    """
    place, credentials = f"{name} credentials", chain.credentials
    raw = store.recall(place)
    noted = _read(raw)
    salt = noted["salt"] if noted else secrets.token_hex(8)
    now = {c.id: _digest(c, salt) for c in credentials}
    changed = {i for i, digest in now.items() if noted and noted["credentials"].get(i) != digest} | _others(credentials, before)
    if changed:
        chain.transact(_afresh, changed, chain.clock())
        logger.info("chain %s: %s changed, and starts afresh", name, ", ".join(sorted(changed)))
    if not noted or noted["credentials"] != now:
        store.note(place, raw, json.dumps({"v": _VERSION, "salt": salt, "credentials": now}).encode())


def _afresh(pool: Pool, state: PoolState, changed: Collection[str], now: float) -> tuple[PoolState, None]:
    """Return the state without the breakers of changed credentials, except those that a person set.

    The first changed credential is then tried before those below it.
    """
    places = [i for i, c in enumerate(pool.credentials) if c.id in changed]
    others = {name for i in range(len(pool)) if i not in places for name in pool.guard_names[i]}
    own = {name for i in places for name in pool.guard_names[i] if name not in others and name in state.breakers}
    state = stamped(state, {name: CLOSED for name in own if not is_hold(state.breakers[name])})
    first = min(places)
    return (switched(state, first, now) if first < state.active else state), None


def _others(credentials: Sequence[Credential], before: Chain | None) -> set[str]:
    known = {c.id: c for c in before.credentials} if before is not None else {}
    return {c.id for c in credentials if before is not None and known.get(c.id) != c}


def _digest(credential: Credential, salt: str) -> str:
    key = credential.api_key.reveal() if credential.api_key else ""
    c = credential
    told = json.dumps([c.provider, c.model, c.account, c.endpoint, key, sorted(c.headers.items())])
    return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=12, key=salt.encode()).hexdigest()


def _read(raw: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads(raw or b"null")
        fits = found["v"] == _VERSION and isinstance(found["salt"], str) and isinstance(found["credentials"], dict)
    except (ValueError, TypeError, KeyError):
        return None
    return found if fits else None
