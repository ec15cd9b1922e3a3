"""The limits of one call, for whatever is called inside a `with`: a driver, a wrapper, an SDK on a transport."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Unpack

    from sparekey.core.policy import Policy


class Limits(TypedDict, total=False):
    """What one call may set for itself; see `Policy`."""

    deadline: float | None
    attempt_limit: float | None
    first_content_limit: float | None
    idle_limit: float | None
    stream_recovery: str
    max_retries: int
    patience: float


_HERE: Final[ContextVar[dict[str, Any] | None]] = ContextVar("sparekey_limits", default=None)


@contextmanager
def limits(**own: Unpack[Limits]) -> Iterator[None]:
    """Set limits for the calls that begin inside this `with`, in this thread or task; an inner one wins.

        with sparekey.limits(deadline=20, idle_limit=5):
            answer = vlm.get_completion("...")

    Args:
        **own: `deadline`, `attempt_limit`, `first_content_limit`, `idle_limit` (seconds, None for no limit), `stream_recovery`,
            `max_retries`, `patience`, as in `Policy`.

    Raises:
        TypeError: another name.
    """
    if unknown := own.keys() - Limits.__annotations__.keys():
        raise TypeError(f"limits() takes {', '.join(Limits.__annotations__)}; not {', '.join(sorted(unknown))}")
    token = _HERE.set({**(_HERE.get() or {}), **own})
    try:
        yield
    finally:
        _HERE.reset(token)


def limited(policy: Policy) -> Policy:
    """Return a chain's policy with the limits that hold here.

    Raises:
        ValueError: one of them is no number that a policy takes.
    """
    own = _HERE.get()
    return replace(policy, **own) if own else policy
