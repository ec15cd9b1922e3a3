"""Tells whether an SDK is installed."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sparekey.errors import MissingExtraError

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
