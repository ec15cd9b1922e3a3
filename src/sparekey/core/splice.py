"""What a caller has seen of an answer, and how far another answer repeats it.

An answer is text in lanes: one lane a choice or candidate. Within a lane the text stands in channels, one after the other: reasoning,
then content, then the arguments of a tool call. A new answer may take over where the text that it gives in each lane begins with what was
shown there, channel by channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sparekey.types import Usage

T = TypeVar("T")


class Piece(NamedTuple):
    """Text of one item of a stream: in which lane and channel it stands.

    What must merely be there (a call's name, an end) has a text of its own making, what tells only that its lane has begun an empty one.
    """

    lane: int
    channel: str
    text: str


class Reading(Generic[T]):
    """How the items of a stream are read. This one reads pieces of text, and anything else as a whole that tells nothing of itself.

    Subclass it for items of another kind, and give it to `Failover.stream`.

    Attributes:
        spoken: the channels of the text behind which an answer can go on, for the mode `continue`.
        thought: the channels that such an answer need not repeat.
    """

    spoken: Sequence[str] = ("",)
    thought: Sequence[str] = ()

    def __init__(self, is_content: Callable[[T], bool] | None = None) -> None:
        """Take what tells content from preamble (a role, an empty chunk); None: every item is content."""
        self._is_content = is_content

    def content(self, item: T) -> bool:
        """Return whether an item brings content: with the first such item a stream has begun."""
        return self._is_content is None or self._is_content(item)

    def alive(self, item: T) -> bool:
        """Return whether an item shows that the provider is at work: what does not (a bare keep-alive) does not stop the idle limit."""
        del item
        return True

    def complete(self, item: T) -> bool:
        """Return whether the answer is complete with this item, whatever else may come."""
        del item
        return False

    def pieces(self, item: T) -> Sequence[Piece] | None:
        """Return the text of an item; None if it cannot be told: a stream that brought such an item is not recovered."""
        return (Piece(0, "", item),) if isinstance(item, str) else None

    def cut(self, item: T, texts: Sequence[str]) -> T | None:
        """Return an item with other texts in the place of its pieces', or None if nothing is left of it."""
        del item
        return texts[0] or None  # type: ignore[return-value]  # an item that has pieces is a text here

    def split(self, item: T) -> Sequence[T]:
        """Return the parts of an item that brings several things at once."""
        return (item,)

    def usage(self, item: T) -> Usage | None:
        """Return the tokens of the call so far, if an item tells them."""
        del item
        return None


class DiffersError(Exception):
    """Another answer does not begin with what was shown."""


class Splice:
    """What was shown of an answer, and how far the present one has repeated it."""

    def __init__(self) -> None:
        """Start with nothing shown."""
        self._lanes: dict[int, _Lane] = {}

    def restart(self, *, resumed: bool = False) -> None:
        """Another answer begins: at the start, or behind all that was shown (`resumed`)."""
        for lane in self._lanes.values():
            lane.restart(resumed=resumed)

    @property
    def behind(self) -> bool:
        """Whether the present answer has not yet repeated all that was shown."""
        for lane in self._lanes.values():  # noqa: SIM110 - each event of a stream asks, and `any` costs three times as much
            if not lane.begun or lane.at < len(lane.runs):
                return True
        return False

    @property
    def lanes(self) -> int:
        """How many lanes have begun."""
        return len(self._lanes)

    def opens(self, pieces: Iterable[Piece]) -> bool:
        """Return whether a lane begins with one of these pieces."""
        return any(piece.lane not in self._lanes for piece in pieces)

    def channels(self) -> set[str]:
        """Return the names of the channels in which something was shown."""
        return {channel for lane in self._lanes.values() for channel, _ in lane.runs}

    def shown(self, channels: Iterable[str]) -> str:
        """Return all text that was shown in these channels."""
        wanted = set(channels)
        return "".join(text for lane in self._lanes.values() for channel, text in lane.texts() if channel in wanted)

    def left(self, pieces: Iterable[Piece]) -> list[str]:
        """Return what of each piece has not been shown yet; it counts as shown from now on.

        Raises:
            DiffersError: a piece is not what was shown in its place.
        """
        found: list[str] = []
        for number, channel, text in pieces:
            lane = self._lanes.get(number)
            if lane is None:
                lane = self._lanes[number] = _Lane()
            if lane.begun and lane.at == len(runs := lane.runs) and runs and text and runs[-1][0] == channel:
                runs[-1][1].append(text)  # most pieces merely go on, and cost no call
                found.append(text)
            else:
                found.append(lane.left(channel, text))
        return found


class _Lane:
    """Runs of text, one a channel; `at` and `offset` are how far the present answer has come, `begun` whether it has come to this lane."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, list[str]]] = []
        self.at, self.offset, self.begun = 0, 0, True

    def restart(self, *, resumed: bool) -> None:
        self.runs = [(channel, [text]) for channel, text in self.texts()]
        self.at, self.offset, self.begun = len(self.runs) if resumed else 0, 0, resumed

    def texts(self) -> list[tuple[str, str]]:
        return [(channel, "".join(texts)) for channel, texts in self.runs]

    def left(self, channel: str, text: str) -> str:
        self.begun, runs = True, self.runs
        while text and self.at < len(runs):
            text = self._repeated(channel, text)
        if text:
            if not runs or runs[-1][0] != channel:
                runs.append((channel, []))
            runs[-1][1].append(text)
            self.at = len(runs)
        return text

    def _repeated(self, channel: str, text: str) -> str:
        """Return what is left of a text behind the run that it repeats."""
        name, (shown, *_) = self.runs[self.at]
        rest = shown[self.offset :]
        if name != channel or not (rest.startswith(text) or text.startswith(rest)):
            raise DiffersError
        self.offset += min(len(text), len(rest))
        if self.offset == len(shown):
            self.at, self.offset = self.at + 1, 0
        return text[len(rest) :]
