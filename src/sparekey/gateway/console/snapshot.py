"""Everything that the page and `sparekey status` show, as one JSON value. Texts of providers are masked and bounded here once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sparekey import __version__
from sparekey.classify.remedies import remedy
from sparekey.config.providers import find
from sparekey.core.breaker import Phase
from sparekey.core.pool import Pool, PoolState, phase, soonest
from sparekey.core.status import CredentialStatus, Standing, describe
from sparekey.gateway.console.faults import NAMES
from sparekey.gateway.console.words import cause_words, coming, endless, why
from sparekey.masking import mask_values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparekey.gateway.book import Account, Miss, Moment
    from sparekey.gateway.console.host import Host, Watched
    from sparekey.types import Credential

_LONGEST_TEXT: Final = 600
_MOST_STEPS: Final = 12


def snapshot(host: Host, now: float) -> dict[str, Any]:
    """Return the state of a gateway at `now` (seconds since 1970)."""
    chains = [_chain(name, watched) for name, watched in host.chains.items()]
    return {"now": now, "version": __version__, "config": dict(host.config()), "store": dict(host.store()), "chains": chains}


def _chain(name: str, watched: Watched) -> dict[str, Any]:
    chain, book = watched.chain, watched.book
    pool, state, now = chain.pool, chain.state, chain.clock()
    hide = Hider(chain.credentials)
    status = describe(pool, state, now)
    rows = [_credential(watched, row, pool, state, hide) for row in status.credentials]
    serving = serving_index(pool, state, now)
    return {
        "name": name,
        "wire": watched.wire,
        "active": status.active_id,
        "serving": None if serving is None else rows[serving]["id"],
        "level": "down" if serving is None else "ok" if serving == 0 else "spare",
        "headline": _headline(rows, serving),
        "detail": _detail(pool, state, rows, serving),
        "failback": _failback(pool, state, now),
        "credentials": rows,
        "timeline": [_moment(moment) for moment in book.timeline()],
        "failures": [_miss(miss, hide) for miss in book.misses()],
        "faults": [*NAMES] if watched.simulated else [],
    }


def serving_index(pool: Pool, state: PoolState, now: float) -> int | None:
    """Return who takes the next ordinary request: the first in the ring that is not parked; None if all are."""
    open_ = (i for i in pool.ring(state.active) if phase(pool, state, i, now) in {Phase.CLOSED, Phase.DUE})
    return next(open_, None)


# ── the one line that is read first ──


def _headline(rows: list[dict[str, Any]], serving: int | None) -> str:
    if serving is None:
        return "Nobody can serve"
    if serving == 0:
        return f"{rows[0]['id']} serves"
    return f"{rows[serving]['id']} serves in place of {rows[0]['id']}"


def _detail(pool: Pool, state: PoolState, rows: list[dict[str, Any]], serving: int | None) -> str:
    if serving is None:
        first = soonest(pool, state, range(len(pool)))
        return f"Every credential is parked. {rows[first or 0]['id']} returns first."
    if serving > 0:
        return f"{rows[0]['id']}: {rows[0]['why'][:1].lower()}{rows[0]['why'][1:]} {rows[0]['next']}"
    spares = sum(row["standing"] == Standing.READY for row in rows[1:])
    if spares == len(rows) - 1:
        return {0: "It has no spare.", 1: "Its spare is ready."}.get(spares, f"All {spares} spares are ready.")
    return f"{spares} of {len(rows) - 1} spares {'is' if spares == 1 else 'are'} ready."


def _failback(pool: Pool, state: PoolState, now: float) -> dict[str, Any] | None:
    """What is left until traffic steps up by itself; None where it is on the first credential."""
    if state.active == 0:
        return None
    policy = pool.policy
    left = policy.failback_timeout_seconds - (now - state.switched_at)
    return {"in": max(0.0, left), "after": max(0, policy.failback_request_count - state.served)}


# ── rows ──


def _credential(watched: Watched, row: CredentialStatus, pool: Pool, state: PoolState, hide: Hider) -> dict[str, Any]:
    credential = pool.credentials[row.index]
    reason, following = why(pool, state, row), coming(state, row)
    return {
        "id": row.id,
        "index": row.index,
        "provider": credential.provider,
        "model": credential.model,
        "account": credential.account,
        "host": _host(credential),
        "active": row.active,
        "standing": str(row.standing),
        "held": row.held,
        "cause": row.cause,
        "reason": row.reason,
        "why": reason,
        "next": following,
        "words": f"{reason} {following}",
        "returns_in": None if endless(row.returns_in) else row.returns_in,
        "stated": row.stated,
        "simulated": row.id in watched.simulated,
        **_account(watched.book.account(row.id), hide),
    }


def _account(account: Account, hide: Hider) -> dict[str, Any]:
    names = ("median", "p95")
    return {
        "requests": account.requests,
        "succeeded": account.succeeded,
        "failed": account.failed,
        "abandoned": account.abandoned,
        "errors": [{"class": c, "reason": r, "count": n} for c, r, n in account.errors],
        "latency": {**dict(zip(names, account.latency, strict=True)), "recent": account.recent},
        "first_content": {**dict(zip(names, account.first_content, strict=True)), "recent": account.recent_first},
        "tokens_today": {
            "prompt": account.prompt_tokens,
            "completion": account.completion_tokens,
            "total": account.prompt_tokens + account.completion_tokens,
        },
        "last_failure": _miss(account.last_failure, hide) if account.last_failure else None,
    }


def _miss(miss: Miss, hide: Hider) -> dict[str, Any]:
    failure = miss.failure
    return {
        "at": miss.at,
        "call": miss.call,
        "number": miss.number,
        "credential": miss.credential,
        "class": failure.error_class,
        "reason": failure.reason,
        "words": f"{cause_words(failure.error_class, 'unreached' if failure.unreached else failure.reason)}.",
        "status": failure.status,
        "message": hide(failure.message),
        "scope": failure.scope,
        "evidence": failure.evidence,
        "retry_after": failure.retry_after,
        "rule": hide(failure.rule),
        "trace": [hide(step) for step in failure.trace[:_MOST_STEPS]],
        "remedy": remedy(failure),
        "duration": miss.duration,
    }


def _moment(moment: Moment) -> dict[str, Any]:
    return {
        "at": moment.at,
        "kind": moment.kind,
        "what": list(moment.what),
        "old": moment.old,
        "seconds": None if endless(moment.seconds) else moment.seconds,
        "cause": moment.cause,
        "reason": moment.reason,
    }


def _host(credential: Credential) -> str:
    """Return the host a credential's requests go to, without path, user and password."""
    provider = find(credential.provider)
    url = credential.endpoint or (provider and (provider.vlm_base or provider.embedding_base)) or ""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2]


class Hider:
    """Cuts the keys of a chain, and whatever looks like one, out of a text, and bounds it."""

    def __init__(self, credentials: Iterable[Credential]) -> None:
        """Know the keys and header values of these credentials."""
        self._values = {part for c in credentials for part in _secrets(c) if part}

    def __call__(self, text: str) -> str:
        """Return what may be shown of `text`."""
        shown = mask_values(text, *sorted(self._values, key=len, reverse=True))
        return shown if len(shown) <= _LONGEST_TEXT else f"{shown[:_LONGEST_TEXT]}…"


def _secrets(credential: Credential) -> Iterable[str]:
    if credential.api_key:
        key = credential.api_key.reveal()
        yield key
        yield from key.split(":")
    yield from credential.headers.values()
