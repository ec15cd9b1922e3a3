"""An attempt that the quick path has made and the engine takes over: nothing is sent twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sparekey.engine.made import MadeAttempt
    from sparekey.gateway.api.access import Caller
    from sparekey.gateway.api.app import State
    from sparekey.gateway.upstream.http1 import ResponseReader
    from sparekey.gateway.upstream.messages import Response
    from sparekey.gateway.upstream.pool import ConnectionPool
    from sparekey.wire.request import Put


class SendTimes(NamedTuple):
    """When a request came and went out.

    Attributes:
        began: when it was complete, and
        at: when it was written to the provider, both on `time.perf_counter`.
        asked: the same on the monotonic clock.
    """

    began: float
    at: float
    asked: float


class SeenAnswer(NamedTuple):
    """What the client has seen of a stream: its head, and events up to now.

    Attributes:
        first: when its first content came, and
        heard: when the provider was last heard, both on `time.perf_counter`.
    """

    first: float
    heard: float


class QuickAttempt:
    """A request that was sent, and the reader of what came back and still comes.

    Attributes:
        state: the gateway's state with which the request began.
        caller: who sent it.
        request_id: its number.
        body: its body.
        sent: when it came and went out.
        made: the attempt as the engine knows it.
        credential: with which it was made.
        seen: what the client has seen of the answer; None: nothing.
    """

    __slots__ = ("_answer", "_taken", "body", "caller", "credential", "made", "request_id", "seen", "sent", "state")

    def __init__(
        self,
        state: State,
        caller: Caller,
        request_id: str,
        body: bytes,
        sent: SendTimes,
        made: MadeAttempt,
        credential: str,
        answer: ResponseReader,
        seen: SeenAnswer | None = None,
    ) -> None:
        """Take over an attempt; `answer` reads what comes back, the others are the attributes of these names."""
        self.state, self.caller, self.request_id, self.body, self.sent, self.made = state, caller, request_id, body, sent, made
        self.credential, self._answer, self._taken, self.seen = credential, answer, False, seen

    def takes(self, credential_id: str) -> bool:
        """Return whether this is the attempt that is made now with a credential; once."""
        if self._taken or self.seen is not None or credential_id != self.credential:
            return False
        self._taken = True
        return True

    async def response(self, pool: ConnectionPool, method: str, put: Put, silence: float | None) -> Response:
        """Return the response as `ConnectionPool.send` would."""
        return await pool.resumed(method, put, silence, self._answer, self.sent.asked)

    def close(self) -> None:
        """Cut the connection if nobody has taken the attempt."""
        if not self._taken:
            self._answer.leave()
