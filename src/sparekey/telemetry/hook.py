"""What the hooks of this package share: the chain's name, event dispatch, and masked texts."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sparekey.core.events import AttemptAbandoned, AttemptFailed, AttemptSucceeded
from sparekey.masking import secrets_of
from sparekey.types import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import TypeAlias

    from sparekey.core.events import Event, Parked
    from sparekey.engine.chain_state import ChainState

    Ended: TypeAlias = AttemptSucceeded | AttemptFailed | AttemptAbandoned

OUTCOMES: Final[Mapping[type, str]] = MappingProxyType(
    {
        AttemptSucceeded: Outcome.SUCCEEDED.value,
        AttemptFailed: Outcome.FAILED.value,
        AttemptAbandoned: Outcome.ABANDONED.value,
    }
)
"""How an attempt ended, in the words of `Outcome`, by event type."""

OTHER: Final = "other"
_WORD: Final = re.compile(r"[\w.-]{1,48}")
_SHOWN: Final = 300


def park_word(event: Parked) -> str:
    """Return `firm` (only a probe goes there) or `soft` (others are asked first)."""
    return "soft" if event.soft else "firm"


class BoundedLabels:
    """Bounds the number of time series: a custom classifier may put any text into a reason.

    The first `limit` different words pass unchanged; later ones, and texts that are no word, become
    `other`. sparekey's own classifier has fewer.
    """

    def __init__(self, limit: int = 128) -> None:
        """Create an empty set that takes `limit` words."""
        self._limit = limit
        self._seen = {""}

    def __call__(self, word: str) -> str:
        """Return `word` if it may be a label, else `other`."""
        if word in self._seen:
            return word
        if len(self._seen) <= self._limit and _WORD.fullmatch(word):
            self._seen.add(word)
            return word
        return OTHER


class Hook:
    """The base of the hooks: it passes each event to its type's method in `handlers`, or drops it.

    Attributes:
        chain_name: the chain's name in all reports.
        handlers: the method for each event type.
    """

    handlers: ClassVar[Mapping[type, Callable[[Any, Any], None]]] = MappingProxyType({})

    def __init__(self, chain_name: str) -> None:
        """Create a hook for the chain of this name."""
        self.chain_name = chain_name
        self.reasons = BoundedLabels()

    @property
    def hears(self) -> Collection[type]:
        """The event types that this hook handles."""
        return self.handlers.keys()

    def attach(self, chain_state: ChainState) -> None:
        """Keep the secrets of the chain's credentials; the chain calls this when the hook is added.

        One hook serves one chain.
        """
        self._secrets = secrets_of(chain_state.pool.credentials)

    def __call__(self, event: Event) -> None:
        """Handle one event."""
        if (handle := self.handlers.get(type(event))) is not None:
            handle(self, event)

    def shown(self, text: str) -> str:
        """Return a provider's text for display: shortened, and with keys masked."""
        return self._secrets.cut(text)[:_SHOWN]
