"""Classify a failure: what went wrong, whom it blames, and how long to wait.

`classify(exception)` and `classify_response(status, headers, body)` return a `Failure` and never
raise. The way there has four steps:

1. `exceptions` reads an exception's attributes and causes. `evidence` collects codes, statuses,
   texts and waits from bodies and texts.
2. `waits` reads how long to wait.
3. `verdict` decides: the provider's codes first, then its words as the learned model (`text_model`)
   reads them, then the HTTP status.
4. `classifier` puts the `Failure` together, and applies the user's own rules (`user_rules`).

What is known without reading text is data in `tables/`.
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
    """Return only the error class of `classify(exc)`: one of the `ERROR_CLASS_*` strings."""
    return classify(exc).error_class


class _CallableModule(ModuleType):
    """Makes `sparekey.classify` both the function and the package.

    Importing a submodule binds the package to the name, so that the package has to be callable.
    """

    def __call__(self, exc: BaseException | str, *, trace: bool = False) -> Failure:
        return classify(exc, trace=trace)


sys.modules[__name__].__class__ = _CallableModule
