"""structlog: one line per event, with its facts in fields."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sparekey.core import events
from sparekey.errors import MissingExtraError
from sparekey.telemetry.hook import OUTCOMES, Hook

try:
    import structlog
except ImportError as exc:
    raise MissingExtraError("StructlogHook", "structlog") from exc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sparekey.telemetry.hook import Ended
    from sparekey.types import Attempt

    Fields = dict[str, Any]

_ENDINGS: Final = MappingProxyType(
    {
        events.AttemptSucceeded: ("info", "attempt succeeded"),
        events.AttemptFailed: ("warning", "attempt failed"),
        events.AttemptAbandoned: ("info", "attempt abandoned"),
    }
)


class StructlogHook(Hook):
    """Writes one structured line per event: `Chain(..., hooks=[StructlogHook("chat")])`.

    The levels are `debug` for starts of attempts and first contents, `info` for successes, probes,
    recoveries and failbacks, `warning` for failures, parks and failovers, and `error` for an
    exhausted chain. The chain then writes no lines of its own to the standard library's log.
    """

    logs: Final = True

    def __init__(self, chain_name: str = "", *, logger: Any = None) -> None:
        """Create the hook.

        Args:
            chain_name: the field `chain` of each line; "" leaves it out.
            logger: a structlog logger; None: `structlog.get_logger("sparekey")`.
        """
        super().__init__(chain_name)
        found = structlog.get_logger("sparekey") if logger is None else logger
        self._logger = found.bind(chain=chain_name) if chain_name else found

    def _write(self, level: str, line: str, /, **fields: object) -> None:
        getattr(self._logger, level)(line, **{name: value for name, value in fields.items() if value is not None})

    def _started(self, event: events.AttemptStarted) -> None:
        self._write("debug", "attempt started", **_whose(event), probe=event.probe or None)

    def _content(self, event: events.ContentStarted) -> None:
        self._write("debug", "content started", **_whose(event), after=round(event.after, 6))

    def _ended(self, event: Ended) -> None:
        fields = _whose(event)
        if isinstance(event, events.AttemptFailed):
            fields |= self._why(event)
        if event.attempt is not None:
            fields |= _entry(event.attempt)
        self._write(*_ENDINGS[type(event)], **fields)

    def _why(self, event: events.AttemptFailed) -> Fields:
        failure = event.failure
        return {
            "error_class": str(failure.error_class),
            "reason": failure.reason,
            "status": failure.status,
            "retry_after": failure.retry_after,
            "message": self.shown(failure.message) or None,
        }

    def _switched(self, event: events.Switched) -> None:
        level, line = ("info", "failback") if event.failback else ("warning", "failover")
        self._write(level, line, old=event.old, new=event.new)

    def _parked(self, event: events.Parked) -> None:
        cause = None if event.cause is None else str(event.cause)
        seconds = None if event.seconds is None else round(event.seconds, 1)
        fields = {"what": self.shown(event.what), "seconds": seconds, "error_class": cause, "reason": event.reason}
        self._write("warning", "parked", **fields, soft=event.soft or None)

    def _probed(self, event: events.Probed) -> None:
        self._write("info", "probed", what=self.shown(event.what))

    def _recovered(self, event: events.Recovered) -> None:
        self._write("info", "recovered", what=self.shown(event.what))

    def _exhausted(self, event: events.Exhausted) -> None:
        error = event.error
        wait = None if error.retry_after is None else round(error.retry_after, 1)
        failures = {entry.credential_id: str(entry.error_class) for entry in error.errors}
        self._write("error", "exhausted", call=event.call, retry_after=wait, failures=failures)

    handlers: ClassVar[Mapping[type, Callable[[Any, Any], None]]] = {
        events.AttemptStarted: _started,
        events.ContentStarted: _content,
        **dict.fromkeys(OUTCOMES, _ended),
        events.Switched: _switched,
        events.Parked: _parked,
        events.Probed: _probed,
        events.Recovered: _recovered,
        events.Exhausted: _exhausted,
    }


def _whose(event: events.AttemptStarted | events.ContentStarted | Ended) -> Fields:
    return {"credential": event.credential_id, "call": event.call, "attempt": event.number}


def _entry(attempt: Attempt) -> Fields:
    usage = attempt.usage
    return {
        "duration": round(attempt.duration, 6),
        "first_content": None if attempt.first_content is None else round(attempt.first_content, 6),
        "probe": attempt.probe or None,
        "prompt_tokens": usage and usage.prompt_tokens,
        "completion_tokens": usage and usage.completion_tokens,
    }
