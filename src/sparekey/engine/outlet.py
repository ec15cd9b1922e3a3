"""What goes out of the streams of a call to its caller, what is held back, and what a recovery leaves out.

With the recovery `buffer` all items are held until the answer is complete. Otherwise each goes out at
once; after a recovery, items that only repeat what was shown are left out, and the item in which the
new text begins is cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from sparekey.core.policy import Recovery
from sparekey.core.splice import DiffersError, Splice

if TYPE_CHECKING:
    from sparekey.core.splice import Follower, Reading

T = TypeVar("T")
TAIL_SECONDS = 2.0
"""Seconds to wait for what may still come behind a complete answer: its usage, the end of the stream."""


class Outlet(Generic[T]):
    """Passes the items of one stream after the other on, as if they were one.

    Attributes:
        complete: the present answer is complete.
        _splice: what was shown.
        _held: items that are held back.
        _comparable: all items so far could be read, so that another answer can be compared with them.
        _resumed: the present stream goes on behind what was shown.
        _begins: the present stream answers anew, and none of its items has come yet.
        _follower: makes the present answer follow thoughts, if nothing but thoughts was shown before it; None: it has to repeat them.
        _follows: the present answer has begun otherwise, and follows them.
        _repeated: the items of the present answer that only repeated them, so far.
    """

    def __init__(self, reading: Reading[T], recovery: str) -> None:
        """Begin with nothing shown; `recovery` is a `sparekey.core.policy.Recovery`."""
        self._reading, self._recovery = reading, recovery
        self._splice = Splice()
        self._held: list[T] = []
        self._comparable, self._resumed = True, False
        self._follower: Follower[T] | None = None
        self._follows = self._begins = False
        self._repeated: list[T] = []
        self.complete = False

    def restart(self, *, resumed: bool = False) -> None:
        """Let another stream take over: one that answers anew, or one that goes on behind what was shown (`resumed`)."""
        self._held.clear()
        self.complete, self._resumed = False, resumed
        self._follower, self._follows, self._begins = None, False, not resumed
        self._repeated.clear()
        self._splice.restart(resumed=resumed)

    @property
    def recoverable(self) -> bool:
        """Whether another stream may take over: the policy wants it, and all that was shown could be read."""
        return self._comparable and self._recovery != Recovery.ERROR

    @property
    def spoken(self) -> str:
        """The text behind which an answer can go on.

        It is empty where more than text was shown (several choices, a tool call), and where the text
        ends with a space, which models do not continue well.
        """
        reading, splice = self._reading, self._splice
        text = splice.shown(reading.spoken)
        other = splice.lanes > 1 or splice.channels() - {*reading.spoken, *reading.thought}
        return "" if other or text != text.rstrip() else text

    def take(self, item: T) -> list[T]:
        """Return what goes out now.

        Raises:
            DiffersError: the new answer is another one.
        """
        self.complete = self.complete or self._reading.complete(item)
        if self._recovery == Recovery.BUFFER:
            self._held.append(item)
            return []
        pieces = self._reading.pieces(item)
        if pieces is None:
            self._comparable = False
            return [item]
        if self._resumed and not self._reading.content(item) and not self.complete:
            return []  # the preamble of an answer that has long begun
        if not self._splice.behind and not self._follows:
            self._splice.add(pieces)
            return [item]
        return [out for part in self._reading.split(item) for out in self._left(part)]

    def end(self) -> list[T]:
        """Return what was held back: the stream has come to its end.

        Raises:
            DiffersError: the new answer is shorter than what was shown.
        """
        if self._splice.behind:
            raise DiffersError
        held, self._held = self._held, []
        return held

    def _left(self, item: T) -> list[T]:
        """What is left of an item without what was shown; what accompanies a text (a role, a name) was shown with its lane."""
        if self._follows:
            return self._following(item)
        if self._begins:
            self._follower, self._begins = self._reading.following(item, self._splice.pieces()), False
        try:
            left = self._unshown_of(item)
        except DiffersError:
            if self._follower is None:
                raise
            self._follows = True
            self._splice.restart(resumed=True)
            return [out for one in (*self._repeated, item) for out in self._following(one)]
        if left:
            self._follower = None  # it goes on with the same thoughts
        elif self._follower is not None:
            self._repeated.append(item)
        return left

    def _following(self, item: T) -> list[T]:
        assert self._follower is not None
        found = [*self._follower(item)]
        for one in found:
            self._splice.add(self._reading.pieces(one) or ())
        return found

    def _unshown_of(self, item: T) -> list[T]:
        behind, pieces = self._splice.behind, self._reading.pieces(item) or ()
        opens, texts = self._splice.opens(pieces), self._splice.unshown(pieces)
        if not behind:
            return [item]
        ends = self._reading.complete(item)
        if ends and self._splice.behind:
            raise DiffersError
        if not (ends or opens or any(texts)):
            return []
        cut = self._reading.cut(item, texts)
        return [] if cut is None else [cut]
