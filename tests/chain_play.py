"""A chain on a stage: the pure core with a fake clock, played step by step without any driver, network or sleep."""

import heapq
import json
import math
from dataclasses import replace
from itertools import count

from sparekey.core import breaker, expectations, flow, streams
from sparekey.core.expectations import Kind, Sample
from sparekey.core.identity import Identity
from sparekey.core.policy import Policy
from sparekey.core.pool import Pool, Ticket, phase
from sparekey.core.race import Beside
from sparekey.engine.chain_state import ChainState
from sparekey.errors import SparekeyError
from sparekey.types import Credential, ErrorClass, Evidence, Failure, Scope

CERTAIN, LIKELY, POSSIBLE = Evidence.CERTAIN, Evidence.LIKELY, Evidence.POSSIBLE


class Fault(Exception):  # noqa: N818 - the word of the design
    """What an attempt raises: its failure is written on it, so that no classifier has to guess."""

    def __init__(self, failure):
        super().__init__(failure.reason)
        self.failure = failure


def read(exc):
    """The classifier of these tests."""
    return exc.failure if isinstance(exc, Fault) else Failure(ErrorClass.UNKNOWN)


def rate_limit(wait=None, **more):
    return Failure(ErrorClass.TRANSIENT, "rate_limited", Scope.CREDENTIAL, wait, **more)


def overloaded(wait=None, **more):
    return Failure(ErrorClass.TRANSIENT, "overloaded", Scope.ENDPOINT, wait, **more)


def silent():
    return overloaded(timed_out=True)


def unreached(**more):
    return overloaded(unreached=True, **more)


def auth(evidence=CERTAIN, **more):
    return Failure(ErrorClass.AUTH, "invalid_key", Scope.CREDENTIAL, evidence=evidence, **more)


def quota(wait=None, evidence=CERTAIN, **more):
    return Failure(ErrorClass.QUOTA_EXCEEDED, "insufficient_balance", Scope.ACCOUNT, wait, evidence=evidence, **more)


def no_model(evidence=CERTAIN, **more):
    return Failure(ErrorClass.MODEL_NOT_FOUND, "no_such_model", Scope.CREDENTIAL, evidence=evidence, **more)


def unknown(wait=None, **more):
    return Failure(ErrorClass.UNKNOWN, "unknown", Scope.UNKNOWN, wait, **more)


def refusal(words="you may not", evidence=LIKELY, error_class=ErrorClass.AUTH, scope=Scope.CREDENTIAL, **more):
    """A no whose words may be about the request or about the credential."""
    return Failure(error_class, "refused", scope, evidence=evidence, fingerprint=words, **{"status": 403, **more})


def blank():
    """A 400 that says nothing at all: an empty body, or a page of HTML."""
    return Failure(ErrorClass.PERMANENT, "no_words", Scope.REQUEST, status=400, evidence=POSSIBLE)


def permanent():
    return Failure(ErrorClass.PERMANENT, "bad_parameter", Scope.REQUEST)


def unsafe():
    return Failure(ErrorClass.CONTENT_SAFETY, "content_filter", Scope.REQUEST)


def too_large(scope=Scope.REQUEST):
    return Failure(ErrorClass.INPUT_TOO_LARGE, "context_length", scope)


def names(n):
    """`n` credentials with one model, each with an account and an endpoint of its own."""
    return tuple(Credential(f"k{i}", model="m") for i in range(n))


def models(*names):
    """One credential for each model, with an account and an endpoint of its own."""
    return tuple(Credential(f"c{i}", model=m) for i, m in enumerate(names))


def body(text, **uses):
    """A request's body that says `text` and uses what it names: `tools`, `model` and the like are its shape."""
    return json.dumps({"prompt": text, **uses}).encode()


def _identity(request):
    """What tells requests apart: a body or its text."""
    return Identity(request if isinstance(request, bytes) else body(request))


def _identified(request):
    """What works that out; None: each request is another one, and all are of one shape."""
    return None if request is None else lambda: _identity(request)


class InFlight:
    """One request, stopped at whatever it asks for next: `step` is a Ticket, a Pause, or None once it is over."""

    def __init__(self, play, eligible, request=None):
        self.play, self.sent, self.pauses, self.error, self.served = play, [], [], None, None
        self.began = play.clock()
        self._steps = flow.call(play.pool, play.chain_state, play.clock(), eligible, identify=_identified(request))
        self._take(lambda: next(self._steps, None))

    def _take(self, move):
        try:
            self.step = move()
        except (Fault, SparekeyError) as exc:
            self.step, self.error = None, exc
        if isinstance(self.step, Beside):
            over = self.play.probe(self.step)
            self._send(flow.Done(self.play.clock()))
            over()
        elif isinstance(self.step, flow.Start):
            self.step = self.step.ticket
            self.sent.append(self.step.index)
        if isinstance(self.step, flow.Pause):
            self.pauses.append(self.step.seconds)

    def _send(self, message):
        self._take(lambda: flow.advance(self._steps, message))

    @property
    def index(self):
        return self.step.index

    @property
    def over(self):
        return self.step is None

    def succeed(self):
        if isinstance(self.step, Ticket):
            self.served = self.index
            self._send(flow.Begun(self.play.clock(), self.step))
        else:
            self._send(flow.Done(self.play.clock()))
        return self

    def fail(self, failure, dice=0.5):
        self._send(flow.Lost(self.step, flow.Failed(self.play.clock(), failure, Fault(failure), dice)))
        return self

    def wake(self):
        """End the pause that it asked for, in time."""
        self.play.clock.advance(self.step.seconds)
        return self.succeed()

    def cancel(self):
        self._steps.close()
        self.step = None
        return self

    def leave(self):
        """Its caller goes."""
        flow.leave(self._steps, self.play.clock())
        self.step = None
        return self


