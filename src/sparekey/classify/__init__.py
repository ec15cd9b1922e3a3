"""Bytes and exceptions to `Failure`: what went wrong, whom it blames, how long to wait.

Order of evidence: the provider's codes, its words as the learned model reads them, the HTTP status; the innermost error first (`verdict`).
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Final

from sparekey.classify.classifier import Classifier

if TYPE_CHECKING:
    from sparekey.types import Failure

__all__ = ["Classifier", "classify", "classify_api_error", "classify_response"]

_DEFAULT: Final = Classifier()
classify = _DEFAULT.classify
classify_response = _DEFAULT.classify_response


def classify_api_error(exc: BaseException | str) -> str:
    """Return only the error class of `classify(exc)`, as one of the `ERROR_CLASS_*` strings."""
    return classify(exc).error_class


class _CallableModule(ModuleType):
    """Lets `sparekey.classify` be the function and the package at once: importing a submodule binds the package to that name."""

    def __call__(self, exc: BaseException | str, *, trace: bool = False) -> Failure:
        return classify(exc, trace=trace)


sys.modules[__name__].__class__ = _CallableModule
