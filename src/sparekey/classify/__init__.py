"""Bytes and exceptions to `Failure`: what went wrong, whom it blames, how long to wait.

Order of evidence: the provider's codes, its words as the learned model reads them, the HTTP status; the innermost error first (`judge`).
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify.classifier import Classifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.types import Failure

__all__ = ["Classifier", "classify", "classify_api_error", "classify_response"]

_DEFAULT: Final = Classifier()


def classify(exc: BaseException | str, *, trace: bool = False) -> Failure:
    """Return what an exception means, read from its attributes, its causes and its text. Never raises.

    Args:
        exc: any exception, or only a text.
        trace: also fill `Failure.trace`, for people.
    """
    return _DEFAULT.classify(exc, trace=trace)


def classify_response(status: int | None, headers: Mapping[str, str] | Any, body: bytes | str) -> Failure:
    """Return what an HTTP response means; also for a status of 200 whose body holds an error. Never raises.

    Args:
        status: the HTTP status, or None if there was none.
        headers: the response headers, names in any case.
        body: the body as received.
    """
    return _DEFAULT.classify_response(status, headers, body)


def classify_api_error(exc: BaseException | str) -> str:
    """Return only the error class of `classify(exc)`, as one of the `ERROR_CLASS_*` strings."""
    return _DEFAULT.classify(exc).error_class


class _CallableModule(ModuleType):
    """Lets `sparekey.classify` be the function and the package at once: importing a submodule binds the package to that name."""

    def __call__(self, exc: BaseException | str, *, trace: bool = False) -> Failure:
        return _DEFAULT.classify(exc, trace=trace)


sys.modules[__name__].__class__ = _CallableModule
