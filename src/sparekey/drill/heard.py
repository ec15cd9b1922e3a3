"""What the caller saw of one call, and the checks that most rows make on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparekey.drill.verdict import Check, Verdict
from sparekey.errors import AllCredentialsFailedError
from sparekey.simulator import TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came of one call.

    Attributes:
        text: the text that was delivered, as far as it came.
        error: what was raised.
        seconds: how long the call took, on the drill's clock.
        model: the model that answered, as the answer says.
        tokens: how many tokens the answer says were written.
        vectors: the dense vectors of an embedding call (of a sparse one, its weights in the order of their names); None of other calls.
        hung: whether the call was given up, because it gave no sign for longer than any row allows.
    """

    text: str = ""
    error: BaseException | None = None
    seconds: float = 0.0
    model: str = ""
    tokens: int = 0
    vectors: tuple[Any, ...] | None = None
    hung: bool = False

    @property
    def complete(self) -> bool:
        """Whether the whole answer came, word for word."""
        return self.error is None and not self.hung and self.text == TEXT

    @property
    def clean_error(self) -> bool:
        """Whether an error came, and what was delivered before it is the beginning of the answer."""
        return self.error is not None and TEXT.startswith(self.text)

    @property
    def words(self) -> str:
        """What the caller saw, for the table."""
        if self.hung:
            return f"nothing more for {self.seconds:.0f} s"
        if self.error is not None:
            before = f"{len(self.text.split())} words, then " if self.text else ""
            return f"{before}{type(self.error).__name__} after {self.seconds:.1f} s"
        if self.vectors is not None:
            of = f" of {len(self.vectors[0])} numbers" if self.vectors else ""
            return f"{len(self.vectors)} vectors{of} after {self.seconds:.1f} s"
        what = "the whole answer" if self.complete else f"{len(self.text.split())} words as if they were all"
        return f"{what} after {self.seconds:.1f} s"


def whole(heard: Heard, within: float | None = None) -> Iterator[Check]:
    """Check that the whole answer came, in time: a clean error in its place is safe, anything else has failed."""
    yield Check("the whole answer", heard.complete, Verdict.SAFE if heard.clean_error else Verdict.FAIL)
    if within is not None and not heard.hung:
        yield Check(f"within {within:g} s", heard.seconds < within, Verdict.PARTIAL)


def original(heard: Heard) -> Check:
    """Check that the caller got the provider's own error, not one about the chain."""
    own = heard.error is not None and not isinstance(heard.error, AllCredentialsFailedError) and not heard.text
    return Check("the provider's own error", own)
