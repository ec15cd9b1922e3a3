"""Sentences for people: why a credential does not serve, and what happens next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify.reasons import Reason
from sparekey.core.manual import HELD
from sparekey.core.pool import known_guards, until
from sparekey.core.status import Standing
from sparekey.gateway.observe.chain_health import Level
from sparekey.gateway.observe.outlook import Coming
from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparekey.core.pool import Pool, PoolState
    from sparekey.core.status import CredentialStatus
    from sparekey.gateway.observe.chain_health import ChainHealth
    from sparekey.gateway.observe.outlook import Outlook
    from sparekey.stats.record import Record

CAUSES: Final[Mapping[ErrorClass, str]] = {
    ErrorClass.PERMANENT: "A request was refused",
    ErrorClass.CONTENT_SAFETY: "A request was refused for its content",
    ErrorClass.INPUT_TOO_LARGE: "A request was too large",
    ErrorClass.AUTH: "Its key is refused",
    ErrorClass.QUOTA_EXCEEDED: "Its quota is used up",
    ErrorClass.MODEL_NOT_FOUND: "Its model is missing",
    ErrorClass.TRANSIENT: "Its provider fails for the moment",
    ErrorClass.UNKNOWN: "It failed, and the answer does not tell why",
}
REASONS: Final[Mapping[str, str]] = {
    **{reason.value: f"{reason.words[0].upper()}{reason.words[1:]}" for reason in Reason},
    "invalid_key": "Its key is not valid",
    "missing_key": "It has no key",
    "expired_key": "Its key has expired or was revoked",
    "permission_denied": "Its key may not do this",
    "account_overdue": "Its account has an open bill",
    "account_suspended": "Its account is suspended",
    "billing_not_active": "Its account has no billing",
    "subscription_expired": "Its subscription has ended",
    "org_unverified": "Its organisation is not verified",
    "api_disabled": "The API is not enabled for its project",
    "not_subscribed": "Its account has not subscribed to the model",
    "proxy_authentication": "Our own network's proxy wants a login",
    "region_blocked": "Its provider does not serve this region",
    "ip_blocked": "Its provider does not allow this IP address",
    "insufficient_balance": "Its account has no balance left",
    "spend_limit": "Its spend limit is reached",
    "daily_quota": "Its quota of the day is used up",
    "period_quota": "Its quota of the period is used up",
    "free_tier_exhausted": "Its free allowance is used up",
    "usage_limit": "Its usage limit is reached",
    "deployment_not_found": "Its deployment is missing",
    "path_not_found": "There is no such path at its address",
    "bad_base_url": "What answers at its address is no model API",
    "model_retired": "Its model is retired",
    "model_not_entitled": "Its account may not use the model",
    "rate_limited": "Its rate limit is reached",
    "concurrency": "Too many of its requests are under way",
    "overloaded": "Its provider is overloaded",
    "server_error": "Its provider has a fault",
    "unavailable": "Its service is down",
    "bad_gateway": "A proxy before its provider fails",
    "bad_response": "Its provider sends answers that make no sense",
    "model_loading": "Its server is loading the model",
    "conflict": "Another request was in the way",
    "cancelled": "Its provider broke the request off",
    "pool_timeout": "Too many of our own connections are in use",
    "timeout": "It did not answer in time",
    "slow_start": "It began no answer in time",
    "stalled": "It fell silent in the middle of an answer",
    "deadline": "The caller's time ran out while it worked",
    "connection": "Its connection broke off",
    "unreached": "It cannot be reached",
    "wrong_vector": "It sent a vector of another length",
    "missing_dependency": "A package that it needs is not installed",
}
_WHOLE: Final = {"account": "the whole account is parked", "endpoint": "everything at this endpoint is parked"}


def cause_words(cause: ErrorClass | None, reason: str) -> str:
    """Return why something is parked, as the beginning of a sentence."""
    if cause is None:
        return "A person holds it back" if reason == HELD else "It is to be tried again"
    return REASONS.get(reason, CAUSES[cause])


def failure_words(record: Record) -> str:
    """Return in one sentence why an attempt failed."""
    failure = record.failure
    if failure is None:
        return "It answers."
    return f"{cause_words(failure.error_class, 'unreached' if failure.unreached else failure.reason)}."


def why(pool: Pool, state: PoolState, row: CredentialStatus, failing: Record | None = None) -> str:
    """Return in one sentence why a credential does not serve now, or that nothing is wrong with it.

    `failing` is the last failure of a credential whose requests fail (`ChainHealth.trying`).
    """
    if failing is not None and row.standing in {Standing.ACTIVE, Standing.READY}:
        return f"Requests fail there: {_lower(failure_words(failing))}"
    if row.standing is Standing.ACTIVE:
        return "It serves: every request starts here."
    if row.standing is Standing.READY:
        return "It is well."
    if row.cause is None and row.reason == HELD and not row.held:
        return "A person held it back."
    kind = _governing(pool, state, row.index).partition(":")[0] if row.standing is Standing.PARKED else ""
    whole = _WHOLE.get(kind, "") if not row.soft else "" if failing is not None else "others go first"
    return f"{cause_words(row.cause, row.reason)}{f'; {whole}' if whole else ''}."


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with an optional countdown: `seconds` stands between `before` and `after`."""

    before: str = ""
    seconds: float | None = None
    after: str = ""

    def parts(self) -> dict[str, Any]:
        """Return the sentence as JSON for a page that counts down."""
        return {"before": self.before, "in": self.seconds, "after": self.after}


