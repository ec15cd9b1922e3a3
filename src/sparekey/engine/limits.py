"""The policy of one call, for whatever is called inside a `with`: a driver, a wrapper, an SDK on a transport."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypedDict

from sparekey.core.policy import KNOBS, Policy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Unpack


class Limits(TypedDict, total=False):
    """What one call may set for itself: every field of `Policy`, which `make docs` writes here for type checkers."""

    failback_timeout_seconds: float
    failback_request_count: int
    patience: float
    retry_same: bool
    retry_delay: float
    max_retries: int
    backoff: float
    max_backoff: float
    deadline: float | None
    attempt_limit: float | None
    first_content_limit: float | None
    answer_limit: float | None
    idle_limit: float | None
    stream_recovery: str
    hedge_share: float
    hedge_burst: float
    retry_share: float
    retry_burst: float
    egress_patience: float
    max_concurrency: int | None
    queue_size: int
    queue_timeout: float
    probe_lease: float
    rescue_interval: float


_DEFAULTS: Final = Policy()
_HERE: Final[ContextVar[tuple[tuple[str, Any], ...]]] = ContextVar("sparekey_limits", default=())


CLIENT: Final[ContextVar[str]] = ContextVar("sparekey_client", default="")
"""For whom calls are made here, by name: where there is no room for all, each client gets its share (`core.capacity`)."""


@contextmanager
def limits(**own: Unpack[Limits]) -> Iterator[None]:
    """Set knobs of the policy for the calls that begin inside this `with`, in this thread or task; an inner one wins.

        with sparekey.limits(deadline=20, idle_limit=5):
            answer = vlm.get_completion("...")

    Whatever such a call decides, it decides by them. What they are about stays the chain's: a call inside
    `limits(failback_request_count=1)` steps traffic up if one request was served since the last switch, and the
    others find it there; one inside `limits(hedge_share=0, hedge_burst=0)` adds nothing to the chain's budget of
    second streams and starts none.

    Args:
        **own: fields of `Policy`, with its meanings and units (seconds; None for no limit).

    Raises:
        TypeError: a name that `Policy` does not have.
        ValueError: a value that it does not take.
    """
    if unknown := own.keys() - KNOBS.keys():
        raise TypeError(f"limits() takes the fields of Policy ({', '.join(KNOBS)}); not {', '.join(sorted(unknown))}")
    _over(_DEFAULTS, tuple(own.items()))
    token = _HERE.set(tuple({**dict(_HERE.get()), **own}.items()))
    try:
        yield
    finally:
        _HERE.reset(token)


def limited(policy: Policy) -> Policy:
    """Return a chain's policy with the knobs that are set here in place of its own."""
    own = _HERE.get()
    return _over(policy, own) if own else policy


@lru_cache(maxsize=256)
def _over(policy: Policy, own: tuple[tuple[str, Any], ...]) -> Policy:
    """Return a policy with some knobs set anew. It is remembered: the same few are set for call after call."""
    return replace(policy, **dict(own))
