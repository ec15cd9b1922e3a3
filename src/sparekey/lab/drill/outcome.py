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
        causes: the error class of each credential, by the credential's id.
        retry_after: seconds until the first credential comes back; None if the error does not say.
        status: the HTTP status from a gateway; 0 if the error did not come over HTTP.
    """

    causes: dict[str, ErrorClass]
    retry_after: float | None
    status: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """What came of one call.

    Attributes:
        text: the text that was delivered, complete or not.
        error: the exception that was raised; None if there was none.
        seconds: how long the call took, on the drill's clock.
        model: the model that the answer names.
        tokens: the number of completion tokens that the answer reports.
        vectors: the vectors of an embedding call (of a sparse one: its weights, sorted by name);
            None for other calls.
        hung: whether the drill gave the call up, because it gave no sign for longer than any row
            allows.
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
        """Whether an error came, and the text before it is the beginning of the right answer."""
        return self.error is not None and TEXT.startswith(self.text)

    @property
    def exhausted(self) -> ChainError | None:
        """What the error says about the chain; None without an error, or if it says nothing of it."""
        if isinstance(self.error, AllCredentialsFailedError):
            return ChainError({e.credential_id: e.error_class for e in self.error.errors}, self.error.retry_after)
        response = getattr(self.error, "response", None)
        body = _json(response).get("sparekey") if response is not None else None
        if not isinstance(body, dict) or "causes" not in body:
            return None
        wait = response.headers.get("retry-after")  # type: ignore[union-attr]  # all SDKs use httpx responses
        causes = {one["credential"]: ErrorClass(one["class"]) for one in body["causes"]}
        return ChainError(causes, float(wait) if wait else None, self.status)

    @property
    def status(self) -> int:
        """The HTTP status of the error; 0 if it has none."""
        return int(getattr(getattr(self.error, "response", None), "status_code", 0))

    @property
    def words(self) -> str:
        """What the caller saw, in words for the table."""
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
    """Check that the whole answer came, and within so many seconds if `within` is given.

    A clean error in its place is `SAFE`; anything else is `FAIL`. A late answer is `PARTIAL`.
    """
    yield Check("the whole answer", outcome.complete, Verdict.SAFE if outcome.clean_error else Verdict.FAIL)
    if within is not None and not outcome.hung:
        yield Check(f"within {within:g} s", outcome.seconds < within, Verdict.PARTIAL)


def original(outcome: CallOutcome) -> Check:
    """Check that the caller got the provider's own error, and not one about the chain."""
    return Check("the provider's own error", outcome.error is not None and outcome.exhausted is None and not outcome.text)


def _json(response: Any) -> dict[str, Any]:
    """Return the JSON object in an SDK's response; an empty one if there is none."""
    try:
        value = response.json()
    except Exception:  # noqa: BLE001 - an unread stream or a body that is no JSON says nothing
        return {}
    return value if isinstance(value, dict) else {}
