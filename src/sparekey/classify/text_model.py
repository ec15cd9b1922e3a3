"""The learned text model: from the features of a failure to a probability for each class and cause.

`make train` makes the file from data/errors. It is a linear model. For each feature the file holds
one whole number from -127 to 127 for each class and each cause; such a column is a *lane*. A text's
score in a lane is the sum over its features, divided by the square root of their number; softmax
over the class lanes gives probabilities.

To add up all lanes at once, the numbers of a feature are packed into one long integer, four bytes a
lane. Each number is shifted by 128, so that it is never negative and no lane borrows from its
neighbour; the sum of the shifts is taken off at the end. Python's big integers thus do the work of
a vector library, and the module needs only the standard library.
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
LANE: Final = 4  # bytes of a lane: wide enough for the sum of any text's features
SHIFT: Final = 128
MAX_FEATURES: Final = 4000


class Guess(NamedTuple):
    """What the model says about a failure. All shares are between 0 and 1."""

    error_class: ErrorClass  # the most likely class
    confidence: float  # its probability
    of_request: float  # the probability that the request is at fault
    other: ErrorClass  # the most likely class that does not fail fast
    other_confidence: float  # its probability
    lanes: Sequence[int] = ()  # the sums of all lanes: first those of the classes, then those of the causes
    root: float = 1.0  # the square root by which the sums are divided


class Model:
    """The model, as read from its file.

    Attributes:
        digest: identifies the examples that it was trained on.
        fail_fast_at: the probability from which "the request is at fault" is believed.
        least: the confidence from which a class is believed.
        likely: the confidence from which a verdict counts as `LIKELY`.
    """

    def __init__(self, data: bytes) -> None:
        """Unpack the bytes of a file. The numbers of a feature are packed when it is first met."""
        size = int.from_bytes(data[:4], "little")
        head: dict[str, Any] = json.loads(data[4 : 4 + size])
        words, _, self._lanes = zlib.decompress(data[4 + size :]).partition(b"\0")
        self.digest: str = head["digest"]
        self.fail_fast_at: float = head["fail_fast_at"] / 1000
        self.least: float = head["least"] / 1000
        self.likely: float = head["likely"] / 1000
        self._classes = [ErrorClass(name) for name in head["classes"]]
        self._reasons = [Reason(name) for name in head["reasons"]]
        self._others = [at for at, c in enumerate(self._classes) if c not in OF_REQUEST]
        count = len(self._classes)
        self._of_class = {c: [at for at, r in enumerate(self._reasons, count) if r.error_class is c] for c in self._classes}
        self._bias, (self._scale, self._) = head["bias"], (scale / 1e6 for scale in head["scale"])
        self._width = len(self._bias)
        self._unpack = Struct(f"<{self._width}I").unpack
        names = words.decode().split("\n")
        self._at = dict(zip(names, range(1, len(names) + 1), strict=True))  # from 1: 0 means unknown, and `filter` drops it
        self._packed = [0] * (len(names) + 1)

    def guess(self, features: Sequence[str]) -> Guess:
        """Return what the model says about a list of features."""
        known, packed = list(filter(None, map(self._at.get, features[:MAX_FEATURES]))), self._packed
        total = sum([packed[at] or self._pack(at) for at in known])
        shift, root, count = SHIFT * len(known), math.sqrt(len(features) + CALM), len(self._classes)
        lanes = self._unpack(total.to_bytes(self._width * LANE, "little"))
        scores = [(lane - shift) / root + bias for lane, bias in zip(lanes[:count], self._bias[:count], strict=True)]
        top = max(scores)
        odds = [math.exp((score - top) * self._scale) for score in scores]
        whole = sum(odds)
        best, other = scores.index(top), max(self._others, key=scores.__getitem__)
        of_request = 1.0 - sum([odds[at] for at in self._others]) / whole
        return Guess(self._classes[best], odds[best] / whole, of_request, self._classes[other], odds[other] / whole, lanes, root)

    def _pack(self, at: int) -> int:
        spread = bytearray(self._width * LANE)
        spread[::LANE] = self._lanes[(at - 1) * self._width : at * self._width]
        self._packed[at] = packed = int.from_bytes(spread, "little")
        return packed

    def cause(self, guess: Guess, error_class: ErrorClass) -> Reason:
        """Return the most likely cause of a guess among those of one class."""
        lanes, root, bias = guess.lanes, guess.root, self._bias
        return self._reasons[max(self._of_class[error_class], key=lambda at: lanes[at] + bias[at] * root) - len(self._classes)]

    def knows(self, features: Sequence[str]) -> float:
        """Return the share of these features that the model knows, from 0 to 1."""
        return sum(map(self._at.__contains__, features)) / (len(features) or 1)

    def weights(self, features: Iterable[str], error_class: ErrorClass) -> list[tuple[str, float]]:
        """Return how much each known feature speaks for a class against the others.

        The weightiest first.
        """
        best, count, found = self._classes.index(error_class), len(self._classes), []
        for feature in features:
            if at := self._at.get(feature):
                own = [lane - SHIFT for lane in self._lanes[(at - 1) * self._width :][:count]]
                found.append((feature, (own[best] - (sum(own) - own[best]) / (count - 1)) * self._scale))
        return sorted(found, key=lambda pair: (-abs(pair[1]), pair[0]))


@cache
def model() -> Model:
    """Return the package's model; it is read from its file on the first call."""
    return Model(read_table(FILE))
