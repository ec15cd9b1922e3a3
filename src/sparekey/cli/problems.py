"""Errors as people see them: what happened, where, what to do next.

`--debug` adds the traceback.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sparekey.cli import exits
from sparekey.cli.output import OutputError
from sparekey.errors import (
    AllCredentialsFailedError,
    ConfigError,
    CredentialParkedError,
    InvalidInputError,
    MissingExtraError,
    SparekeyError,
    UnsupportedMediaInputError,
    describe_exception,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

EXAMPLE: Final = """\
[vlm]
model = "gpt-4o-mini"
[[vlm.credentials]]
provider = "openai"
api_key = "env:OPENAI_API_KEY"

[[vlm.credentials]]
provider = "openrouter"
model = "openai/gpt-4o-mini"
api_key = "env:OPENROUTER_API_KEY"
"""
"""A configuration to begin with: two credentials for one chat model."""


class NoConfigError(ConfigError):
    """No configuration file was found."""


class NoKeysError(ConfigError):
    """No usual variable of the environment holds a key.

    Attributes:
        looked_for: the variables, a line each.
    """

    def __init__(self, looked_for: Iterable[str]) -> None:
        """Take what was looked for."""
        self.looked_for = tuple(looked_for)
        super().__init__("no provider's key is in the environment")


class CannotListenError(ConfigError):
    """The gateway cannot listen on its address."""


class CallFailedError(SparekeyError):
    """A call failed with a provider's own exception, which is `__cause__`.

    Attributes:
        credential_id: the credential, if it is known.
    """

    def __init__(self, credential_id: str | None = None) -> None:
        """Name the credential."""
        self.credential_id = credential_id
        super().__init__("the call failed")


class GatewayUnreachedError(SparekeyError):
    """No gateway answers at the address, or it refuses access.

    Attributes:
        advice: what to do about it.
    """

    def __init__(self, what: str, advice: str = "Start it with `sparekey serve`, or name its address with --url.") -> None:
        """Take what happened, and what to do."""
        self.advice = advice
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as text.

    Attributes:
        what: one line: what happened.
        details: where and why, a line each.
        advice: what to do next.
        exit_code: the exit code of the process.
    """

    what: str
    details: tuple[str, ...] = ()
    advice: str = ""
    exit_code: int = exits.USAGE

    def as_dict(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {"error": {"what": self.what, "details": list(self.details), "advice": self.advice, "exit_code": self.exit_code}}


def problem(exc: BaseException) -> Problem:
    """Return an error as text; an unexpected one counts as a bug of sparekey."""
    for kind, worded in _WORDED.items():
        if isinstance(exc, kind):
            return worded(exc)
    advice = "Run it again with --debug and report what it shows."
    return Problem("sparekey met an error of its own", (describe_exception(exc, 400),), advice, exits.BUG)


def _no_config(exc: NoConfigError) -> Problem:
    return Problem(
        "there is no configuration",
        (str(exc),),
        f"`sparekey init` writes a sparekey.toml from the keys in the environment. Or write one, for example:\n\n{EXAMPLE}",
    )


def _no_keys(exc: NoKeysError) -> Problem:
    advice = "Export one and run `sparekey init` again; `sparekey init --force` writes a template without any."
    return Problem(str(exc), ("looked for:", *exc.looked_for), advice)


def _config(exc: ConfigError) -> Problem:
    return Problem("the configuration cannot be used", tuple(str(exc).splitlines()), "Change what is named above.")


def _cannot_listen(exc: CannotListenError) -> Problem:
    what, _, _ = str(exc).partition(";")
    advice = "Stop what uses it, or choose another: --port 0 takes a free one, --host 127.0.0.1 is this machine."
    return Problem("the gateway cannot listen there", (what,), advice)


def _missing(exc: MissingExtraError) -> Problem:
    return Problem(f"{exc.feature} needs a package that is not installed", (), how_to_install(exc.extra))


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install 'sparekey[{extra}]'  (from a clone: pip install '.[{extra}]')"


def _input(exc: SparekeyError) -> Problem:
    return Problem("this input cannot be sent", (str(exc),), "Change the input.")


def _other(exc: SparekeyError) -> Problem:
    return Problem("it did not work", (describe_exception(exc),), "", exits.FAILED)


def _exhausted(exc: AllCredentialsFailedError) -> Problem:
    details = tuple(_entry(e.credential_id, e.exception) for e in exc.errors)
    return Problem(f"all {len(exc.errors)} credentials failed", details, "`sparekey check` says what to do about each.", exits.FAILED)


def _entry(credential_id: str, exc: BaseException) -> str:
    if isinstance(exc, CredentialParkedError):
        return f"{credential_id}: not tried, {exc.state}"
    from sparekey.classify import classify  # noqa: PLC0415 - only where something failed

    failure = classify(exc)
    return f"{credential_id}: {failure.error_class} ({failure.reason}): {failure.message or describe_exception(exc)}"


def _unwritten(exc: OutputError) -> Problem:
    return Problem("the output could not be written", (str(exc),), "Write it elsewhere, or make room.", exits.FAILED)


def _unreached(exc: GatewayUnreachedError) -> Problem:
    return Problem("the gateway's state cannot be read", (str(exc),), exc.advice)


def _refused(exc: CallFailedError) -> Problem:
    from sparekey.classify import classify  # noqa: PLC0415 - only where something failed
    from sparekey.classify.reasons import remedy  # noqa: PLC0415 - as above

    cause = exc.__cause__ or exc
    failure = classify(cause)
    what = f"the call failed: {failure.error_class} ({failure.reason})"
    return Problem(what, (_entry(exc.credential_id or "the provider", cause),), remedy(failure), exits.FAILED)


_WORDED: Final[dict[type[BaseException], Callable[[Any], Problem]]] = {
    NoConfigError: _no_config,
    NoKeysError: _no_keys,
    CannotListenError: _cannot_listen,
    ConfigError: _config,
    MissingExtraError: _missing,
    AllCredentialsFailedError: _exhausted,
    CallFailedError: _refused,
    GatewayUnreachedError: _unreached,
    InvalidInputError: _input,
    UnsupportedMediaInputError: _input,
    OutputError: _unwritten,
    SparekeyError: _other,
}
"""The wording of each expected error; the first match counts."""