def coming(state: PoolState, row: CredentialStatus, *, failing: bool = False) -> str:
    """Return what happens to a credential next, without a time; `failing` as in `following`."""
    if failing or row.standing is not Standing.PARKED or _endless(row):
        return following(state, row, failing=failing).before
    if row.soft:
        return "It is asked when none of the others serves, else when its park ends."
    if _is_looked_at(row):
        return f"One request tries it before its park ends{_as_stated(row)}, as the wait may be over sooner."
    return f"When its {_stop(row)} ends{_as_stated(row)}, {_trial(state, row)}"


def following(state: PoolState, row: CredentialStatus, *, failing: bool = False) -> Sentence:
    """Return what happens to a credential next and when; `failing`: its requests fail."""
    if failing and row.standing is not Standing.PROBING:
        return Sentence("The next request tries it all the same, since no other one is left.")
    higher = row.index < state.active
    match row.standing:
        case Standing.ACTIVE:
            return Sentence("Traffic steps back up when one above it is well." if row.index else "It goes on until it fails.")
        case Standing.READY:
            return Sentence(
                "Traffic steps back up to it, one credential at a time." if higher else "It takes over when those before it fail."
            )
        case Standing.PROBING:
            return Sentence("One request is trying it; the others stay where they are.")
        case Standing.DUE:
            back = "; if that goes well, traffic returns" if higher else ""
            return Sentence(f"The next request {'' if higher else 'that comes to it '}tries it{back}.")
        case Standing.PARKED:
            return _parked(row, higher=higher)


def _parked(row: CredentialStatus, *, higher: bool) -> Sentence:
    if _endless(row):
        return Sentence("It gets no traffic until a person releases it.")
    if row.soft:
        return Sentence("Others go first for ", row.returns_in, "; if none of them serves, it is asked.")
    if _is_looked_at(row):
        return Sentence("In ", row.looks_in, f", one request tries it; the whole wait is {_span(row.returns_in)}{_as_stated(row)}.")
    tried = "one request tries it." if higher else "it is tried again as soon as a request comes to it."
    return Sentence("In ", row.returns_in, f"{_as_stated(row)}, {tried}")


def _trial(state: PoolState, row: CredentialStatus) -> str:
    if row.index < state.active:
        return "one request tries it; if that goes well, traffic returns."
    return "it is tried again as soon as a request comes to it."


def _stop(row: CredentialStatus) -> str:
    return "hold" if row.held else "park"


def _as_stated(row: CredentialStatus) -> str:
    return " (as its provider stated)" if row.stated and not row.held else ""


def _endless(row: CredentialStatus) -> bool:
    return row.held and row.returns_in is None


def _is_looked_at(row: CredentialStatus) -> bool:
    """Return whether a look comes before the credential's park ends."""
    return row.looks_in is not None and (row.returns_in is None or row.looks_in < row.returns_in)


_SPANS: Final = ((2 * 86400, 86400, "days"), (2 * 3600, 3600, "hours"), (120, 60, "min"), (0, 1, "s"))
"""Rows: the fewest seconds of a wait in this unit, the unit's seconds, its name."""


def _span(seconds: float | None) -> str:
    """Return a wait in seconds as people say it: `6 days`."""
    left = seconds or 0.0
    unit, word = next((unit, word) for least, unit, word in _SPANS if left >= least)
    return f"{left / unit:.0f} {word}"


# ── the whole chain ──


AHEAD: Final[Mapping[Coming, tuple[str, str]]] = {
    Coming.STAYS: ("", ""),
    Coming.PROBING: ("One request tries {who} now; the others stay where they are.", ""),
    Coming.NEXT_TRIES: ("The next request tries {who}; if that goes well, traffic returns to it.", ""),
    Coming.TRIED: ("One request tries {who} in ", "{count}; if that goes well, traffic returns."),
    Coming.RISES: ("Traffic returns to {who} in ", "{count}, if one request there goes well."),
    Coming.LEFT: ("It stays so until a person releases {who}.", ""),
    Coming.REFUSED: ("One request a second asks all of them, the others two; the first answer ends it.", ""),
    Coming.RESCUED: ("Requests go to {who} all the same, since no other one is left. Its park ends in ", "."),
    Coming.RATIONED: ("Now and then one request tries {who}; the others fail. Its park ends in ", "."),
    Coming.WAITS: ("Requests fail until {who} is tried again in ", "."),
    Coming.SHUT: ("Requests fail until a person releases a credential.", ""),
}
"""The next event of a chain, as text before and after the time left."""
_TRIED_NEXT: Final = frozenset({Coming.STAYS, Coming.TRIED, Coming.RISES, Coming.LEFT})
"""Events after the next request; while requests fail, that request is shown instead."""


