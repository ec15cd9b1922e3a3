"""The values that all layers share: frozen, almost without behaviour, importing nothing of ours.

`classify` makes a `Failure`, `core` decides on it, and the layers above report it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class ErrorClass(StrEnum):
    """The class of a failure, one of eight; it alone decides what a chain does (`core.policy`)."""

    PERMANENT = "permanent"
    CONTENT_SAFETY = "content_safety"
    INPUT_TOO_LARGE = "input_too_large"
    AUTH = "auth"
    QUOTA_EXCEEDED = "quota_exceeded"
    MODEL_NOT_FOUND = "model_not_found"
    TRANSIENT = "transient"
    UNKNOWN = "unknown"


ERROR_CLASS_PERMANENT: Final = ErrorClass.PERMANENT
ERROR_CLASS_CONTENT_SAFETY: Final = ErrorClass.CONTENT_SAFETY
ERROR_CLASS_INPUT_TOO_LARGE: Final = ErrorClass.INPUT_TOO_LARGE
ERROR_CLASS_AUTH: Final = ErrorClass.AUTH
ERROR_CLASS_QUOTA_EXCEEDED: Final = ErrorClass.QUOTA_EXCEEDED
ERROR_CLASS_MODEL_NOT_FOUND: Final = ErrorClass.MODEL_NOT_FOUND
ERROR_CLASS_TRANSIENT: Final = ErrorClass.TRANSIENT
ERROR_CLASS_UNKNOWN: Final = ErrorClass.UNKNOWN


class Scope(StrEnum):
    """Whom a failure blames."""

    REQUEST = "request"
    CREDENTIAL = "credential"
    ACCOUNT = "account"
    ENDPOINT = "endpoint"
    EGRESS = "egress"
    """Our own network: nothing reached any provider."""
    UNKNOWN = "unknown"


class Evidence(StrEnum):
    """How much a verdict proves.

    It decides what other requests may lose by it, and never where this request goes next
    (docs/blame.md).
    """

    CERTAIN = "certain"
    """The provider's own code, which can mean nothing else."""
    LIKELY = "likely"
    """Status and text agree."""
    POSSIBLE = "possible"
    """Text alone under 400, 404, 409, 413, 415, 422 or 424, which may be a caller's; or no text."""


class Action(StrEnum):
    """What a user's own rule wants done, whatever the failure is."""

    STOP = "stop"
    """Fail fast; park nothing."""
    STOP_AND_PARK = "stop-and-park"
    """Fail fast and park the credential as for `auth`."""
    NEXT = "next"
    """Move on; park nothing."""
    NEXT_AND_PARK = "next-and-park"
    """Move on and park the credential as for `auth`."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed, read from an exception or a response by `sparekey.classify`.

    Attributes:
        error_class: the class; it alone decides what a chain does.
        reason: the finer cause in snake_case (`rate_limited`, `invalid_key`, ...), for people, logs
            and metrics.
        scope: whom it blames.
        retry_after: the wait that the provider stated, in seconds; None without one. Never
            negative.
        status: the HTTP status; None if there was none.
        message: the provider's words, with keys masked, and shortened; untrusted text.
        evidence: how much it proves.
        wait_is_certain: whether `retry_after` stood where no caller's words can stand: in a header
            or a field, or in the text under a status that does not repeat the request.
        one_model: whether the limit is that of one model of the account, so that its other models
            go on.
        unreached: whether no connection came about (DNS, refused, no route), so that the request
            did no work anywhere.
        timed_out: whether the attempt ended in silence. It is then not repeated on the same
            credential.
        fingerprint: the message without numbers, ids and quoted words, to compare refusals; empty
            if the evidence is certain or there is no text.
        rule: the name of the rule that decided, as `sparekey explain` shows it.
        trace: the way to the verdict, one line a step, for `sparekey explain`.
        action: what a user's rule wants done; None without such a rule, or if the rule names a
            class.
    """

    error_class: ErrorClass
    reason: str = "unknown"
    scope: Scope = Scope.UNKNOWN
    retry_after: float | None = None
    status: int | None = None
    message: str = ""
    evidence: Evidence = Evidence.LIKELY
    wait_is_certain: bool = True
    one_model: bool = False
    unreached: bool = False
    timed_out: bool = False
    fingerprint: str = ""
    rule: str = ""
    trace: tuple[str, ...] = ()
    action: Action | None = None


_HIDDEN: Final = "***"
"""What is shown in the place of a key."""


class Secret:
    """A key that hides itself: `repr`, `str` and formatting give `***`.

    Only `reveal()` returns the value. A pickle holds no key, a copy does.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Hold `value`. The empty string is allowed, and makes a secret that is false."""
        self._value = value

    def reveal(self) -> str:
        """Return the value. Call it only where a request is put together.

        Raises:
            ValueError: it comes out of a pickle.
        """
        if self._value == _HIDDEN:
            raise ValueError("this key was left out of a pickle: give the other process its own, for example with env:NAME")
        return self._value

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __str__(self) -> str:
        return _HIDDEN if self._value else ""

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Secret, (str(self),))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: object) -> Secret:
        return self


@dataclass(frozen=True, slots=True)
class Credential:
    """One way to reach a model.

    Attributes:
        id: its name in the chain, unique there; shown everywhere.
        provider: the provider's name (`openai`, `azure`, ...).
        model: the model or deployment that it asks for; None if unknown. Two None count as the same
            model.
        account: credentials with the same account share its quota and its suspensions; None: an
            account of its own.
        endpoint: the base URL of its requests; None: an endpoint of its own.
        api_key: the key; it is never shown.
        headers: extra headers of each request.
        max_concurrency: attempts that it takes at once, of one process; the next credential gets
            more. None: any number.
        hidden: further keys that whoever sends its requests holds: they are cut out of all words.
    """

    id: str
    provider: str = ""
    model: str | None = None
    account: str | None = None
    endpoint: str | None = None
    api_key: Secret | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    max_concurrency: int | None = field(default=None, compare=False)
    hidden: tuple[Secret, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse a credential that takes nothing."""
        if self.max_concurrency is not None and self.max_concurrency < 1:
            raise ValueError(f"max_concurrency must be at least 1, got {self.max_concurrency}")


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of one call, as the provider counted them.

    `cached_tokens` are part of `prompt_tokens`, `reasoning_tokens` part of `completion_tokens`.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens


class Outcome(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"
    """Broken off without a fault, by the caller or for a faster attempt; it blames nobody."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a call.

    Every answer and every error of a chain carries a ledger with one entry for each.

    Attributes:
        credential_id: the credential that was asked.
        outcome: how it ended.
        failure: why it failed; None if it did not.
        duration: seconds from its beginning to its end; of a stream, to the stream's end.
        first_content: seconds to the first content of a stream; None for other calls, or if there
            was none.
        usage: the tokens that the provider counted, for abandoned attempts too; None if it counted
            none.
        probe: whether it was the one request that may go to something whose park has run out.
        writes: how often the request was written to the provider: never if no connection came
            about, twice if the first write met a closed connection. Only sparekey's own connections
            know; with others it is 1.
    """

    credential_id: str
    outcome: Outcome
    failure: Failure | None = None
    duration: float = 0.0
    first_content: float | None = None
    usage: Usage | None = None
    probe: bool = False
    writes: int = 1

    @property
    def error_class(self) -> ErrorClass | None:
        """The class of the failure; None without one."""
        return self.failure.error_class if self.failure else None

    @property
    def reason(self) -> str:
        """The finer cause; empty without a failure."""
        return self.failure.reason if self.failure else ""
