"""What the hooks of this package share: whose chain they tell of, which event goes where, and how much of a text may be shown."""

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
    from sparekey.types import Credential

    Ended: TypeAlias = AttemptSucceeded | AttemptFailed | AttemptAbandoned

OUTCOMES: Final[Mapping[type, str]] = MappingProxyType(
    {
        AttemptSucceeded: Outcome.SUCCEEDED.value,
        AttemptFailed: Outcome.FAILED.value,
        AttemptAbandoned: Outcome.ABANDONED.value,
    }
)
"""How an attempt ended, in the words of `Outcome`, by the event that tells of it."""

OTHER: Final = "other"
_WORD: Final = re.compile(r"[\w.-]{1,48}")
_SHOWN: Final = 300


def park_word(event: Parked) -> str:
    """Return how a park keeps traffic away: `firm`, only a probe goes there; `soft`, others go first."""
    return "soft" if event.soft else "firm"


class BoundedLabels:
    """Keeps the number of time series bounded: a classifier of one's own may put anything into a reason.

    The first `limit` different words pass as they are; later ones, and what is no word, are `other`. sparekey's own classifier has fewer.
    """

    def __init__(self, limit: int = 128) -> None:
        """Start with no word seen."""
        self._limit = limit
        self._seen = {""}

    def __call__(self, word: str) -> str:
        """Return `word`, or `other`."""
        if word in self._seen:
            return word
        if len(self._seen) <= self._limit and _WORD.fullmatch(word):
            self._seen.add(word)
            return word
        return OTHER


class Hook:
    """The frame of a hook: hands each event to the method that `handlers` names for its type, and drops the others.

    Attributes:
        chain_name: the chain's name in everything that is told.
        handlers: a method by type of event.
    """

    handlers: ClassVar[Mapping[type, Callable[[Any, Any], None]]] = MappingProxyType({})

    def __init__(self, chain_name: str) -> None:
        """Tell of a chain under this name."""
        self.chain_name = chain_name
        self.reasons = BoundedLabels()
        self._credentials: dict[str, Credential] = {}

    @property
    def hears(self) -> Collection[type]:
        """The events that go anywhere."""
        return self.handlers.keys()

    def attach(self, cell: ChainState) -> None:
        """Learn the chain's credentials; the chain calls it when the hook is added. One hook tells of one chain."""
        self._credentials = {c.id: c for c in cell.pool.credentials}
        self._secrets = secrets_of(cell.pool.credentials)

    def __call__(self, event: Event) -> None:
        """Tell of one event."""
        if (handle := self.handlers.get(type(event))) is not None:
            handle(self, event)

    def shown(self, text: str) -> str:
        """Return a provider's text as it may be shown: without the chain's keys and whatever looks like one, and bounded."""
        return self._secrets.cut(text)[:_SHOWN]
