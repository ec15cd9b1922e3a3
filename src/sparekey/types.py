"""The words of sparekey as values: frozen, without behaviour, importing nothing of ours.

Every layer speaks in these types. `classify` makes a `Failure`, `core` decides on it, the shells report it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class ErrorClass(StrEnum):
    """What a failure is, in one of eight words. The class alone drives behaviour (see `core.policy`)."""

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
    """How much a verdict proves (DESIGN.md 3.1): it decides what others may lose by it, never where the request goes next."""

    CERTAIN = "certain"
    """The provider's own code, which can mean nothing else: about the credential, or about the request."""
    LIKELY = "likely"
    """Status and text agree."""
    POSSIBLE = "possible"
    """Text alone under 400, 404, 409, 413, 415, 422 or 424, or no text at all: a caller's words could have made it."""


class Action(StrEnum):
    """What an operator's own rule wants done, whatever the failure is."""

    STOP = "stop"
    """Fail fast, nothing is parked."""
    STOP_AND_PARK = "stop-and-park"
    """Fail fast and park the credential as for `auth`."""
    NEXT = "next"
    """Move on, nothing is parked."""
    NEXT_AND_PARK = "next-and-park"
    """Move on and park the credential as for `auth`."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed, read from an exception or a response by `sparekey.classify`.

    Attributes:
        error_class: what it is; this alone drives behaviour.
        reason: the finer cause in snake_case (`rate_limited`, `invalid_key`, ...): for people, logs, metrics.
        scope: whom it blames.
        retry_after: seconds to wait as the provider stated them, or None. Never negative.
        status: the HTTP status, or None if there was none.
        message: the provider's words, masked and bounded; untrusted text.
        evidence: how much it proves.
        wait_is_certain: whether `retry_after` stands where no caller's words can: in a header or a field, or in the text under a status
            that does not repeat the request.
        one_model: the limit is that of one model of the account; its other models go on.
        unreached: no connection came about (DNS, refused, no route): the request did no work anywhere.
        timed_out: the attempt ended in silence (a timeout): never retried on the same credential.
        fingerprint: what is left of the message without numbers, ids and quoted words, to tell whether two refusals are worded alike;
            empty where the evidence is certain or there is no text.
        rule: the name of the rule that decided, as `sparekey explain` prints it.
        trace: the path to the verdict, one line a step, for `sparekey explain`.
        action: what an operator's rule wants done; None without such a rule, and with one that names a class.
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
    """A key that does not show itself: `repr`, `str` and formatting give `***`, only `reveal()` the value.

    A pickle holds no key, a copy does.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Hold `value`; the empty string is a legal, false secret."""
        self._value = value

    def reveal(self) -> str:
        """Return the value itself. Call it only where a request is put together.

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
        model: the model or deployment it asks for; None if it is not known. Two None count as the same model.
        account: credentials with the same account share its quota and its suspensions; None: an account of its own.
        endpoint: where it sends its requests (base URL); None: an endpoint of its own.
        api_key: the key, never shown.
        headers: extra headers of each request.
    """

    id: str
    provider: str = ""
    model: str | None = None
    account: str | None = None
    endpoint: str | None = None
    api_key: Secret | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, as the provider counted them.

    `cached_tokens` are part of `prompt_tokens`, `reasoning_tokens` part of `completion_tokens`.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


class Outcome(StrEnum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABANDONED = "abandoned"
    """Broken off for no fault of its own: another attempt was faster, or the caller went away. Blames nobody."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a call, for its ledger: every answer and every error of a chain has one entry for each.

    Attributes:
        credential_id: with which credential it was made.
        outcome: how it ended.
        failure: why it failed; None if it did not.
        duration: seconds from its beginning to its end; of a stream, to the end of the stream.
        first_content: seconds to the first content of a stream; None of other calls, and if there was none.
        usage: the tokens that the provider counted, of an abandoned attempt too; None if it counted none.
        probe: whether it was the one request that was let through to something whose park had run out.
        writes: how often the request was written to the provider: not at all where no connection came about, twice where the first
            write met a connection that had been closed. Only our own connections know; where others make them, it is 1.
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
        """What the failure is, in one of the eight words; None without one."""
        return self.failure.error_class if self.failure else None

    @property
    def reason(self) -> str:
        """The finer cause; empty without a failure."""
        return self.failure.reason if self.failure else ""
