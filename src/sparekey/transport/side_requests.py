"""How failures of side requests count: requests about a file, an image or a list, or for a path that not every host has.

They are not about the chain's own model. Such a request may fail with one host because that host
has no such thing. It moves on to the next one, and parks nobody whose key and balance are good: otherwise
one request for a path that is rare would take the credentials of all others away.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sparekey.transport.refusals import ABSENT, UNKNOWN_REFERENCE, Refused
from sparekey.types import ErrorClass, Evidence, Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from sparekey.types import Failure
    from sparekey.wire.request import WireRequest

_EVERYWHERE: Final = frozenset(
    {
        *("chat/completions", "embeddings", "messages"),
        *("generateContent", "streamGenerateContent", "embedContent", "batchEmbedContents"),
    }
)
"""What every host of its format has."""
_KEPT_BLAME: Final = frozenset({ErrorClass.AUTH, ErrorClass.QUOTA_EXCEEDED})


def is_rare(call: WireRequest) -> bool:
    """Return whether the chain's model is asked in a way that not every host has (`responses`, the counting of tokens)."""
    return call.kind != "other" and call.resource.rpartition(":")[2] not in _EVERYWHERE


def with_side_requests(classify: Callable[[BaseException], Failure]) -> Callable[[BaseException], Failure]:
    """Wrap `classify` so that failures of side requests park nobody for what one host lacks.

    A failure that names what only one account holds (which one, nobody may know any more), and one for a path that not every host has,
    count as the request's as well.
    """

    def read(exc: BaseException) -> Failure:
        failure = classify(exc)
        if isinstance(exc, Refused) and exc.empty:
            return replace(failure, error_class=ErrorClass.PERMANENT, scope=Scope.REQUEST, evidence=Evidence.CERTAIN, retry_after=None)
        if failure.reason == UNKNOWN_REFERENCE:
            return replace(failure, error_class=ErrorClass.MODEL_NOT_FOUND, scope=Scope.REQUEST)
        if isinstance(exc, Refused) and exc.rare and exc.status_code in ABSENT and failure.error_class is ErrorClass.MODEL_NOT_FOUND:
            return replace(failure, scope=Scope.REQUEST)
        return _aside(failure, exc.status_code) if isinstance(exc, Refused) and exc.aside else failure

    return read


def _aside(failure: Failure, status: int) -> Failure:
    """Return how a failure counts that is not about the chain's model: another host may have what this one lacks."""
    if status in ABSENT:
        return replace(failure, error_class=ErrorClass.MODEL_NOT_FOUND, scope=Scope.REQUEST, evidence=Evidence.LIKELY)
    return failure if failure.error_class in _KEPT_BLAME else replace(failure, scope=Scope.REQUEST)