def ahead(ids: Sequence[str], health: ChainHealth) -> Sentence:
    """Return what happens next in a chain."""
    found = health.outlook
    if health.trying is not None and found.coming in _TRIED_NEXT:
        return Sentence(f"The next request tries {ids[health.trying]}.")
    who = "" if found.who is None else ids[found.who]
    before, after = (text.format(who=who, count=_by_count(ids, found)) for text in AHEAD[found.coming])
    return Sentence(before, found.seconds if after else None, after)


def _by_count(ids: Sequence[str], found: Outlook) -> str:
    if found.requests is None:
        return ""
    count = f"after {found.requests} more request{'' if found.requests == 1 else 's'}"
    return f" or {count}" if found.by_count is None else f", or {ids[found.by_count]} {count}"


def headline(ids: Sequence[str], health: ChainHealth, slow: float | None = None) -> str:
    """Return the top line: which credential serves, and whether slowly, or that none does."""
    if health.level is Level.DOWN:
        return "Nobody can serve" if health.trying is None else "Requests fail"
    if health.outlook.coming is Coming.REFUSED:
        return "Everybody refuses"
    if health.outlook.coming is Coming.RESCUED:
        return "No credential is well"
    assert health.serving is not None
    place = f" in place of {ids[0]}" if health.serving else ""
    return f"{ids[health.serving]} serves{place}{', slowly' if slow is not None else ''}"


def detail(rows: Sequence[CredentialStatus], whys: Sequence[str], health: ChainHealth, slow: float | None, wall: float) -> str:
    """Return the sentences below the headline.

    Args:
        rows: the credentials.
        whys: why each of them does not serve, from `why`.
        health: the chain's health.
        slow: seconds to first content of the serving credential, if it is slow.
        wall: the time of day, in seconds since 1970.
    """
    said = _failing(rows, whys, health, wall)
    if health.level is Level.DOWN and health.trying is None:
        said.insert(0, _all_shut(rows))
    elif health.outlook.coming is Coming.REFUSED:
        said.append("Different requests were refused by all that were asked; nothing has been served since.")
    elif health.serving:
        said.append(f"{rows[0].id}: {_lower(whys[0])}")
    elif health.serving is not None:
        said.append(_spares(rows[1:]))
    if slow is not None:
        said.insert(0, f"{rows[health.serving or 0].id} takes {slow:.1f} s to begin.")
    return " ".join(said)


def _failing(rows: Sequence[CredentialStatus], whys: Sequence[str], health: ChainHealth, wall: float) -> list[str]:
    """Return how many of the last requests failed, if any did."""
    recent = health.recent
    if health.level is Level.DOWN and recent.failed_since is not None:
        many, first = (f"The last {recent.failed_last} requests", "the first ") if recent.failed_last > 1 else ("The last request", "")
        said = [f"{many} failed, {first}{_span(wall - recent.failed_since)} ago."]
        return [*said, f"{rows[health.trying].id}: {_lower(whys[health.trying])}"] if health.trying is not None else said
    if health.level is Level.DOWN and health.trying is not None:
        return [f"None has served since it failed. {rows[health.trying].id}: {_lower(whys[health.trying])}"]
    if not recent.failed:
        only_refused = recent.refused and not recent.served
        return (
            [f"The last {_many(recent.refused)} refused for what {'it' if recent.refused == 1 else 'they'} asked."] if only_refused else []
        )
    return [f"{recent.failed} of the last {recent.failed + recent.served + recent.refused} requests failed."]


def _many(count: int) -> str:
    return "request was" if count == 1 else f"{count} requests were"


def _all_shut(rows: Sequence[CredentialStatus]) -> str:
    held = sum(row.held for row in rows)
    how = "held" if held == len(rows) else "parked or held" if held else "parked"
    return f"All {len(rows)} credentials are {how}." if len(rows) > 1 else f"Its only credential is {how}."


def _spares(spares: Sequence[CredentialStatus]) -> str:
    ready = sum(row.standing is Standing.READY for row in spares)
    if ready == len(spares):
        return {0: "It has no spare.", 1: "Its spare is ready.", 2: "Both spares are ready."}.get(ready, f"All {ready} spares are ready.")
    return f"{ready} of {len(spares)} spares {'is' if ready == 1 else 'are'} ready."


def reserve(ids: Sequence[str], health: ChainHealth) -> str:
    """Return which credential is behind the serving one; "" if none is."""
    if health.serving is None or len(ids) == 1 or health.outlook.coming is Coming.REFUSED:
        return ""
    if health.behind is None:
        return f"Nobody is behind {ids[health.serving]}: if it fails, requests fail."
    return f"If {ids[health.serving]} fails, {ids[health.behind]} takes over."


def _lower(sentence: str) -> str:
    return f"{sentence[:1].lower()}{sentence[1:]}"


def _governing(pool: Pool, state: PoolState, index: int) -> str:
    """Return the name of the breaker with the longest park; if equal, the credential's own."""
    return max(known_guards(pool, state, index), key=lambda named: until(named[1]), default=("", None))[0]
