"""The exceptions that sparekey itself raises.

    SparekeyError
    ├── AllCredentialsFailedError     every credential of a chain was tried or is parked
    ├── CredentialParkedError         an entry of the above: this one was not tried, and until when
    ├── CircuitBreakerOpen            a lone instance's breaker lets nothing through
    ├── OverloadedError               a chain has no room for one more request, nor in its queue
    ├── DeadlineExceeded              the call's deadline was spent (also a TimeoutError)
    ├── LimitExceeded                 one attempt took too long (also a TimeoutError)
    ├── ConfigError                   a wrong configuration (also a ValueError)
    ├── MissingExtraError             an SDK is not installed (also an ImportError)
    ├── IncompleteAnswerError         a provider said "success" and gave no whole answer
    ├── DisguisedError                a provider said "success" and put an error in the answer's place
    ├── ContentFilteredError          a provider said "success" and withheld the answer
    ├── InvalidInputError             the request cannot be put together: an unreadable image (also a ValueError)
    ├── UnsupportedMediaInputError    no backend of the chain takes this audio or video
    └── VectorSpaceError              vectors that must not be mixed (also a ValueError)

A failure of the *request* (bad parameter, refused content) is never wrapped: the caller gets the provider's own exception.
"""

from __future__ import annotations

import pickle
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.masking import NO_SECRETS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparekey.masking import Secrets
    from sparekey.types import Attempt, ErrorClass


