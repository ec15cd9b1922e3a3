"""The learned text model: how likely each class is, and which cause, given the features of a failure.

`make train` makes the file from data/errors. It holds, for each feature, one whole number between -127 and 127 for each class and each
cause (a *lane*); a text's score is their sum, over the root of the number of its features. To add up all lanes at once they are packed into
one long integer, four bytes a lane, each number shifted by 128 so that no lane borrows from its neighbour. Pure standard library.
"""

from __future__ import annotations

import json
import math
import zlib
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.classify.features import CALM
from sparekey.classify.reasons import OF_REQUEST, Reason, read_table
from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FILE: Final = "model.bin"
LANE: Final = 4
"""Bytes of a lane: more features fit into a sum than a text can have."""
SHIFT: Final = 128
MAX_FEATURES: Final = 4000


class Guess(NamedTuple):
    """What the model makes of a failure.

    Attributes:
        error_class: the likeliest class.
        confidence: how likely it is, between 0 and 1.
        of_request: how likely it is that the request is at fault.
        other: the likeliest class that does not fail fast.
        other_confidence: how likely that is.
        known: the numbers of the features that the model knows.
        root: what their sums are divided by.
    """

    error_class: ErrorClass
    confidence: float
    of_request: float
    other: ErrorClass
    other_confidence: float
    known: Sequence[int] = ()
    root: float = 1.0


class Model:
    """A model that was read from its file."""

    def __init__(self, data: bytes) -> None:
        """Unpack a file's bytes."""
        size = int.from_bytes(data[:4], "little")
        head: dict[str, Any] = json.loads(data[4 : 4 + size])
        words, _, lanes = zlib.decompress(data[4 + size :]).partition(b"\0")
        self.digest: str = head["digest"]
        self.fail_fast_at: float = head["fail_fast_at"] / 1000
        self.least: float = head["least"] / 1000
        self.likely: float = head["likely"] / 1000
        self._classes = [ErrorClass(name) for name in head["classes"]]
        self._reasons = [Reason(name) for name in head["reasons"]]
        self._others = [at for at, c in enumerate(self._classes) if c not in OF_REQUEST]
        count = len(self._classes)
        self._at = {word: at for at, word in enumerate(words.decode().split("\n"), 1)}
        self._width = count + len(self._reasons)
        self._lanes = bytes([SHIFT]) * self._width + lanes  # features are counted from 1
        self._sums = _Sums(self._lanes, self._width, range(count), head["bias"], head["scale"][0] / 1e6)
        self._lanes_of = {c: [at for at, r in enumerate(self._reasons, count) if r.error_class is c] for c in self._classes}
        self._bias, self._scale = head["bias"], head["scale"][1] / 1e6
        self._causes: dict[ErrorClass, _Sums] = {}

    def guess(self, features: Sequence[str]) -> Guess:
        """Return what the model makes of these features."""
        known = list(filter(None, map(self._at.get, features[:MAX_FEATURES])))
        root = math.sqrt(len(features) + CALM)
        scores = self._sums.scores(known, root)
        top = max(scores)
        odds = [math.exp(score - top) for score in scores]
        total = sum(odds)
        best, other = scores.index(top), max(self._others, key=scores.__getitem__)
        of_request = 1.0 - sum([odds[at] for at in self._others]) / total
        return Guess(self._classes[best], odds[best] / total, of_request, self._classes[other], odds[other] / total, known, root)

    def cause(self, guess: Guess, error_class: ErrorClass) -> Reason:
        """Return the likeliest cause of a guess, if it is of this class."""
        lanes = self._lanes_of[error_class]
        sums = self._causes.get(error_class)
        if sums is None:
            sums = self._causes[error_class] = _Sums(self._lanes, self._width, lanes, self._bias, self._scale)
        scores = sums.scores(guess.known, guess.root)
        return self._reasons[lanes[scores.index(max(scores))] - len(self._classes)]

    def knows(self, features: Sequence[str]) -> float:
        """Return the share of these features that the model knows."""
        return sum(map(self._at.__contains__, features)) / (len(features) or 1)

    def weights(self, features: Iterable[str], error_class: ErrorClass) -> list[tuple[str, float]]:
        """Return what each known feature says for this class against the others, the weightiest first, for people."""
        best, count = self._classes.index(error_class), len(self._classes)
        found = []
        for feature in features:
            if (at := self._at.get(feature)) is not None:
                own = [lane - SHIFT for lane in self._lanes[at * self._width : at * self._width + count]]
                found.append((feature, (own[best] - (sum(own) - own[best]) / (count - 1)) * self._sums.scale))
        return sorted(found, key=lambda pair: (-abs(pair[1]), pair[0]))


class _Sums:
    """Some lanes of every feature, packed into one integer a feature, to be added up at once."""

    def __init__(self, data: bytes, width: int, lanes: Sequence[int], bias: Sequence[int], scale: float) -> None:
        """Pack `lanes`; the bias of each is added, and `scale` makes numbers of the sums."""
        self.scale, self._bias = scale, [bias[at] for at in lanes]
        self._step, self._unpack = len(lanes) * LANE, Struct(f"<{len(lanes)}I").unpack
        spread = bytearray(len(data) // width * self._step)
        for place, lane in enumerate(lanes):
            spread[place * LANE :: self._step] = data[lane::width]
        step, read = self._step, int.from_bytes
        self._packed = [read(spread[at : at + step], "little") for at in range(0, len(spread), step)]

    def scores(self, known: Sequence[int], root: float) -> list[float]:
        """Return the score of each lane for the features with these numbers; `root` is what a text's length divides by."""
        lanes = self._unpack(sum(map(self._packed.__getitem__, known)).to_bytes(self._step, "little"))
        shift, scale = SHIFT * len(known), self.scale
        return [((lane - shift) / root + bias) * scale for lane, bias in zip(lanes, self._bias, strict=True)]


@cache
def model() -> Model:
    """Return the model of the package; it is read when the first text comes."""
    return Model(read_table(FILE))
