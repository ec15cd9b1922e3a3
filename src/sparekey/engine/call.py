"""One call as its driver sees it: the core's flow, the ledger of its attempts, the events for hooks, the limits that hold.

What both drivers decide in the same way stands here; they only make attempts, wait and sleep. An attempt goes through three steps:
`start` enters it, `begun` notes its first content, and `succeeded`, `failed` or `abandoned` ends it. Each tells the hooks.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from copy import copy
from itertools import count
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar, overload

from sparekey.classify.exceptions import classify_ours
from sparekey.core import flow, local
from sparekey.core.events import (
    AttemptAbandoned,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    CallFailed,
    ContentStarted,
    Exhausted,
)
from sparekey.core.flow import Begun, Failed
from sparekey.core.identity import Identity
from sparekey.engine.limits import CLIENT, limited
from sparekey.engine.made import MADE
from sparekey.errors import AllCredentialsFailedError, LimitExceeded
from sparekey.types import Attempt, Outcome
from sparekey.wire.writes import RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sparekey.core.flow import Message, Step
    from sparekey.core.pool import Ticket
    from sparekey.engine.chain import Chain
    from sparekey.engine.made import BegunStream
    from sparekey.types import Credential, Failure, Usage

T = TypeVar("T")
NUMBERS: Final = count(1)
"""The numbers of this process's calls."""
_PROCESS: Final = token_hex(4)


class Answer(NamedTuple, Generic[T]):
    """What a call gave (`value`), the credential that gave it, and every attempt that was made for it."""

    value: T
    credential: Credential
    attempts: Sequence[Attempt]


class Limit(NamedTuple):
    """A limit on a wait.

    Attributes:
        seconds: how long to wait from now, in seconds of the chain's clock.
        reason: the word for a failure by this limit.
        whole: how long the limit is as a whole, in seconds; for the message.
    """

    seconds: float
    reason: str
    whole: float

    def exceeded(self) -> LimitExceeded:
        """Return the exception for a wait that this limit has ended."""
        return LimitExceeded(self.reason, self.whole)


class RunningAttempt:
    """One attempt while it runs, and what became of it.

    Attributes:
        number: which attempt of the call it is, from 1.
        ticket: the permission for it.
        credential: with which it is made.
        started: when it began, in seconds of the chain's clock.
        first: when its first content came; None before that.
        ended: when it ended.
        outcome: how it ended; None while it runs.
        failure: why it failed.
        usage: the tokens of its answer; None if they are not known.
        writes: how often the request was written to the provider.
    """

    __slots__ = ("credential", "ended", "failure", "first", "number", "outcome", "started", "ticket", "usage", "writes")

    def __init__(self, number: int, ticket: Ticket, credential: Credential, started: float) -> None:
        """Begin at `started`."""
        self.number, self.ticket, self.credential, self.started = number, ticket, credential, started
        self.first: float | None = None
        self.ended = started
        self.outcome: Outcome | None = None
        self.failure: Failure | None = None
        self.usage: Usage | None = None
        self.writes = 1

    def attempt(self) -> Attempt:
        """Return it as the ledger shows it."""
        first = None if self.first is None else self.first - self.started
        outcome = self.outcome or Outcome.ABANDONED
        return Attempt(
            self.credential.id, outcome, self.failure, self.ended - self.started, first, self.usage, self.ticket.probe, self.writes
        )


class Ledger(Sequence[Attempt]):
    """The attempts of a call in their order. Each `Attempt` is made when it is read."""

    __slots__ = ("_entries",)

    def __init__(self, entries: list[RunningAttempt]) -> None:
        """Show these entries, and those that are added later."""
        self._entries = entries

    @overload
    def __getitem__(self, index: int) -> Attempt: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Attempt, ...]: ...
    def __getitem__(self, index: int | slice) -> Attempt | tuple[Attempt, ...]:
        if isinstance(index, slice):
            return tuple(entry.attempt() for entry in self._entries[index])
        return self._entries[index].attempt()

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (list(self),)


