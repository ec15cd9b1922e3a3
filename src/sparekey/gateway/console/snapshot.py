"""All that the page and `sparekey status` show, as one JSON value made from `ChainHealth`."""

from __future__ import annotations

from dataclasses import asdict, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sparekey import __version__
from sparekey.classify.reasons import remedy
from sparekey.core.status import CredentialStatus, Standing, describe
from sparekey.gateway.console.words import ahead, coming, detail, failure_words, following, headline, reserve, why
from sparekey.gateway.observe.chain_health import health, slow
from sparekey.providers import find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.core.pool import Pool, PoolState
    from sparekey.gateway.console.host import Host, Watched
    from sparekey.stats.chain_stats import ChainStats
    from sparekey.stats.credential_stats import CredentialSummary
    from sparekey.stats.record import Record
    from sparekey.types import Credential, Failure

_NONE: Final[Mapping[str, int]] = MappingProxyType({})


def snapshot(host: Host, now: float, known: Mapping[str, int] = _NONE) -> dict[str, Any]:
    """Return the state of a gateway as a JSON value.

    Args:
        host: the gateway.
        now: seconds since 1970.
        known: `ChainStats.past` by chain as the reader knows it: a timeline and failures that have
            not changed since are left out.
    """
    chains = [_chain(name, watched, known.get(name)) for name, watched in host.chains.items()]
    return {"now": now, "version": __version__, "config": dict(host.config()), "store": dict(host.store()), "chains": chains}


def _chain(name: str, watched: Watched, known: int | None) -> dict[str, Any]:
    chain, stats = watched.chain, watched.stats
    pool, state, now = chain.pool, chain.state, chain.clock()
    is_ = health(pool, state, now, stats.ends(), stats.now())
    standings = [_standing(row, serves=row.index == is_.serving) for row in describe(pool, state, now).credentials]
    done = [stats.summary(row.id) for row in standings]
    rows = [
        _credential(watched, state, row, summary, seconds, failing=row.index == is_.trying)
        for row, summary, seconds in zip(standings, done, slow(done), strict=True)
    ]
    ids = [row.id for row in standings]
    slowness = None if is_.serving is None else rows[is_.serving]["slow"]
    return {
        "name": name,
        "wire": watched.wire,
        "active": ids[state.active],
        "serving": None if is_.serving is None else ids[is_.serving],
        "trying": None if is_.trying is None else ids[is_.trying],
        "level": is_.level,
        "headline": headline(ids, is_, slowness),
        "detail": detail(standings, [row["why"] for row in rows], is_, slowness, stats.now()),
        "next": ahead(ids, is_).parts(),
        "reserve": reserve(ids, is_),
        "recent": asdict(is_.recent),
        "failback": _failback(pool, state, now),
        "credentials": rows,
        "faults": [*next(iter(watched.simulated.values())).injectable] if watched.simulated else [],
        **({} if known == stats.past else _past(stats)),
    }


def _past(stats: ChainStats) -> dict[str, Any]:
    return {"timeline": [shown(record) for record in stats.timeline()], "failures": [shown(record) for record in stats.failures()]}


def _failback(pool: Pool, state: PoolState, now: float) -> dict[str, Any] | None:
    """Return time and requests left until failback; None on the first credential."""
    if state.active == 0:
        return None
    policy = pool.policy
    left = policy.failback_timeout_seconds - (now - state.switched_at)
    return {"in": max(0.0, left), "after": max(0, policy.failback_request_count - state.served)}


# ── rows ──


def _standing(row: CredentialStatus, *, serves: bool) -> CredentialStatus:
    """Return the row as active if its credential serves: the next request will make it active."""
    return replace(row, standing=Standing.ACTIVE) if serves and row.standing is Standing.READY else row


def _credential(
    watched: Watched, state: PoolState, row: CredentialStatus, summary: CredentialSummary, slow_: float | None, *, failing: bool
) -> dict[str, Any]:
    pool = watched.chain.pool
    reason, next_ = why(pool, state, row, summary.last_failure if failing else None), coming(state, row, failing=failing)
    credential = pool.credentials[row.index]
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
        "next": next_,
        "words": f"{reason} {next_}",
        "following": following(state, row, failing=failing).parts(),
        "slow": slow_,
        "failing": failing,
        "returns_in": row.returns_in,
        "stated": row.stated,
        "soft": row.soft,
        "looks_in": row.looks_in,
        "simulated": row.id in watched.simulated,
        **_summary(summary),
    }


def _summary(done: CredentialSummary) -> dict[str, Any]:
    names = ("median", "p95")
    return {
        "requests": done.requests,
        "succeeded": done.succeeded,
        "failed": done.failed,
        "abandoned": done.abandoned,
        "errors": [{"class": c, "reason": r, "count": n} for c, r, n in done.errors],
        "latency": {**dict(zip(names, done.latency, strict=True)), "latest": done.latest, "recent": done.recent},
        "first_content": {**dict(zip(names, done.first_content, strict=True)), "latest": done.latest_first, "recent": done.recent_first},
        "tokens_today": {
            "prompt": done.prompt_tokens,
            "completion": done.completion_tokens,
            "total": done.prompt_tokens + done.completion_tokens,
        },
        "last_failure": shown(done.last_failure) if done.last_failure else None,
    }


def shown(record: Record) -> dict[str, Any]:
    """Return a record as the page shows it; a failed attempt gets its cause and a remedy."""
    told = {
        "at": record.at,
        "kind": record.kind,
        "what": record.what,
        "old": record.old,
        "seconds": record.seconds,
        "cause": record.cause,
        "reason": record.reason,
        "times": record.times,
        "since": record.since,
    }
    failure = record.failure
    if failure is None:
        return told
    return told | {
        "call": record.call,
        "number": record.attempt,
        "credential": record.credential,
        "class": failure.error_class,
        "words": failure_words(record),
        "status": failure.status,
        "message": record.message,
        "scope": failure.scope,
        "evidence": failure.evidence,
        "retry_after": failure.retry_after,
        "rule": failure.rule,
        "trace": failure.trace or _unread(failure),
        "remedy": remedy(failure),
        "duration": record.seconds,
    }


def _unread(failure: Failure) -> list[str]:
    """Return the steps to a verdict without an answer: a timeout, a failed connection."""
    seen = failure.rule.partition(": ")[2] or failure.rule or failure.evidence
    return [f"no answer to read; what was seen: {seen}", f"decided -> {failure.error_class} / {failure.reason}"]


def _host(credential: Credential) -> str:
    """Return the host of a credential's requests, without path, user and password."""
    provider = find(credential.provider)
    url = credential.endpoint or next(iter(provider.base_urls if provider else ()), "")
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2]
