"""Notes on an exception that comes out of a wrapper: what it is, and through which credential, model and address it came."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from sparekey.classify.kinds import kind_of
from sparekey.types import Secret

_KEYS: Final = ("api_key", "ak", "sk")


def attribute(instance: Any, name: str, *kinds: type) -> Any:
    """Return an attribute if it is of one of the kinds (a boolean is no number), else None."""
    value = getattr(instance, name, None)
    return value if isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)) else None


def keys_of(instance: Any) -> tuple[Secret, ...]:
    """Return the keys of a ready-made instance: those in its attributes and in its configuration."""
    config = attribute(instance, "config", dict) or {}
    found = [one for name in _KEYS for one in (attribute(instance, name, str, Secret), config.get(name)) if isinstance(one, str | Secret)]
    return tuple(one if isinstance(one, Secret) else Secret(one) for one in found if one)


def annotate(exc: BaseException, credential_id: str, instance: Any) -> None:
    """Note on an exception through which credential it came; what an inner wrapper noted stays.

    Args:
        exc: gets `sparekey_credential_id`, `sparekey_model` and `sparekey_api_base` (None where the instance does not tell), and
            `kind` (see `sparekey.classify.kinds`) unless its own class has one.
        credential_id: the name of the credential in its chain.
        instance: who raised it: a model's `model` or an embedder's `model_name`, and its `api_base`, are read where they are text.
    """
    if getattr(exc, "sparekey_credential_id", None) is not None:
        return
    model = attribute(instance, "model", str) or attribute(instance, "model_name", str)
    notes = {"credential_id": credential_id, "model": model, "api_base": attribute(instance, "api_base", str)}
    with suppress(Exception):  # an exception may refuse new attributes: the call's own error matters more
        for name, value in notes.items():
            setattr(exc, f"sparekey_{name}", value)
        if not hasattr(exc, "kind"):
            exc.kind = kind_of(exc)  # type: ignore[attr-defined]
