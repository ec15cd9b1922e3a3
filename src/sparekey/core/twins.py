"""Credentials of one chain that hold the same key: they look like a spare and are none.

*Twins* go to the same place with the same key for the same model: what happens to one happens to the other, so they count as one.
A *shared key* goes to another place or asks for another model: both may serve, but one account pays for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from sparekey.types import Credential

SHORTEST_KEY: Final = 8
"""Characters from which a text can be a key: no provider issues a shorter one, and local servers take any word."""
PLACEHOLDERS: Final = frozenset(
    {
        *("none-needed", "not-needed", "not_needed", "not-required", "not required", "no-key-needed", "no-key-required"),
        *("sk-no-key-required", "lm-studio", "localhost", "placeholder", "dummy-key", "anything", "llama.cpp"),
    }
)
"""Longer words that stand where a server asks for a key and looks at none."""
KEY_HEADERS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
"""Headers that carry a key; one that a credential sets itself takes the place of its `api_key`."""
_BEARER: Final = "bearer "


def twins(credentials: Sequence[Credential]) -> dict[int, int]:
    """Return which credentials are the same one again: index -> index of the first with its key, endpoint, provider and model.

    Further headers count, too: they may name another project. A credential without a key, or with a placeholder, has no twin.
    """
    return _repeated(credentials, _way)


def shared_keys(credentials: Sequence[Credential]) -> dict[int, int]:
    """Return which credentials share a key for something else: index -> index of the first with that key. Twins are left out."""
    same = twins(credentials)
    return {index: first for index, first in _repeated(credentials, key_of).items() if index not in same}


def key_of(credential: Credential) -> str | None:
    """Return the key that a credential really sends, or None if it has none, or one that servers ignore."""
    headers = {name.lower(): value for name, value in credential.headers.items()}
    own = next((headers[name] for name in KEY_HEADERS if headers.get(name)), None)
    text = own or (credential.api_key.reveal() if credential.api_key else "")
    text = text[len(_BEARER) :].strip() if text.lower().startswith(_BEARER) else text.strip()
    return None if len(text) < SHORTEST_KEY or text.lower() in PLACEHOLDERS else text


def _way(credential: Credential) -> Hashable:
    """Return all by which a provider could tell two requests apart, or None without a key."""
    if (key := key_of(credential)) is None:
        return None
    rest = frozenset((name.lower(), value) for name, value in credential.headers.items() if name.lower() not in KEY_HEADERS)
    return key, (credential.endpoint or "").rstrip("/"), credential.provider, credential.model, rest


def _repeated(credentials: Sequence[Credential], mark: Callable[[Credential], Hashable]) -> dict[int, int]:
    """Return index -> first index with the same mark, for those whose mark was there before; None is no mark."""
    firsts: dict[Hashable, int] = {}
    marks = enumerate(map(mark, credentials))
    return {index: first for index, one in marks if one is not None and (first := firsts.setdefault(one, index)) != index}
