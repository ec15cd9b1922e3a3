"""What the caller gets when no credential has served: one error with an entry for each of them, and whether their refusals agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.core import local
from sparekey.core import memory as m
from sparekey.core.breaker import remaining
from sparekey.core.policy import is_refusal
from sparekey.core.pool import governing, soonest_return
from sparekey.errors import AllCredentialsFailedError, CredentialError, CredentialParkedError
from sparekey.masking import secrets_of
from sparekey.types import ErrorClass, Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparekey.core.breaker import Breaker
    from sparekey.core.pool import Pool
    from sparekey.core.settlement import ObservedFailure
    from sparekey.core.shared_state import SharedState

_UNAUTHORIZED: Final = 401


def exhausted(
    pool: Pool, chain_state: SharedState, seen: Mapping[int, ObservedFailure], untried: Sequence[int], now: float
) -> AllCredentialsFailedError:
    """Return the error of a request that no credential served.

    The error has no provider's exception as its cause: a traceback would print the provider's words unmasked, and some repeat the key.

    Args:
        pool: the chain.
        chain_state: its state.
        seen: the failures of the credentials that were asked, by index, in the order in which they were asked.
        untried: the indices of the others.
        now: the time.
    """
    entries = [CredentialError(pool.credentials[i].id, s.failure.error_class, s.exception, i) for i, s in seen.items()]
    entries += [entry for i in untried if (entry := _untried(pool, chain_state, i, now)) is not None]
    soonest = soonest_return(pool, chain_state.state, [*seen, *untried], now)
    error = AllCredentialsFailedError(entries, soonest, secrets=secrets_of(pool.credentials))
    error.agreed = _of_a_lone_one(chain_state, seen, entries) if len(pool) == 1 else _agreed(pool, [*seen.values()])
    return error


def _untried(pool: Pool, chain_state: SharedState, index: int, now: float) -> CredentialError | None:
    """Why a credential was not asked; None if nothing is held against it."""
    credential_id = pool.credentials[index].id
    if chain_state.local.egress_at is not None:
        why = CredentialParkedError(credential_id, f"{ErrorClass.TRANSIENT}: no network", local.EGRESS_EVERY)
        return CredentialError(credential_id, ErrorClass.TRANSIENT, why, index)
    guard = governing(pool, chain_state.state, index)
    if guard is None:
        return None
    cause = guard.cause or ErrorClass.UNKNOWN
    if (dead := _still_dead(chain_state, guard)) is not None:
        return CredentialError(credential_id, cause, dead.with_traceback(None), index)
    reason = f"{cause}: {guard.reason}" if guard.reason else str(cause)
    why = CredentialParkedError(credential_id, reason, remaining((guard.until or 0.0) - now))
    return CredentialError(credential_id, cause, why, index)


def _still_dead(chain_state: SharedState, guard: Breaker) -> BaseException | None:
    """The last refusal of the only credential, if that is what parks it now: a rate limit may have come since, or a person's hold."""
    dead = chain_state.dead
    same = dead is not None and (dead.failure.error_class, dead.failure.reason) == (guard.cause, guard.reason)
    return dead.exception if dead is not None and same else None


def _of_a_lone_one(
    chain_state: SharedState, seen: Mapping[int, ObservedFailure], entries: Sequence[CredentialError]
) -> BaseException | None:
    """The refusal of a chain's only credential: no other one could have said something else."""
    refused = all(s.failure.error_class is not ErrorClass.TRANSIENT for s in seen.values())
    told = bool(seen) or (bool(entries) and chain_state.dead is not None and entries[0].exception is chain_state.dead.exception)
    return entries[0].exception if entries and refused and told else None


def _agreed(pool: Pool, seen: Sequence[ObservedFailure]) -> BaseException | None:
    """The first refusal, where it seems to be about the request; None elsewhere (docs/blame.md).

    It does where all refuse in the same words, or two accounts do and a third one has a passing fault.
    """
    refusals = [s for s in seen if is_refusal(s.failure)]
    certain = any(s.failure.evidence is Evidence.CERTAIN and s.failure.error_class is not ErrorClass.TRANSIENT for s in seen)
    if not refusals or certain or len({m.words_of(s.failure) for s in refusals}) > 1:
        return None
    accounts = {pool.account(s.ticket.index) for s in refusals}
    outrank = len(refusals) == len(seen) or len(accounts) > 1
    return refusals[0].exception if outrank and refusals[0].failure.status != _UNAUTHORIZED else None
