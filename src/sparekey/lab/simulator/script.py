"""The rules that decide which request meets which fault.

`Provider.fail` and `Provider.script` add them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparekey.lab.simulator.faults import Fault


@dataclass(slots=True)
class ScriptRule:
    """A fault, and the requests that get it.

    The rule counts them down. `fault` None: a healthy answer.
    """

    fault: Fault | None
    times: int | None = None
    after: int = 0
    after_texts: int = 0
    key: str | None = None
    model: str | None = None

    @property
    def whom(self) -> tuple[str | None, str | None]:
        """The key and the model of its requests; None: any."""
        return self.key, self.model

    def meets(self, key: str, model: str) -> bool:
        """Return whether the rule is about a request with this key and model."""
        return self.key in {None, key} and self.model in {None, model}

    def spares(self, texts: int) -> bool:
        """Count a request against `after` and `after_texts`; return True if it still gets no fault."""
        if self.after > 0:
            self.after -= 1
            return True
        if 0 < self.after_texts >= texts:
            self.after_texts -= texts
            return True
        self.after_texts = 0
        return False


class Script:
    """The rules, in order. The first one that is about a request decides; a used-up rule is removed.

    Not thread-safe: the provider locks.
    """

    def __init__(self) -> None:
        """Create an empty script: all answers are healthy."""
        self._rules: list[ScriptRule] = []

    def add(self, rule: ScriptRule) -> None:
        """Add a rule after the others.

        It replaces an endless rule about the same requests, which would hide the new one for ever.
        """
        self._rules = [other for other in self._rules if other.times is not None or other.whom != rule.whom]
        self._rules.append(rule)

    def clear(self) -> None:
        """Forget every rule."""
        self._rules.clear()

    def take(self, key: str, model: str, texts: int) -> Fault | None:
        """Return the fault for one request, and count it."""
        rule = next((rule for rule in self._rules if rule.meets(key, model)), None)
        if rule is None or rule.spares(texts):
            return None
        if rule.times is not None:
            rule.times -= 1
            if rule.times == 0:
                self._rules.remove(rule)
        return rule.fault
