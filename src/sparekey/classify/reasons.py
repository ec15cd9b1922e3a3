"""The causes of failures: for each its class, its words for people, its remedy, and whom it blames.

They are the rows of tables/reasons.tsv, a closed list. A row of codes.tsv, a labelled example and
the learned model each name a cause; the error class follows from it.
"""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.types import ErrorClass, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.types import Failure

OF_CREDENTIAL: Final = frozenset({ErrorClass.AUTH, ErrorClass.QUOTA_EXCEEDED, ErrorClass.MODEL_NOT_FOUND})
OF_REQUEST: Final = frozenset({ErrorClass.PERMANENT, ErrorClass.CONTENT_SAFETY, ErrorClass.INPUT_TOO_LARGE})  # the classes that fail fast
SCOPES: Final[Mapping[ErrorClass, Scope]] = {
    **dict.fromkeys(OF_REQUEST, Scope.REQUEST),
    ErrorClass.AUTH: Scope.CREDENTIAL,
    ErrorClass.MODEL_NOT_FOUND: Scope.CREDENTIAL,
    ErrorClass.QUOTA_EXCEEDED: Scope.ACCOUNT,
    ErrorClass.TRANSIENT: Scope.ENDPOINT,
    ErrorClass.UNKNOWN: Scope.UNKNOWN,
}
"""Whom a class blames, unless its reason says otherwise."""


def read_table(name: str) -> bytes:
    """Return the content of a file in `tables/`.

    Importing `pathlib` would cost the first error 10 ms, so `os.path` does it.
    """
    with open(os.path.join(os.path.dirname(__file__), "tables", name), "rb") as file:  # noqa: PTH118, PTH120, PTH123 - as above
        return file.read()


def rows(name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the place (`codes.tsv:12`) and the fields of each row of a table."""
    for number, line in enumerate(read_table(name).decode().splitlines(), 1):
        if line and not line.startswith("#"):
            yield f"{name}:{number}", line.split("\t")


class _Row(NamedTuple):
    error_class: ErrorClass
    scope: Scope
    words: str
    remedy: str


_ROWS: Final[Mapping[str, _Row]] = {
    reason: _Row(ErrorClass(name), Scope(scope) if scope else SCOPES[ErrorClass(name)], *for_people)
    for _, (reason, name, scope, *for_people) in rows("reasons.tsv")
}
_OF_CLASS: Final = "any "  # the rows for reasons of another version are called `any CLASS`


class Reason(StrEnum):
    """A cause, as `Failure.reason` names it. The members are the rows of the table.

    The annotations declare those that the code names.
    """

    BAD_RESPONSE: Reason
    CANCELLED: Reason
    FILE_SYSTEM: Reason
    LONG_WAIT: Reason
    RATE_LIMITED: Reason
    STATED_WAIT: Reason
    TIMEOUT: Reason
    UNKNOWN: Reason
    UNREACHED: Reason
    vars().update({name.upper(): name for name in _ROWS if " " not in name})

    @property
    def error_class(self) -> ErrorClass:
        """The error class."""
        return _ROWS[self].error_class

    @property
    def scope(self) -> Scope:
        """Whom the cause blames."""
        return _ROWS[self].scope

    @property
    def words(self) -> str:
        """The cause in words, without a capital, to stand within a sentence."""
        return _ROWS[self].words

    @property
    def remedy(self) -> str:
        """What to do about it, in one sentence."""
        return _ROWS[self].remedy


def remedy(failure: Failure) -> str:
    """Return what a person can do about a failure, in one sentence.

    An unknown reason (another version's) gets the remedy of its class.
    """
    known = _ROWS.get(Reason.UNREACHED if failure.unreached else failure.reason)
    return (known or _ROWS[f"{_OF_CLASS}{failure.error_class}"]).remedy