class SparekeyError(Exception):
    """The base of sparekey's own exceptions.

    They survive pickling, as far as their contents do.
    """

    @cached_property
    def kind(self) -> Any:
        """The kind of the error in OpenViking's words: a `sparekey.classify.kinds.ModelErrorKind`."""
        # Imports run downwards only, so the layer above is looked up by name.
        return import_module("sparekey.classify.kinds").kind_of(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(cls: type[SparekeyError], args: tuple[Any, ...], attributes: dict[str, Any]) -> SparekeyError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(attributes)
    return error


class CredentialError(NamedTuple):
    """What became of one credential of an exhausted chain.

    `exception` is the provider's own, with its own words; `repr` shows only its text without keys.
    """

    credential_id: str
    error_class: ErrorClass
    exception: BaseException
    index: int  # type: ignore[assignment]  # the name people expect; nobody asks an entry for tuple.index

    def __repr__(self) -> str:
        words = describe_exception(self.exception)
        return f"CredentialError({self.credential_id!r}, {str(self.error_class)!r}, <{words.partition(':')[0]}>, {self.index})"


class AllCredentialsFailedError(SparekeyError):
    """The chain is exhausted: it has one entry for each credential, in the order they were tried.

    Attributes:
        errors: `(credential_id, error_class, exception, index)` for each credential. The exceptions
            are the providers' own, with unmasked texts.
        retry_after: seconds until the first credential comes back; None if that is unknown.
        attempts: the ledger of the call.
        secrets: what is cut out of the providers' words in the error's text.
        agreed: the first refusal, if all that were asked refused in the same words and nothing is
            certain about a credential: the request is then at fault, and clients over HTTP get this
            refusal. None otherwise.
    """

    attempts: tuple[Attempt, ...] = ()
    agreed: BaseException | None = None

    def __init__(
        self, errors: Iterable[tuple[str, str, BaseException, int]], retry_after: float | None = None, *, secrets: Secrets = NO_SECRETS
    ) -> None:
        """Take the entries, as tuples or `CredentialError`s; `secrets` are cut out of the text."""
        self.errors: list[CredentialError] = [CredentialError(*e) for e in errors]  # type: ignore[arg-type]
        self.retry_after, self.secrets = retry_after, secrets
        super().__init__(self._describe())
        self.__suppress_context__ = True  # a traceback would print the providers' words unmasked

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the error; exceptions that pickle cannot carry are replaced by their words."""
        kept = {**self.__dict__, "errors": [entry._replace(exception=_portable(entry.exception)) for entry in self.errors]}
        if self.agreed is not None:
            kept["agreed"] = _portable(self.agreed)
        return _rebuilt, (type(self), self.args, kept)

    def __deepcopy__(self, _memo: object) -> AllCredentialsFailedError:
        """Return a copy that holds the same exceptions."""
        return _rebuilt(type(self), self.args, {**self.__dict__, "errors": [*self.errors]})  # type: ignore[return-value]

    def _describe(self) -> str:
        lines = [f"all {len(self.errors)} credentials failed"]
        if self.retry_after is not None:
            lines[0] += f"; the soonest returns in {self.retry_after:.0f} s"
        lines += [
            f"  [{e.index}] {e.credential_id}: {e.error_class} ({describe_exception(e.exception, secrets=self.secrets)})"
            for e in self.errors
        ]
        return "\n".join(lines)


class CredentialParkedError(SparekeyError):
    """The credential was not tried, because it is parked."""

    def __init__(self, credential_id: str, cause: str, seconds: float | None) -> None:
        """Create the error; `seconds` is the rest of the park, None: until a person releases it."""
        self.credential_id, self.cause, self.seconds = credential_id, cause, seconds
        super().__init__(f"not tried: {credential_id!r} is {self.state}")

    @property
    def state(self) -> str:
        """How long and why it is parked, for people."""
        if self.seconds is None:
            return "held until a person releases it"
        return f"parked for {self.seconds:.0f} s more ({self.cause})"


class CircuitBreakerOpen(SparekeyError):  # noqa: N818 - the name that users of circuit breakers know
    """The breaker is open and lets nothing through; `retry_after` is the wait in seconds."""

    def __init__(self, message: str = "", retry_after: float | None = None) -> None:
        """Create the error with its message and the seconds to wait."""
        self.retry_after = retry_after
        super().__init__(message)


class OverloadedError(SparekeyError):
    """A chain is full: as many requests run as it may (`max_concurrency`), and so is its queue.

    No provider was asked.

    Attributes:
        retry_after: the seconds after which another request is worth while.
    """

    def __init__(self, retry_after: float) -> None:
        """Create the error with the seconds to wait."""
        self.retry_after = retry_after
        super().__init__(f"too many requests run at once (max_concurrency) and the queue has no room; come again in {retry_after:g} s")


class DeadlineExceeded(SparekeyError, TimeoutError):  # noqa: N818 - as in grpc
    """The deadline of the whole call was spent before any credential could answer."""


class LimitExceeded(SparekeyError, TimeoutError):  # noqa: N818 - as `DeadlineExceeded`
    """An attempt took longer than a limit of its chain; the call may go on with another credential.

    Attributes:
        reason: `slow_start` (no content of a stream), `slow_answer` (no whole answer while another
            credential had one), `stalled` (a stream fell silent after some content), `timeout` (no
            whole answer), or `deadline` (the call's time is spent: little proof against the
            credential, because the caller may have been in a hurry).
        seconds: the limit.
    """

    _WORDS: Final[dict[str, str]] = {
        "slow_start": "no content within {:g} s",
        "slow_answer": "no whole answer within {:g} s, while another credential had one",
        "stalled": "nothing more of the stream for {:g} s",
        "timeout": "no whole answer within {:g} s",
        "deadline": "no whole answer when the call's deadline of {:g} s was spent",
    }

    def __init__(self, reason: str, seconds: float) -> None:
        """Create the error from the reason and the limit in seconds."""
        self.reason, self.seconds = reason, seconds
        super().__init__(self._WORDS[reason].format(seconds))


class ConfigError(SparekeyError, ValueError):
    """A configuration that cannot work; the message names the file and the key."""


class MissingExtraError(SparekeyError, ImportError):
    """An optional dependency is missing; the message names the extra to install."""

    def __init__(self, feature: str, extra: str) -> None:
        """Create the error from the feature and the extra that brings it."""
        self.feature, self.extra = feature, extra
        super().__init__(f"{feature} needs the extra {extra!r}: pip install 'sparekey[{extra}]' (from a clone: pip install '.[{extra}]')")


class IncompleteAnswerError(SparekeyError):
    """A provider said "success", but the answer is empty or cut off; another one may do better."""


class DisguisedError(SparekeyError):
    """A provider said "success", but its answer is an error; `body` says what it means."""

    def __init__(self, message: str, body: Any) -> None:
        """Create the error with the body as the provider sent it."""
        self.body = body
        super().__init__(message)


class ContentFilteredError(SparekeyError):
    """A provider said "success", but withheld the answer for its content: the request is at fault."""

    code = "content_filter"


class InvalidInputError(SparekeyError, ValueError):
    """The request cannot be put together: an unreadable image, a tool without a name."""

    code = "invalid_request_error"


class UnsupportedMediaInputError(SparekeyError, RuntimeError):
    """No configured backend takes this audio or video input."""


class VectorSpaceError(SparekeyError, ValueError):
    """Vectors of different spaces would be mixed (model, dimensions, normalisation, task)."""


def _portable(exc: BaseException) -> BaseException:
    """Return the exception if pickle can carry it, else one with the same words."""
    try:
        pickle.loads(pickle.dumps(exc))  # noqa: S301 - what was pickled in this very line
    except Exception:  # noqa: BLE001 - whatever the exception's own methods raise
        return SparekeyError(describe_exception(exc))
    return exc


def describe_exception(exc: BaseException, limit: int = 200, *, secrets: Secrets = NO_SECRETS) -> str:
    """Return the type of `exc` and its text in one line. Never raises.

    Args:
        exc: the exception.
        limit: the most characters of the text.
        secrets: what is cut out of the text, with whatever looks like a key.
    """
    try:
        text = " ".join(str(exc).split())
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
        text = "<no text>"
    text = secrets.cut(text)
    return f"{type(exc).__name__}: {text[: limit - 1] + '…' if len(text) > limit else text}"
