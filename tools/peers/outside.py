"""The drill's stage and world for a system of which only the two ends are seen: what its caller gets, and what the providers get."""

from __future__ import annotations

import itertools
import random
import threading
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from peers.face import TIMEOUT
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
"""Seconds after which a call counts as hung: three attempts of 30 s and their pauses are over by then."""
_names = itertools.count()


class PeerError(Exception):
    """What a peer raised, as far as it can be told: class name, text, status, body, and the exceptions inside it."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(told["text"])
        self.status_code, self.body = told["status"], told["body"]
        if told["status"] is None:
            del self.status_code
        self.exceptions = [rebuilt(part) for part in told["parts"]]


class ChainError(AllCredentialsFailedError):
    """sparekey's own error about a chain, as told by a worker."""

    def __init__(self, told: dict[str, Any]) -> None:
        Exception.__init__(self, told["text"])
        self.errors, self.retry_after = [], None


def rebuilt(told: dict[str, Any]) -> BaseException:
    """Return an exception of the same name that tells the same."""
    if told["type"] == "AllCredentialsFailedError":
        return ChainError(told)
    error: BaseException = type(told["type"], (PeerError,), {})(told)
    return error


class OutsideWorld(Scenario):
    """A peer's client among simulated providers. What only sparekey could tell of itself is missing here."""

    def __init__(self, worker: Worker, seats: Sequence[Seat], mode: str) -> None:
        """Let a worker open a client for these credentials."""
        self.seats, self.clock, self.mode = tuple(seats), Clock(1.0, virtual=False), mode
        self.outcomes, self.timeout, self._lock = [], TIMEOUT, threading.Lock()
        self._begun: dict[Future[Any], float] = {}
        self._worker, self._name = worker, f"w{next(_names)}"
        told = [(s.id, s.key, s.model, s.provider.base_url) for s in seats]
        worker.begin(do="open", world=self._name, seats=told, mode=mode).result(PATIENCE)

    def start(self, prompt: str = QUESTION, *, streaming: bool = False, mode: str | None = None) -> Future[Any]:
        """Begin a call; the future's result is what was `CallOutcome`."""
        del mode
        heard: Future[Any] = Future()
        told = self._worker.begin(do="call", world=self._name, kind="stream" if streaming else "ask", prompt=prompt)
        told.add_done_callback(lambda done: _hand_on(done, heard))
        self._begun[heard] = self.clock()
        return heard

    def wait(self, call: Future[Any], longest: float = PATIENCE) -> CallOutcome:
        """Wait for as long as for every peer: a row's own limit is judged by the seconds that the call took."""
        del longest
        waited = self.clock() - self._begun.pop(call)
        heard = super().wait(call, max(PATIENCE - waited, 0.1))
        return replace(heard, seconds=heard.seconds + waited) if heard.hung else heard

    def served_by(self) -> int:
        """Return which seat got the latest request."""
        return max(range(len(self.seats)), key=lambda seat: max(self.arrivals(seat), default=-1.0))

    def close(self) -> None:
        """Let the worker close its client."""
        self._worker.begin(do="close", world=self._name)


class OutsideStage(RowContext):
    """A stage whose worlds hold a peer's clients."""

    def __init__(self, worker: Worker, config: Config, mode: str) -> None:
        """Play in real time."""
        super().__init__(config, mode, REAL)
        self._worker = worker

    def chat(self, *, dice: Callable[[], float] = random.random, **shape: Any) -> OutsideWorld:
        """Open a world with the built-in chat chain in the row's shape. Nobody's dice are loaded here."""
        del dice
        assert self.config.vlm is not None
        cast = simulated_chat(self.config.vlm, self.simulator, Shape(**{**shape, "knobs": {}}), 1.0)
        assert isinstance(cast.config, VLMConfig)
        world = OutsideWorld(self._worker, cast.seats, self.mode)
        self.scenarios.append(world)
        return world


def _hand_on(told: Future[Any], heard: Future[Any]) -> None:
    if heard.cancelled():
        return
    if error := told.exception():
        heard.set_exception(error)
        return
    what = told.result()
    error = rebuilt(what["error"]) if "error" in what else None
    heard.set_result(
        CallOutcome(text=what["text"], error=error, seconds=what["seconds"], model=what.get("model", ""), tokens=what.get("tokens", 0))
    )
