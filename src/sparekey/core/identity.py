"""What tells one request from another: a hash of its body, and its shape.

The *shape* of a request is the set of member names in its JSON together with the model that it names: what it uses (tools, images, a
file, a tier), not what it says. A credential that refuses requests of one shape may well serve the others.
"""

from __future__ import annotations

import re
from functools import cached_property
from hashlib import blake2b
from typing import Final

_MEMBER: Final = re.compile(rb'"([A-Za-z_][\w-]{0,60})"\s*:')
_MODEL: Final = re.compile(rb'"model"\s*:\s*"([^"\\]{1,120})"')
_READ: Final = 256 * 1024
"""Bytes of a body in which its shape is looked for, from its beginning."""


def hashed(text: str | bytes) -> str:
    """Return a short hash of words or of a request; the text itself is not kept, since it may be a caller's."""
    return blake2b(text if isinstance(text, bytes) else text.encode("utf-8", "replace"), digest_size=8).hexdigest()


class Identity:
    """One request, as far as it has to be told from others. Its hashes are worked out when they are read."""

    def __init__(self, body: bytes = b"", name: tuple[str, int] = ("", 0), client: str = "") -> None:
        """Take the body, or, where it is not known, a name that no other request has; `client`: who sent it, where that is told."""
        self._body, self._name, self.client = body, name, client

    @cached_property
    def request(self) -> str:
        """A hash of the request."""
        return hashed(self._body or "{} {}".format(*self._name))

    @cached_property
    def shape(self) -> str:
        """A hash of its shape; the same one for all whose body is not known or is no JSON."""
        found = self._body[:_READ]
        return hashed(b" ".join((*sorted(set(_MEMBER.findall(found))), *_MODEL.findall(found)[:1])))
