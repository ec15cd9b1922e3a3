"""What a caller has seen of an answer, and how far another answer repeats it.

**Theory.** An answer is text in *lanes*, one lane for each choice or candidate. Within a lane the
text stands in *channels*, one after the other: reasoning, then content, then the arguments of a
tool call. When a stream breaks, another credential answers anew. Its answer may take over if the
text that it gives in each lane begins with what was shown there, channel by channel; what it
repeats is left out, and the rest goes on. How the two answers are cut into events does not matter.

Where nothing but thoughts was shown, another answer need not repeat them: `Reading.following` says how
it goes on behind them.

`Splice` holds what was shown. In each lane it keeps a position: how far the present answer has
come. An answer that is *behind* has not repeated everything yet; a piece that differs from what was
shown in its place raises `DiffersError`, and the stream breaks with its first fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sparekey.types import Usage

T = TypeVar("T")
Follower: TypeAlias = "Callable[[T], Sequence[T]]"
"""Takes an item of another answer; returns what goes out for it behind what was shown."""


class Piece(NamedTuple):
    """Text of one item of a stream.

    What is no text but has to be repeated (a call's name, an end) is given a text that stands for
    it. A piece that only says that its lane has begun has an empty text.

    Attributes:
        lane: the number of the choice or candidate.
        channel: where in the lane the text stands.
        text: the text.
    """

    lane: int
    channel: str
    text: str


class Reading(Generic[T]):
    """How the items of a stream are read. Subclass it for your own kind of items, and give it to `Failover.stream`.

    This one reads items that are texts. Any other item is passed on unread, and a stream that had
    one is not recovered.

    Attributes:
        spoken: the channels of the text behind which an answer can go on, for the mode `continue`.
        thought: the channels that such an answer need not repeat.
    """

    spoken: Sequence[str] = ("",)
    thought: Sequence[str] = ()

    def __init__(self, is_content: Callable[[T], bool] | None = None) -> None:
        """`is_content` returns whether an item is content and no preamble (a role, an empty chunk); None: every item is."""
        self._is_content = is_content

    def content(self, item: T) -> bool:
        """Return whether an item has content. A stream has begun with the first one that does."""
        return self._is_content is None or self._is_content(item)

    def alive(self, item: T) -> bool:
        """Return whether an item shows that the provider is at work; False (a bare keep-alive) lets the idle limit run on."""
        del item
        return True

    def complete(self, item: T) -> bool:
        """Return whether this item completes the answer; its usage may still follow."""
        del item
        return False

    def pieces(self, item: T) -> Sequence[Piece] | None:
        """Return the text of an item; None if it cannot be read, and the stream cannot be recovered from then on."""
        return (Piece(0, "", item),) if isinstance(item, str) else None

    def cut(self, item: T, texts: Sequence[str]) -> T | None:
        """Return the item with `texts` in place of those of its pieces, one each; None if nothing is left of it."""
        del item
        return texts[0] or None  # type: ignore[return-value]  # an item that has pieces is a text here

    def split(self, item: T) -> Sequence[T]:
        """Return the parts of an item that holds several things, in order."""
        return (item,)

    def usage(self, item: T) -> Usage | None:
        """Return the tokens of the call so far; None if the item does not state them."""
        del item
        return None

    def shows(self, text: str) -> bool:
        """Return whether all that was said in one lane shows anything; thoughts between tags, for one, show nothing."""
        return bool(text)

    def closing(self, text: str) -> str:
        """Return what has to follow a text that shows nothing, before another answer can: the end of its thoughts, or nothing."""
        del text
        return ""

    def following(self, item: T, shown: Sequence[Piece]) -> Follower[T] | None:
        """Return what makes the items of another answer follow what was shown, if that is no answer yet, but thoughts alone.

        Args:
            item: the first item of the other answer.
            shown: all that was shown.

        Returns:
            A function that takes an item of that answer and returns what goes out for it, its own thoughts left out; None: something else
            than thoughts was shown, and another answer has to begin with it.
        """
        del item
        said: dict[int, str] = {}
        for lane, channel, text in shown:
            if channel in self.spoken:
                said[lane] = said.get(lane, "") + text
            elif text and channel not in self.thought:
                return None
        if any(map(self.shows, said.values())):
            return None
        return _Spoken(self, {lane: self.closing(text) for lane, text in said.items()})


class _Spoken(Generic[T]):
    """Leaves out the thoughts of another answer, and what comes before its text.

    Attributes:
        _heads: what goes in front of the first text of a lane.
        _complete: the answer is complete; whatever comes behind goes on.
    """

    def __init__(self, reading: Reading[T], heads: dict[int, str]) -> None:
        self._reading, self._heads, self._complete = reading, heads, False

    def __call__(self, item: T) -> Sequence[T]:
        pieces = self._reading.pieces(item) or ()
        self._complete = self._complete or self._reading.complete(item)
        texts = [self._text(piece) for piece in pieces]
        if not any(texts) and not self._complete:
            return ()
        if all(text == piece.text for piece, text in zip(pieces, texts, strict=True)):
            return (item,)
        cut = self._reading.cut(item, texts)
        return () if cut is None else (cut,)

    def _text(self, piece: Piece) -> str:
        if piece.channel in self._reading.thought:
            return ""
        head = self._heads.pop(piece.lane, "") if piece.text and piece.channel in self._reading.spoken else ""
        return head + piece.text


class DiffersError(Exception):
    """The new answer does not begin with what was shown of the old one."""


class Splice:
    """What was shown of an answer, and how far the present one has repeated it.

    Attributes:
        behind: the present answer has not yet repeated all that was shown.
    """

    behind = False

    def __init__(self) -> None:
        """Start with nothing shown."""
        self._lanes: dict[int, _Lane] = {}

    def restart(self, *, resumed: bool = False) -> None:
        """Another answer begins: at the start, or behind all that was shown (`resumed`)."""
        for lane in self._lanes.values():
            lane.restart(resumed=resumed)
        self.behind = self._is_behind()

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

    def pieces(self) -> list[Piece]:
        """Return all that was shown, lane by lane."""
        return [Piece(number, channel, text) for number, lane in self._lanes.items() for channel, text in lane.texts()]

    def unshown(self, pieces: Iterable[Piece]) -> list[str]:
        """Return what of each piece has not been shown yet; it counts as shown from now on.

        Raises:
            DiffersError: a piece is not what was shown in its place.
        """
        found: list[str] = []
        for number, channel, text in pieces:
            lane = self._lanes.get(number)
            if lane is None:
                lane = self._lanes[number] = _Lane()
            found.append(lane.unshown(channel, text))
        if self.behind:
            self.behind = self._is_behind()
        return found

    def add(self, pieces: Iterable[Piece]) -> None:
        """Count pieces as shown, of an answer that is not `behind`: each event of a stream comes this way."""
        for number, channel, text in pieces:
            lane = self._lanes.get(number)
            if lane is None:
                lane = self._lanes[number] = _Lane()
            if text:
                runs = lane.runs
                if not runs or runs[-1][0] != channel:
                    runs.append((channel, []))
                    lane.at = len(runs)
                runs[-1][1].append(text)

    def _is_behind(self) -> bool:
        return any(not lane.begun or lane.at < len(lane.runs) for lane in self._lanes.values())


class _Lane:
    """Runs of text, one a channel.

    Attributes:
        runs: the channels in their order, each with the texts that were shown in it.
        at: the index of the run at which the present answer stands; the number of runs once it has repeated them all.
        offset: how many characters of that run it has repeated.
        begun: it has come to this lane.
    """

    def __init__(self) -> None:
        self.runs: list[tuple[str, list[str]]] = []
        self.at, self.offset, self.begun = 0, 0, True

    def restart(self, *, resumed: bool) -> None:
        self.runs = [(channel, [text]) for channel, text in self.texts()]
        self.at, self.offset, self.begun = len(self.runs) if resumed else 0, 0, resumed

    def texts(self) -> list[tuple[str, str]]:
        return [(channel, "".join(texts)) for channel, texts in self.runs]

    def unshown(self, channel: str, text: str) -> str:
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
