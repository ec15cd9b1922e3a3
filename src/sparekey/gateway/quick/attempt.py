"""An attempt that the quick path has made and the engine takes over: nothing is sent twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sparekey.engine.made import MadeAttempt
    from sparekey.gateway.api.app import State
    from sparekey.gateway.upstream.http1 import ResponseReader
    from sparekey.gateway.upstream.messages import Response
    from sparekey.gateway.upstream.pool import ConnectionPool
    from sparekey.wire.request import Put


class Sent(NamedTuple):
    """When a request came and went out.

    Attributes:
        began: when it was complete, and
        at: when it was written to the provider, both on `time.perf_counter`.
        asked: the same on the monotonic clock.
    """

    began: float
    at: float
    asked: float


class QuickAttempt:
    """A request that was sent, and the reader of what came back and still comes.

    Attributes:
        state: the gateway's state with which the request began.
        request_id: its number.
        body: its body.
        sent: when it came and went out.
        made: the attempt as the engine knows it.
    """

    __slots__ = ("_answer", "_credential", "_taken", "body", "made", "request_id", "sent", "state")

    def __init__(
        self, state: State, request_id: str, body: bytes, sent: Sent, made: MadeAttempt, credential: str, answer: ResponseReader
    ) -> None:
        """Take over an attempt with this credential; `answer` reads what comes back."""
        self.state, self.request_id, self.body, self.sent, self.made = state, request_id, body, sent, made
        self._credential, self._answer, self._taken = credential, answer, False

    def takes(self, credential_id: str) -> bool:
        """Return whether this is the attempt that is made now with a credential; once."""
        if self._taken or credential_id != self._credential:
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
