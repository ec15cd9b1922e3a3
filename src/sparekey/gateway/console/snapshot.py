"""Everything that the page and `sparekey status` show, as one JSON value. Texts of providers are masked and bounded here once more."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sparekey import __version__
from sparekey.classify.remedies import remedy
from sparekey.config.providers import find
from sparekey.core.status import CredentialStatus, Standing, describe
from sparekey.gateway.console.outlook import Coming, behind, outlook, serving_index
from sparekey.gateway.console.words import ahead, cause_words, coming, following, why
from sparekey.masking import secrets_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sparekey.core.pool import Pool, PoolState
    from sparekey.gateway.console.host import Host, Watched
    from sparekey.stats.chain_stats import ChainStats, CredentialSummary
    from sparekey.stats.timeline import FailedAttempt, TimelineEntry
    from sparekey.types import Credential, Failure

_LONGEST_TEXT: Final = 600
_MOST_STEPS: Final = 12
_HEADLINES: Final[Mapping[Coming, str]] = {Coming.RESCUED: "No credential is well", Coming.REFUSED: "Everybody refuses"}
"""What is said in place of who serves."""
_REFUSED: Final = "Different requests were refused by all that were asked; nothing has been served since."
_NONE: Final[Mapping[str, int]] = MappingProxyType({})


def snapshot(host: Host, now: float, known: Mapping[str, int] = _NONE) -> dict[str, Any]:
    """Return the state of a gateway.

    Args:
        host: the gateway.
        now: seconds since 1970.
        known: how often timeline and failures of a chain had changed (`ChainStats.past`) when the reader was last told of them, by name:
            what he knows already is left out.
    """
    chains = [_chain(name, watched, known.get(name)) for name, watched in host.chains.items()]
    return {"now": now, "version": __version__, "config": dict(host.config()), "store": dict(host.store()), "chains": chains}


def _chain(name: str, watched: Watched, known: int | None) -> dict[str, Any]:
    chain, book = watched.chain, watched.book
    pool, state, now = chain.pool, chain.state, chain.clock()
    hide = Hider(chain.credentials)
    status = describe(pool, state, now)
    serving, ids = serving_index(pool, state, now), [row.id for row in status.credentials]
    rows = [_credential(watched, row, pool, state, hide, serves=row.index == serving) for row in status.credentials]
    found = outlook(pool, state, now)
    return {
        "name": name,
        "wire": watched.wire,
        "active": status.active_id,
        "serving": None if serving is None else rows[serving]["id"],
        "level": "down" if serving is None else "ok" if serving == 0 and found.coming not in _HEADLINES else "spare",
        "headline": _HEADLINES.get(found.coming) or _headline(rows, serving),
        "detail": _REFUSED if found.coming is Coming.REFUSED else _detail(rows, serving),
        "next": ahead(ids, found).parts(),
        "reserve": "" if found.coming is Coming.REFUSED else _reserve(ids, serving, behind(pool, state, now)),
        "failback": _failback(pool, state, now),
        "credentials": rows,
        "faults": [*next(iter(watched.simulated.values())).injectable] if watched.simulated else [],
        **({} if known == book.past else _past(book, hide)),
    }


def _past(book: ChainStats, hide: Hider) -> dict[str, Any]:
    return {"timeline": [_moment(moment, hide) for moment in book.timeline()], "failures": [_miss(miss, hide) for miss in book.misses()]}


# ── the one line that is read first ──


def _headline(rows: list[dict[str, Any]], serving: int | None) -> str:
    if serving is None:
        return "Nobody can serve"
    if serving == 0:
        return f"{rows[0]['id']} serves"
    return f"{rows[serving]['id']} serves in place of {rows[0]['id']}"


def _detail(rows: list[dict[str, Any]], serving: int | None) -> str:
    first, spares = rows[0], rows[1:]
    if serving is None:
        held = sum(row["held"] for row in rows)
        how = "held" if held == len(rows) else "parked or held" if held else "parked"
        return f"All {len(rows)} credentials are {how}." if spares else f"Its only credential is {how}."
    if serving > 0:
        return f"{first['id']}: {first['why'][:1].lower()}{first['why'][1:]}"
    ready = sum(row["standing"] == Standing.READY for row in spares)
    if ready == len(spares):
        return {0: "It has no spare.", 1: "Its spare is ready.", 2: "Both spares are ready."}.get(ready, f"All {ready} spares are ready.")
    return f"{ready} of {len(spares)} spares {'is' if ready == 1 else 'are'} ready."


def _reserve(ids: list[str], serving: int | None, after: int | None) -> str:
    """Who is behind the one that serves."""
    if serving is None or len(ids) == 1:
        return ""
    if after is None:
        return f"Nobody is behind {ids[serving]}: if it fails, requests fail."
    return f"If {ids[serving]} fails, {ids[after]} takes over."


def _failback(pool: Pool, state: PoolState, now: float) -> dict[str, Any] | None:
    """What is left until traffic steps up by itself; None where it is on the first credential."""
    if state.active == 0:
        return None
    policy = pool.policy
    left = policy.failback_timeout_seconds - (now - state.switched_at)
    return {"in": max(0.0, left), "after": max(0, policy.failback_request_count - state.served)}


# ── rows ──


def _credential(watched: Watched, row: CredentialStatus, pool: Pool, state: PoolState, hide: Hider, *, serves: bool) -> dict[str, Any]:
    credential = pool.credentials[row.index]
    if serves and row.standing is Standing.READY:  # nobody has asked since those before it went: it becomes active with the next request
        row = replace(row, standing=Standing.ACTIVE)
    reason, next_ = why(pool, state, row), coming(state, row)
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
        "following": following(state, row).parts(),
        "returns_in": row.returns_in,
        "stated": row.stated,
        "soft": row.soft,
        "looks_in": row.looks_in,
        "simulated": row.id in watched.simulated,
        **_account(watched.book.account(row.id), hide),
    }


def _account(account: CredentialSummary, hide: Hider) -> dict[str, Any]:
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


def _miss(miss: FailedAttempt, hide: Hider) -> dict[str, Any]:
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
        "trace": [hide(step) for step in failure.trace[:_MOST_STEPS] or _unread(failure)],
        "remedy": remedy(failure),
        "duration": miss.duration,
        "times": miss.times,
    }


def _unread(failure: Failure) -> list[str]:
    """The steps to a verdict on what is no answer: a limit that ran out, a connection that never was."""
    seen = failure.rule.partition(": ")[2] or failure.rule or failure.evidence
    return [f"no answer to read; what was seen: {seen}", f"decided -> {failure.error_class} / {failure.reason}"]


def _moment(moment: TimelineEntry, hide: Hider) -> dict[str, Any]:
    return {
        "at": moment.at,
        "kind": moment.kind,
        "what": [_named(what, hide) for what in moment.what],
        "old": moment.old,
        "seconds": moment.seconds,
        "cause": moment.cause,
        "reason": moment.reason,
        "times": moment.times,
        "since": moment.since,
    }


def _named(what: str, hide: Hider) -> str:
    """Return what was parked, an endpoint by its host alone: an address may hold a password."""
    kind, _, name = what.partition(":")
    return f"endpoint:{urlsplit(name.partition(' ')[0]).netloc.rpartition('@')[2]}" if kind == "endpoint" else hide(what)


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
        self._secrets = secrets_of(credentials)

    def __call__(self, text: str) -> str:
        """Return what may be shown of `text`."""
        shown = self._secrets.cut(text)
        return shown if len(shown) <= _LONGEST_TEXT else f"{shown[:_LONGEST_TEXT]}…"