class LogicalCall:
    """The books of one call.

    Attributes:
        chain: whose credentials are asked, with the policy of this call.
        policy: the chain's knobs, or those that `sparekey.limits` sets where the call begins.
        bounded: an attempt may have to be left behind, since a limit of the caller's runs out.
        made: an attempt that was made before, the first one of this call; None: there is none.
        began: when the call began, in seconds of the chain's clock.
        entries: its attempts so far.
        number: tells the calls of this process apart.
        _hooked: the chain has hooks that hear of events.
        _body: what is asked, as bytes; empty if it is not known.
        _client: for whom the call is made; "" if that is not known.
    """

    __slots__ = ("_body", "_client", "_hooked", "began", "bounded", "chain", "entries", "made", "number", "policy")

    def __init__(self, chain: Chain, body: bytes = b"") -> None:
        """Begin now, with the policy that `sparekey.limits` sets here; `body`: what is asked, as bytes, if it is known."""
        self.policy = policy = limited(chain.pool.policy)
        self.bounded = policy.attempt_limit is not None or policy.deadline is not None
        self.made = MADE.get()
        if self.made is not None:
            MADE.set(None)
        self.chain = chain if policy is chain.pool.policy else chain.under(policy)
        self.began = chain.clock() if self.made is None else self.made.began
        self.entries: list[RunningAttempt] = []
        self.number = next(NUMBERS) if self.rest is None else self.rest.number
        self._hooked, self._body, self._client = bool(chain.hooks), body, CLIENT.get()

    def identify(self) -> Identity:
        """Return what tells this request from others: without a body each call is another request."""
        return Identity(self._body, (_PROCESS, self.number), self._client)

    def apart(self) -> LogicalCall:
        """Return the books of a probe with the same request; its attempts do not appear in this call's ledger."""
        other = copy(self)
        other.entries, other.number, other.began, other.made = [], next(NUMBERS), self.chain.clock(), None
        return other

    def start(self, ticket: Ticket) -> RunningAttempt:
        """Begin the attempt of a ticket, enter it into the ledger, and return the entry."""
        chain, entries = self.chain, self.entries
        made = self.made if not entries else None
        began = chain.clock() if made is None else made.began
        entry = RunningAttempt(len(entries) + 1, ticket, chain.pool.credentials[ticket.index], began)
        entries.append(entry)
        RUNNING.set(entry)
        if self._hooked and chain.listeners(AttemptStarted):
            chain.tell(AttemptStarted(entry.credential.id, self.number, entry.number, ticket.probe))
        return entry

    def begun(self, entry: RunningAttempt) -> float:
        """Note the first content of a stream; return the time."""
        entry.first = now = self.chain.clock()
        if self._hooked:
            self.chain.tell(ContentStarted(entry.credential.id, self.number, entry.number, now - entry.started))
        return now

    def succeeded(self, entry: RunningAttempt, usage: Usage | None = None) -> float:
        """Note that an attempt succeeded, a stream at its end, with its tokens if they are known; return the time."""
        entry.ended, entry.outcome = self.chain.clock(), Outcome.SUCCEEDED
        entry.usage = usage or entry.usage
        if self._hooked:
            self.chain.tell(AttemptSucceeded(entry.credential.id, self.number, entry.number, entry.attempt()))
        return entry.ended

    def failed(self, entry: RunningAttempt, exc: Exception) -> Failed:
        """Classify the exception of an attempt and note the failure; return it as the core takes it."""
        return self.noted(entry, self.read(exc)._replace(writes=entry.writes))

    def noted(self, entry: RunningAttempt, failed: Failed) -> Failed:
        """Note a failure that was classified already, and return it."""
        entry.ended, entry.outcome, entry.failure = failed.now, Outcome.FAILED, failed.failure
        if self._hooked:
            self.chain.tell(AttemptFailed(entry.credential.id, failed.failure, self.number, entry.number, entry.attempt()))
        return failed

    def read(self, exc: Exception) -> Failed:
        """Return an exception as a failure that happened now; the chain classifies it, unless it is one of our own limits."""
        chain = self.chain
        failure = (classify_ours(exc) if isinstance(exc, LimitExceeded) else None) or chain.failure(exc)
        return Failed(chain.clock(), failure, exc, chain.random())

    def abandoned(self, entry: RunningAttempt) -> None:
        """Note that an attempt was broken off; one that is over already stays as it is."""
        if entry.outcome is not None:
            return
        entry.ended, entry.outcome = self.chain.clock(), Outcome.ABANDONED
        if self._hooked:
            self.chain.tell(AttemptAbandoned(entry.credential.id, self.number, entry.number, entry.attempt()))

    @property
    def size(self) -> int:
        """The bytes of the request, 0 if they are not known: a model takes longer to read a long one."""
        return len(self._body)

    def steps(self, eligible: Callable[[Credential], bool] | None, *, races: bool) -> Generator[Step, Message, None]:
        """Return the core's flow of this call, for a whole answer.

        Args:
            eligible: returns whether a credential may be asked; None: all may.
            races: whether a second attempt may run beside a slow one.
        """
        chain, hedge = self.chain, None
        if races:
            if self.made is None:
                self.earn_hedge()
            hedge = self.take_hedge
        indices = None if eligible is None else chain.indices(eligible)
        return flow.call(chain.pool, chain, self.began, indices, self.policy, self.identify, hedge=hedge, made=self.first)

    @property
    def rest(self) -> BegunStream | None:
        """The rest of the stream that was begun before this call; None: there is none."""
        return None if self.made is None else self.made.stream

    @property
    def first(self) -> Ticket | None:
        """The ticket of the attempt that was made before this call."""
        return None if self.made is None else self.made.ticket

    def answered(self, entry: RunningAttempt, usage: Usage | None = None) -> Begun:
        """Note that an attempt has brought a whole answer, with its tokens; return the message for the core's flow."""
        now = self.succeeded(entry, usage)
        return Begun(now, entry.ticket, 0 if entry.usage is None else entry.usage.completion_tokens)

    def take_hedge(self) -> bool:
        """Take a second attempt beside a slow one out of the budget; return whether there was one."""
        allowed: bool = self.chain.transact_local(local.take_hedge)
        return allowed

    def earn_hedge(self) -> None:
        """Count this call: it earns its share of a second attempt beside a slow one, as long as the budget is not full."""
        if self.chain.local.hedges < self.policy.hedge_burst:
            self.chain.transact_local(local.earn_hedge)

    def leave(self, steps: Generator[Any, Any, None]) -> None:
        """End the call where it stands: it is over, or its caller has gone."""
        flow.leave(steps, self.chain.clock())

    def broken(self, exc: BaseException) -> None:
        """Put the ledger onto the exception that the caller gets, as `sparekey_attempts`; the call's end is told to the hooks."""
        if not isinstance(exc, Exception):
            return
        ledger = tuple(Ledger(self.entries))
        if isinstance(exc, AllCredentialsFailedError):
            exc.attempts = ledger
            if self._hooked:
                self.chain.tell(Exhausted(exc, self.number))
        elif self._hooked and self.chain.listeners(CallFailed):
            self.chain.tell(CallFailed(self.number))
        with suppress(Exception):  # an exception may refuse new attributes: the call's own error matters more
            exc.sparekey_attempts = ledger  # type: ignore[attr-defined]

    def limit(self, entry: RunningAttempt, idle: float | None = None) -> Limit | None:
        """Return the limit of an attempt that runs out first; None if nothing limits it.

        `idle`: the seconds of an idle limit that begins now.
        """
        policy = self.policy
        if not self.bounded:
            return None if idle is None else Limit(idle, "stalled", idle)
        now = self.chain.clock()
        found = [Limit(idle, "stalled", idle)] if idle is not None else []
        if policy.attempt_limit is not None:
            found.append(Limit(entry.started + policy.attempt_limit - now, "timeout", policy.attempt_limit))
        if policy.deadline is not None:
            found.append(Limit(self.began + policy.deadline - now, "deadline", policy.deadline))
        return min(found)

    def real(self, seconds: float) -> float:
        """Return the real seconds for so many seconds of the chain's clock, 0.0 at least."""
        return max(0.0, seconds * self.chain.pace)
