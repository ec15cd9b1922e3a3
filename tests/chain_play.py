"""A chain on a stage: the pure core with a fake clock, played step by step without any driver, network or sleep."""

from sparekey.cell import Cell
from sparekey.core import flow, streams
from sparekey.core.policy import Policy
from sparekey.core.pool import Pool, Ticket, phase
from sparekey.errors import SparekeyError
from sparekey.types import Credential, ErrorClass, Evidence, Failure, Scope


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


def auth(**more):
    return Failure(ErrorClass.AUTH, "invalid_key", Scope.CREDENTIAL, **more)


def quota(wait=None, **more):
    return Failure(ErrorClass.QUOTA_EXCEEDED, "insufficient_balance", Scope.ACCOUNT, wait, **more)


def no_model(**more):
    return Failure(ErrorClass.MODEL_NOT_FOUND, "no_such_model", Scope.CREDENTIAL, **more)


def unknown(wait=None):
    return Failure(ErrorClass.UNKNOWN, "unknown", Scope.UNKNOWN, wait)


def permanent():
    return Failure(ErrorClass.PERMANENT, "bad_parameter", Scope.REQUEST)


def unsafe():
    return Failure(ErrorClass.CONTENT_SAFETY, "content_filter", Scope.REQUEST)


def too_large():
    return Failure(ErrorClass.INPUT_TOO_LARGE, "context_length", Scope.REQUEST)


def weak(error_class=ErrorClass.QUOTA_EXCEEDED, text="insufficient balance", scope=Scope.CREDENTIAL):
    return Failure(error_class, "quoted", scope, evidence=Evidence.WEAK, fingerprint=text)


def names(n):
    """`n` credentials with one model, each with an account and an endpoint of its own."""
    return tuple(Credential(f"k{i}", model="m") for i in range(n))


class InFlight:
    """One request, stopped at whatever it asks for next: `step` is a Ticket, a Pause, or None once it is over."""

    def __init__(self, play, eligible):
        self.play, self.sent, self.pauses, self.error, self.served = play, [], [], None, None
        self._steps = flow.call(play.pool, play.cell, play.clock(), eligible)
        self._take(lambda: next(self._steps, None))

    def _take(self, move):
        try:
            self.step = move()
        except (Fault, SparekeyError) as exc:
            self.step, self.error = None, exc
        if isinstance(self.step, Ticket):
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
        self._send(flow.Done(self.play.clock()))
        return self

    def fail(self, failure, dice=0.5):
        self._send(flow.Failed(self.play.clock(), failure, Fault(failure), dice))
        return self

    def wake(self):
        """End the pause that it asked for, in time."""
        self.play.clock.advance(self.step.seconds)
        return self.succeed()

    def cancel(self):
        self._steps.close()
        self.step = None
        return self


class StreamInFlight:
    """One stream, stopped at whatever it asks for next: `step` is a Start, a Wait, a Pause, a Relay, or None once it is over.

    `running` are the tickets that are out before the first content, `served` who brought content last.
    """

    def __init__(self, play, eligible, hedge, recoverable):
        self.play, self.sent, self.pauses, self.error, self.served = play, [], [], None, None
        self.running, self.asked, self.hedge, self.recoverable = [], 0, hedge, recoverable
        self._steps = streams.stream(play.pool, play.cell, play.clock(), eligible, hedge=self._hedge, recoverable=lambda: self.recoverable)
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
            case streams.Relay(ticket):
                self.running, self.served = [], ticket.index

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


class Play:
    """A chain whose credentials are ill as `ill` says: an index and its failure."""

    def __init__(self, credentials, clock, hooks=(), **policy):
        credentials = names(credentials) if isinstance(credentials, int) else tuple(credentials)
        self.pool, self.clock = Pool(credentials, Policy(**policy)), clock
        self.cell = Cell(self.pool, clock, hooks)
        self.ill, self.flying = {}, []

    @property
    def state(self):
        return self.cell.state

    @property
    def active(self):
        return self.state.active

    def start(self, eligible=None):
        """Begin a request and leave it where it asks for its first step. It stays out until it is told, even if nobody holds it."""
        self.flying.append(InFlight(self, None if eligible is None else frozenset(eligible)))
        return self.flying[-1]

    def stream(self, eligible=None, *, hedge=True, recoverable=True):
        """Begin a stream and leave it where it asks for its first step; `hedge`: the budget allows a second one beside a slow one."""
        self.flying.append(StreamInFlight(self, None if eligible is None else frozenset(eligible), hedge, recoverable))
        return self.flying[-1]

    def call(self, eligible=None, took=0.0):
        """Run a request to its end; each attempt takes `took` seconds. Its failure is left in `error`."""
        request = self.start(eligible)
        while not request.over:
            if isinstance(request.step, flow.Pause):
                request.wake()
                continue
            self.clock.advance(took)
            failure = self.ill.get(request.index)
            request.succeed() if failure is None else request.fail(failure)
        return request

    def phase(self, index):
        return phase(self.pool, self.state, index, self.clock()).name

    def returns_in(self, index):
        """Seconds until the longest park before a credential ends; 0 if there is none."""
        known = [self.state.breakers[g] for g in self.pool.guards[index] if g in self.state.breakers]
        return max([0.0, *(g.until - self.clock() for g in known if g.until is not None)])