class StreamInFlight:
    """One stream, stopped at whatever it asks for next: `step` is a Start, a Wait, a Pause, a Relay, or None once it is over.

    `running` are the tickets that are out before the first content, `served` who brought content last.
    """

    def __init__(self, play, eligible, hedge, recoverable, request=None):
        self.play, self.sent, self.pauses, self.error, self.served = play, [], [], None, None
        self.running, self.asked, self.hedge, self.recoverable = [], 0, hedge, recoverable
        told = {"identify": _identified(request), "hedge": self._hedge, "recoverable": lambda: self.recoverable}
        self._steps = streams.stream(play.pool, play.chain_state, play.clock(), eligible, **told)
        self._take(lambda: next(self._steps, None))

    def _hedge(self):
        self.asked += 1
        return self.hedge

    def _take(self, move):
        try:
            self.step = move()
        except (Fault, SparekeyError) as exc:
            self.step, self.error = None, exc
        match self.step:
            case streams.Start(ticket, _, alone):
                self.running = [ticket] if alone else [*self.running, ticket]
                self.sent.append(ticket.index)
            case flow.Pause(seconds):
                self.pauses.append(seconds)
            case streams.Deliver(ticket):
                self.running, self.served = [], ticket.index
            case Beside():
                over = self.play.probe(self.step)
                self._send(flow.Done(self.play.clock()))
                over()

    def _send(self, message):
        self._take(lambda: flow.advance(self._steps, message))
        return self

    def _of(self, index):
        """The running ticket of a credential; the last one that began if none is named."""
        return self.running[-1] if index is None else next(t for t in self.running if t.index == index)

    @property
    def over(self):
        return self.step is None

    def begin(self, index=None):
        return self._send(streams.Begun(self.play.clock(), self._of(index)))

    def slow(self, failure=None, dice=0.5):
        """The limit on the first content runs out."""
        failure = failure or silent()
        return self._send(streams.Slow(flow.Failed(self.play.clock(), failure, Fault(failure), dice)))

    def lose(self, failure, index=None, dice=0.5):
        """One fails before its first content."""
        ticket = self._of(index)
        self.running.remove(ticket)
        return self._send(streams.Lost(ticket, flow.Failed(self.play.clock(), failure, Fault(failure), dice)))

    def cut(self, failure, dice=0.5):
        """The winner fails after its first content."""
        return self._send(flow.Failed(self.play.clock(), failure, Fault(failure), dice))

    def differ(self):
        return self._send(streams.Differs(self.play.clock()))

    def end(self):
        return self._send(flow.Done(self.play.clock()))

    def wake(self):
        """End the pause that it asked for, in time."""
        self.play.clock.advance(self.step.seconds)
        return self.end()

    def cancel(self):
        self._steps.close()
        self.step, self.running = None, []
        return self

    def leave(self):
        """Its caller goes."""
        flow.leave(self._steps, self.play.clock())
        self.step, self.running = None, []
        return self


