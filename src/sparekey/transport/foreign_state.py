"""Thoughts that a credential cannot read: its host has refused them, or they are known to be another account's."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from sparekey.wire.account_state import refuses_state, state_of, stripped

if TYPE_CHECKING:
    from sparekey.transport.affinity import ResourceAffinity
    from sparekey.transport.refusals import Refused
    from sparekey.types import Credential
    from sparekey.wire.request import WireRequest

_MOST: Final = 10_000


class ForeignState:
    """Which thoughts which credential cannot read, the most recent 10,000. Thread-safe.

    Nobody can tell by a signature who may read it (Anthropic's hold on every platform, Google's and OpenAI's in one project), so a
    request goes out as it is until a host refuses it for its thoughts; then it goes there once more without them, and those of its talk
    are left out from then on.
    """

    def __init__(self, affinity: ResourceAffinity) -> None:
        """Take what knows whose the ids of a request are."""
        self._affinity = affinity
        self._refused: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def knows_any(self) -> bool:
        """Whether any credential is known not to read some thoughts."""
        return bool(self._refused)

    def spared(self, call: WireRequest, credential: Credential) -> WireRequest:
        """Return a request as it goes to a credential: without the thoughts that it is known not to read."""
        if not self._refused and not self._affinity.knows_any:
            return call
        owner = self._affinity.owner(call)
        if owner is not None and owner != credential.id:
            return stripped(call, _any) or call
        if not self._refused:
            return call
        return stripped(call, lambda one: (credential.id, _mark(one)) in self._refused) or call

    def without(self, call: WireRequest, credential: Credential, refused: Refused) -> WireRequest | None:
        """Return the request without all thoughts of one account, where they may be what the host refuses; None: it is something else."""
        if not refuses_state(refused.status_code, refused.body.decode("utf-8", "replace")):
            return None
        del credential
        return stripped(call, _any)

    def learn(self, call: WireRequest, credential: Credential) -> None:
        """Remember that a host served without the thoughts of `call` what it refused with them."""
        with self._lock:
            for one in state_of(call):
                self._refused[credential.id, _mark(one)] = None
            while len(self._refused) > _MOST:
                self._refused.popitem(last=False)


def is_portable(call: WireRequest) -> bool:
    """Tell whether a request that names what one account holds can be put to another one without it: thoughts alone, that is."""
    return stripped(call, _any) is not None


def _any(_: str) -> bool:
    return True


def _mark(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
