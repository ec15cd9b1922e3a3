"""What belongs to one account: ids, and thoughts that no other account can read.

A request that names a file, a batch or an earlier response goes to the credential that made it. One that brings signed or
encrypted thoughts goes out without them where they are known to be another account's.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from sparekey.wire.account_state import refuses_state, state_of, stripped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.transport.refusals import Refused
    from sparekey.types import Credential
    from sparekey.wire.request import WireRequest

_MOST: Final = 10_000
_READ: Final = 512 * 1024
"""Bytes at either end of a body in which ids are looked for: between them are pictures and files."""
_ID: Final = re.compile(
    # openai and anthropic: `resp_…`, `file-…`; gemini: `files/…`; the id of an upload stands in its URL
    rb"(?:\b(?:resp|rs|conv|file|batch|upload|vs|vsfb|asst|thread|run|msg|ftjob|cntr|container|video|msgbatch|chatcmpl)[-_][\w-]{3,200}"
    rb"|\b(?:files|cachedContents|batches|tunedModels)/[\w-]{1,200}|\bupload_id=[\w.-]{3,500})"
)
_UNSTORED: Final = (b"chatcmpl", b"msg")
"""Ids of answers that hosts forget at once, unless they were asked to keep them."""


class ResourceAffinity:
    """Remembers the ids that answers brought, the most recent 10,000. Thread-safe; it lives and dies with its transport."""

    def __init__(self) -> None:
        """Start knowing nothing."""
        self._owners: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def knows_any(self) -> bool:
        """Whether anything was learnt yet."""
        return bool(self._owners)

    def owner(self, call: WireRequest) -> str | None:
        """Return the id of the credential whose account holds what a request refers to, or None if it refers to nothing known."""
        if not self._owners:
            return None
        body = call.body if len(call.body) <= 2 * _READ else call.body[:_READ] + b"\n" + call.body[-_READ:]
        for text in (call.resource.encode(), call.query.encode(), body):
            for found in _ID.finditer(text):
                name = found.group()
                if owner := self._owners.get(name) or self._owners.get(name.rpartition(b"/")[2]):
                    return owner
        return None

    def learn(self, call: WireRequest, credential_id: str, value: Any) -> None:
        """Remember what the JSON of an answer, or of a stream's first event, says was made."""
        stored = call.get("store") is True
        for text in _ids(value):
            name = text.encode()
            if _ID.fullmatch(name) and (stored or not name.startswith(_UNSTORED)):
                self.bind(name, credential_id)

    def learn_upload(self, credential_id: str, url: str) -> None:
        """Remember the URL to which the parts of an upload go."""
        if found := re.search(rb"upload_id=[\w.-]{3,500}", url.encode()):
            self.bind(found.group(), credential_id)

    def bind(self, name: bytes, credential_id: str) -> None:
        """Remember that `name` lives with a credential."""
        with self._lock:
            self._owners[name] = credential_id
            self._owners.move_to_end(name)
            if len(self._owners) > _MOST:
                self._owners.popitem(last=False)


def _ids(value: Any) -> Iterator[str]:
    """Yield the ids of an object, of what it wraps, of what it lists, and of its output."""
    if not isinstance(value, dict):
        return
    for key in ("id", "name"):
        if isinstance(found := value.get(key), str):
            yield found
    for key in ("response", "file"):
        yield from _ids(value.get(key))
    for key in ("data", "output", "files"):
        items = value.get(key)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and isinstance(found := item.get("id") or item.get("name"), str):
                yield found


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
