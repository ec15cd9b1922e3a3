"""What has to be known about SDKs in general: whether they are here, what a success without an answer is."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sparekey.errors import DisguisedError, IncompleteAnswerError, MissingExtraError
from sparekey.masking import mask

if TYPE_CHECKING:
    from types import ModuleType


def installed(module: str) -> bool:
    """Tell whether a module could be imported, without importing it (its parent packages are)."""
    with suppress(ModuleNotFoundError):
        return find_spec(module) is not None
    return False


def sdk(module: str, feature: str, extra: str) -> ModuleType:
    """Import an SDK.

    Raises:
        MissingExtraError: it is not installed.
    """
    if not installed(module):
        raise MissingExtraError(feature, extra)
    return import_module(module)


def no_answer(answer: Any, body: Any = None) -> IncompleteAnswerError | DisguisedError:
    """Return the error for a success that holds no answer; `body` is the error that stands in its place, if the SDK shows it."""
    if body is not None:
        return DisguisedError(f"an error inside a success: {mask(str(body))[:300]}", body)
    return IncompleteAnswerError(f"a success without an answer (the SDK gave a {type(answer).__name__})")
