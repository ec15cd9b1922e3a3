"""What the caller saw of one call, and the checks that most rows make on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sparekey.errors import AllCredentialsFailedError
from sparekey.lab.drill.verdict import Check, Verdict
from sparekey.lab.simulator import TEXT
from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Iterator


class ChainError(NamedTuple):
    """What an error about the whole chain says.

    Attributes:
        causes: the error class of each credential, by its id.
        retry_after: seconds until the soonest return; None if it does not say.
        status: the HTTP status, where a gateway says it; 0: there was none.
    """

    causes: dict[str, ErrorClass]
    retry_after: float | None
    status: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
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
    def exhausted(self) -> ChainError | None:
        """What the error says of the chain; None if it is none about the chain, or there is none."""
        if isinstance(self.error, AllCredentialsFailedError):
            return ChainError({e.credential_id: e.error_class for e in self.error.errors}, self.error.retry_after)
        response = getattr(self.error, "response", None)
        told = _json(response).get("sparekey") if response is not None else None
        if not isinstance(told, dict) or "causes" not in told:
            return None
        wait = response.headers.get("retry-after")  # type: ignore[union-attr]  # a response of httpx, whatever the SDK
        causes = {one["credential"]: ErrorClass(one["class"]) for one in told["causes"]}
        return ChainError(causes, float(wait) if wait else None, self.status)

    @property
    def status(self) -> int:
        """The HTTP status of the error; 0 if it has none."""
        return int(getattr(getattr(self.error, "response", None), "status_code", 0))

    @property
    def words(self) -> str:
        """What the caller saw, for the table."""
        if self.hung:
            return f"nothing more for {self.seconds:.0f} s"
        if self.error is not None:
            before = f"{len(self.text.split())} words, then " if self.text else ""
            status = f" {self.status}" if self.status else ""
            return f"{before}{type(self.error).__name__}{status} after {self.seconds:.1f} s"
        if self.vectors is not None:
            of = f" of {len(self.vectors[0])} numbers" if self.vectors else ""
            return f"{len(self.vectors)} vectors{of} after {self.seconds:.1f} s"
        what = "the whole answer" if self.complete else f"{len(self.text.split())} words as if they were all"
        return f"{what} after {self.seconds:.1f} s"


def whole(outcome: CallOutcome, within: float | None = None) -> Iterator[Check]:
    """Check that the whole answer came, in time: a clean error in its place is safe, anything else has failed."""
    yield Check("the whole answer", outcome.complete, Verdict.SAFE if outcome.clean_error else Verdict.FAIL)
    if within is not None and not outcome.hung:
        yield Check(f"within {within:g} s", outcome.seconds < within, Verdict.PARTIAL)


def original(outcome: CallOutcome) -> Check:
    """Check that the caller got the provider's own error, not one about the chain."""
    return Check("the provider's own error", outcome.error is not None and outcome.exhausted is None and not outcome.text)


def _json(response: Any) -> dict[str, Any]:
    """Return the JSON of an SDK's response; nothing, if it has none."""
    try:
        value = response.json()
    except Exception:  # noqa: BLE001 - a stream that was not read, a body of another kind: whatever it is, it says nothing
        return {}
    return value if isinstance(value, dict) else {}
