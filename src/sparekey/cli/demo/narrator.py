"""Prints a chain's events for people as they happen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rich.text import Text

from sparekey.core.events import AttemptFailed, Event, Parked, Probed, Switched

if TYPE_CHECKING:
    from rich.console import Console

INDENT: Final = 10


class Narrator:
    """A hook that prints a line per event: who failed and why, who is probed, who is active now."""

    def __init__(self, console: Console) -> None:
        """Create a narrator that prints to `console`."""
        self.console = console
        self._label = ""
        self._failed: AttemptFailed | None = None

    def note(self, event: Event) -> None:
        """Print one event, except parks of an account or endpoint beside their credential's."""
        match event:
            case AttemptFailed():
                self._failed = event
            case Parked(_, float(seconds)) if self._failed is not None:
                self._tell_failure(self._failed, seconds)
                self._failed = None
            case Probed(what) if what.startswith("credential:"):
                self.line("?", "yellow", what.partition(":")[2], "its park has run out: this one request probes it")
            case Switched(old, new, failback):
                self.line("→", "cyan", new, f"is active now: {'failback' if failback else 'failover'} from {old}")
            case _:
                pass

    def _tell_failure(self, failed: AttemptFailed, seconds: float) -> None:
        failure, stated = failed.failure, " (stated)" if failed.failure.retry_after else ""
        why = f"{failure.error_class} ({failure.reason})"
        self.line("✗", "red", failed.credential_id, f"{why}: parked {seconds:.0f} s{stated}")

    def begin(self, label: str) -> None:
        """Set the label of the next line."""
        self._label = label

    def line(self, mark: str, colour: str, credential: str, text: str) -> None:
        """Print one line about a credential."""
        self.console.print(Text.assemble((f"{self._label:<{INDENT}}", "bold"), (f"{mark} ", colour), (f"{credential:<8}", colour), text))
        self._label = ""

    def aside(self, text: str) -> None:
        """Print one line below the last event."""
        self.console.print(Text(f"{'':<{INDENT + 2}}{text}", style="dim"), overflow="ellipsis", no_wrap=True)


def clock_in(seconds: float) -> str:
    """Return the time of day after `seconds`."""
    return time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
