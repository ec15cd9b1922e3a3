"""The drill's context and scenario for a peer, of which only the callers and providers are seen."""

from __future__ import annotations

import itertools
import random
import threading
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from peers.client_interface import TIMEOUT
from sparekey.config import VLMConfig
from sparekey.errors import AllCredentialsFailedError
from sparekey.lab.drill.clock import Clock
from sparekey.lab.drill.context import RowContext
from sparekey.lab.drill.fixtures import Shape, simulated_chat
from sparekey.lab.drill.outcome import CallOutcome
from sparekey.lab.drill.runner import REAL
from sparekey.lab.drill.scenario import QUESTION, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from peers.remote import Worker
    from sparekey.config import Config
    from sparekey.lab.drill.fixtures import Seat

PATIENCE = 150.0
"""Seconds after which a call counts as hung: more than three attempts of 30 s and their pauses."""
_names = itertools.count()


class PeerError(Exception):
    """An exception of a peer, rebuilt with class name, text, status, body and inner exceptions."""

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(data["text"])
        self.status_code, self.body = data["status"], data["body"]
        if data["status"] is None:
            del self.status_code
        self.exceptions = [rebuilt(part) for part in data["parts"]]


class ChainError(AllCredentialsFailedError):
    """sparekey's own error about a chain, rebuilt from a worker's reply."""

    def __init__(self, data: dict[str, Any]) -> None:
        Exception.__init__(self, data["text"])
        self.errors, self.retry_after = [], None


def rebuilt(data: dict[str, Any]) -> BaseException:
    """Return an exception with the same class name and contents."""
    if data["type"] == "AllCredentialsFailedError":
        return ChainError(data)
    error: BaseException = type(data["type"], (PeerError,), {})(data)
    return error


class PeerScenario(Scenario):
    """A peer's client among simulated providers.

    It has no chain, so nothing that a chain would report.
    """

    def __init__(self, worker: Worker, seats: Sequence[Seat], mode: str) -> None:
        """Open a client for these credentials in the worker."""
        self.seats, self.clock, self.mode = tuple(seats), Clock(1.0, virtual=False), mode
        self.outcomes, self.timeout, self._lock = [], TIMEOUT, threading.Lock()
        self._begun: dict[Future[Any], float] = {}
        self._worker, self._name = worker, f"w{next(_names)}"
        given = [(s.id, s.key, s.model, s.provider.base_url) for s in seats]
        worker.begin(do="open", client=self._name, seats=given, mode=mode).result(PATIENCE)

    def start(self, prompt: str = QUESTION, *, streaming: bool = False, mode: str | None = None) -> Future[Any]:
        """Start a call; the future's result is a `CallOutcome`."""
        del mode
        result: Future[Any] = Future()
        reply = self._worker.begin(do="call", client=self._name, kind="stream" if streaming else "ask", prompt=prompt)
        reply.add_done_callback(lambda done: _hand_on(done, result))
        self._begun[result] = self.clock()
        return result

    def wait(self, call: Future[Any], longest: float = PATIENCE) -> CallOutcome:
        """Return the outcome of a call.

        Every peer gets the same patience; rows judge their own limits by the seconds that the call
        took.
        """
        del longest
        waited = self.clock() - self._begun.pop(call)
        outcome = super().wait(call, max(PATIENCE - waited, 0.1))
        return replace(outcome, seconds=outcome.seconds + waited) if outcome.hung else outcome

    def served_by(self) -> int:
        """Return the place of the credential that got the latest request."""
        return max(range(len(self.seats)), key=lambda seat: max(self.arrivals(seat), default=-1.0))

    def close(self) -> None:
        """Close the client in the worker."""
        self._worker.begin(do="close", client=self._name)


class PeerContext(RowContext):
    """A row's context whose scenarios hold a peer's clients."""

    def __init__(self, worker: Worker, config: Config, mode: str) -> None:
        """Set the context up, in real time."""
        super().__init__(config, mode, REAL)
        self._worker = worker

    def chat(self, *, dice: Callable[[], float] = random.random, **shape: Any) -> PeerScenario:
        """Open a scenario with the built-in chat chain in the row's shape.

        Chance cannot be fixed here.
        """
        del dice
        assert self.config.vlm is not None
        drilled = simulated_chat(self.config.vlm, self.simulator, Shape(**{**shape, "knobs": {}}), 1.0)
        assert isinstance(drilled.config, VLMConfig)
        scenario = PeerScenario(self._worker, drilled.seats, self.mode)
        self.scenarios.append(scenario)
        return scenario


def _hand_on(reply: Future[Any], result: Future[Any]) -> None:
    if result.cancelled():
        return
    if error := reply.exception():
        result.set_exception(error)
        return
    data = reply.result()
    error = rebuilt(data["error"]) if "error" in data else None
    result.set_result(
        CallOutcome(text=data["text"], error=error, seconds=data["seconds"], model=data.get("model", ""), tokens=data.get("tokens", 0))
    )