class Play:
    """A chain whose credentials are ill as `ill` says: an index and its failure, or what returns one for a request (None: it serves)."""

    def __init__(self, credentials, clock, hooks=(), **policy):
        credentials = names(credentials) if isinstance(credentials, int) else tuple(credentials)
        self.pool, self.clock = Pool(credentials, Policy(**policy)), clock
        self.chain_state = ChainState(self.pool, clock, hooks)
        self.ill, self.flying = {}, []
        self.probed, self.probe_takes = [], 0.0

    @property
    def state(self):
        return self.chain_state.state

    @property
    def active(self):
        return self.state.active

    def call_racing(self):
        """A stream to its end, with probes beside it: each begins at once."""
        stream = self.stream()
        stream.begin().end()
        return stream

    def start(self, eligible=None, request=None):
        """Begin a request and leave it where it asks for its first step. It stays out until it is told, even if nobody holds it.

        `request` is its body, or the text in it; without one each request is another.
        """
        self.flying.append(InFlight(self, None if eligible is None else frozenset(eligible), request))
        return self.flying[-1]

    def stream(self, eligible=None, *, hedge=True, recoverable=True, request=None):
        """Begin a stream and leave it where it asks for its first step; `hedge`: the budget allows a second one beside a slow one."""
        eligible = None if eligible is None else frozenset(eligible)
        self.flying.append(StreamInFlight(self, eligible, hedge, recoverable, request))
        return self.flying[-1]

    @property
    def decisions(self):
        """The state but for what was learned of how long answers take."""
        return replace(self.state, expectations={})

    def probe(self, beside):
        """Begin a probe beside a request; return what ends it: after `probe_takes` seconds, as `ill` says. `probed`: whose they were."""
        self.probed.append(beside.ticket.index)
        now = self.clock()
        steps = flow.probe(self.pool, self.chain_state, beside, now)
        next(steps)
        failure, over = self.answer(beside.ticket.index), now + self.probe_takes
        if self.probe_takes > beside.limit:
            message = streams.Slow(flow.Failed(now + beside.limit, silent(), Fault(silent()), 0.5))
        elif failure is not None:
            message = flow.Lost(beside.ticket, flow.Failed(over, failure, Fault(failure), 0.5))
        else:
            message = flow.Begun(over, beside.ticket)
        return lambda: flow.advance(steps, message)

    def learned(self, index, *seconds, kind=Kind.WHOLE):
        """Let a credential have answered in so many seconds each."""
        self.chain_state.transact(expectations.learn, [Sample(self.pool.credentials[index].id, kind, s) for s in seconds], self.clock())

    def answer(self, index, request=None):
        """What a credential answers to a request now: a failure, or None if it serves."""
        ill = self.ill.get(index)
        return ill(request) if callable(ill) else ill

    def call(self, eligible=None, took=0.0, request=None):
        """Run a request to its end; each attempt takes `took` seconds. Its failure is left in `error`."""
        flight = self.start(eligible, request)
        while not flight.over:
            if isinstance(flight.step, flow.Pause):
                flight.wake()
                continue
            self.clock.advance(took)
            failure = self.answer(flight.index, request)
            flight.succeed() if failure is None else flight.fail(failure)
        return flight

    def phase(self, index):
        return phase(self.pool, self.state, index, self.clock()).name

    def phases(self):
        return [self.phase(i) for i in range(len(self.pool))]

    def returns_in(self, index):
        """Seconds until the longest park before a credential ends; 0 if there is none."""
        return max([0.0, *(g.until - self.clock() for g in self.guards(index) if g.until is not None)])

    def guards(self, index):
        """What is known of whatever may be parked before a credential."""
        return [self.state.breakers[g] for g in self.pool.guards[index] if g in self.state.breakers]

    def parked(self, index, request=None):
        """How a credential is parked, for a request if one is given: "firmly", "softly", or "" if it is not."""
        shape = None if request is None else _identity(request).shape
        held = [g for g in self.guards(index) if g.until is not None and g.until > self.clock()]
        held = [g for g in held if shape is None or breaker.phase(g, self.clock(), shape) is not breaker.Phase.DUE]
        return "" if not held else "softly" if all(g.soft for g in held) else "firmly"


class Traffic:
    """Many requests of one `Play` in virtual time: each attempt takes a while, and whatever comes first happens first.

    What a credential answers is decided when the attempt reaches it, by `play.ill`. `calls` are all attempts, as (time, index, request);
    `log` the requests in the order in which they ended.
    """

    def __init__(self, play, took=0.05):
        self.play, self.took = play, took if callable(took) else lambda *_: took
        self.calls, self.log, self._due, self._order = [], [], [], count()

    def at(self, seconds, request=None, eligible=None, change=None):
        """Begin a request so many seconds from now; or, with `change`, let something else happen then."""
        self._push(self.play.clock() + seconds, change or (lambda: self._begin(request, eligible)))
        return self

    def every(self, seconds, times, name=None, first=0.0):
        """Begin one request each `seconds`; `name` tells them apart."""
        for i in range(times):
            self.at(first + i * seconds, name and f"{name} {i}")
        return self

    def run(self):
        """Let everything happen; return the requests that have ended."""
        while self._due:
            self.play.clock.now, _, what = heapq.heappop(self._due)
            what()
        return self.log

    def calls_to(self, *indices, since=0.0, until=math.inf):
        """How many attempts went to some credentials."""
        return sum(index in indices and since <= at < until for at, index, _ in self.calls)

    def _push(self, at, what):
        heapq.heappush(self._due, (at, next(self._order), what))

    def _begin(self, request, eligible):
        flight = self.play.start(eligible, request)
        flight.request = request
        self._go(flight)

    def _go(self, flight):
        now = self.play.clock()
        if flight.over:
            flight.ended = now
            self.log.append(flight)
        elif isinstance(flight.step, flow.Pause):
            self._push(now + flight.step.seconds, lambda: self._go(flight.succeed()))
        else:
            self.calls.append((now, flight.index, flight.request))
            failure = self.play.answer(flight.index, flight.request)
            seconds = self.took(flight.index, flight.request, failure)
            self._push(now + seconds, lambda: self._go(flight.succeed() if failure is None else flight.fail(failure)))
