"""The address of a store, as a person writes it; it shows no password.

No other module knows how addresses are written. Nothing is opened here, and no optional package is
needed: `opening` does that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sparekey.errors import ConfigError
from sparekey.masking import mask
from sparekey.stores.redis_address import SCHEMES, bare, taken_apart
from sparekey.types import Secret

if TYPE_CHECKING:
    from sparekey.stores.redis_address import RedisAddress

MEMORY: Final = "memory"
SQLITE: Final = "sqlite"
_FORMS: Final = (
    "memory, sqlite:///path/to/file.db, redis://host:6379/0, redis+sentinel://host:26379,host:26379/SERVICE, "
    "redis+cluster://host:6379,host:6379 (rediss for TLS, valkey and valkeys the same), unix:///path/to/socket"
)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,40}")
_FORM: Final = re.compile(r"sentinel|cluster", re.IGNORECASE)


class StoreAddress:
    """Where a store is.

    `str`, `repr` and dumps show the label; a pickle holds the whole address, because worker
    processes need it. It equals a text that is the same address.

    Attributes:
        kind: `memory`, `sqlite` or `redis`.
        label: the address without user, password and settings.
        redis: the parts of an address of Redis or Valkey; None for the other kinds.
    """

    __slots__ = ("_url", "kind", "label", "redis")

    def __init__(self, url: str) -> None:
        """Read an address; see `open_store` for the forms.

        Raises:
            ConfigError: it is none. The message holds no password.
        """
        url = url.strip()
        scheme, colon, rest = url.partition(":")
        self._url = Secret(url)
        self.redis: RedisAddress | None = None
        if scheme == MEMORY and rest in {"", "//"}:
            self.kind, self.label = MEMORY, MEMORY
        elif scheme == SQLITE and colon:
            self.kind, self.label = SQLITE, mask(url)
        elif scheme in SCHEMES and colon:
            self.kind, self.label = "redis", mask(bare(url))
            try:
                self.redis = taken_apart(url)
            except ValueError as exc:
                raise ConfigError(f"{scheme}://... is no address of a Redis or Valkey: {exc}") from None
        else:
            raise ConfigError(f"{_named(url)} is no store; {_hint(scheme) if colon else ''}write one of {_FORMS}")

    def reveal(self) -> str:
        """Return the whole address, with the password."""
        return self._url.reveal()

    def __str__(self) -> str:
        return self.label

    def __repr__(self) -> str:
        return f"StoreAddress({self.label!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self.reveal() == other.strip()
        return isinstance(other, StoreAddress) and self._url == other._url

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __reduce__(self) -> tuple[type[StoreAddress], tuple[str]]:
        return StoreAddress, (self.reveal(),)

    def __copy__(self) -> StoreAddress:
        return self

    def __deepcopy__(self, _memo: object) -> StoreAddress:
        return self


def address_of(url: str | StoreAddress) -> StoreAddress:
    """Return an address that may still be a text.

    Raises:
        ConfigError: the text is none.
    """
    return url if isinstance(url, StoreAddress) else StoreAddress(url)


def _named(url: str) -> str:
    """Return what to call an address that is none: its scheme, since the rest may hold a password."""
    scheme = _SCHEME.match(url)
    if scheme is None:
        return "this" if url else "an empty text"
    ends = url[scheme.end() :]
    return repr(f"{scheme[0]}://...") if ends.startswith(":") else repr(url) if not ends and url.lower() in {SQLITE, *SCHEMES} else "this"


def _hint(scheme: str) -> str:
    """Return a remark on other programs' schemes (`sentinel://`, `redis-cluster://`)."""
    form = _FORM.search(scheme)
    return f"a {form[0].capitalize()} is redis+{form[0].lower()}://; " if form else ""
