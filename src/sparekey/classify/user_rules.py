"""A user's own rules, for a gateway whose errors are worded like nobody else's.

The first rule that applies overrules the classifier's verdict.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from sparekey.classify.reasons import SCOPES
from sparekey.errors import ConfigError
from sparekey.types import Action, ErrorClass, Evidence, Failure, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_TEXT, _MAX_PATTERN = 4000, 500
# The class and the scope with which the engine carries out each action: scope `request` parks
# nothing.
ACTIONS: Final[Mapping[str, tuple[ErrorClass, Scope]]] = {
    Action.STOP: (ErrorClass.PERMANENT, Scope.REQUEST),
    Action.STOP_AND_PARK: (ErrorClass.AUTH, Scope.CREDENTIAL),
    Action.NEXT: (ErrorClass.UNKNOWN, Scope.REQUEST),
    Action.NEXT_AND_PARK: (ErrorClass.AUTH, Scope.CREDENTIAL),
}
_UNBOUNDED: Final = re.compile(r"[*+]|\{\d*,\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: conditions that must all hold, and what a failure then means.

    Args:
        then: an error class (`"quota_exceeded"`, ...) or an action: `"stop"` (fail fast),
            `"stop-and-park"` (fail fast and park the credential), `"next"` (move on),
            `"next-and-park"` (move on and park the credential).
        status: the HTTP status that the failure must have.
        contains: a text that its codes or its message must hold, in any case.
        regex: a pattern that must be found there, in any case. Nested repetition is refused,
            because matching could take for ever.
        name: the name that `sparekey explain` shows; empty: it is made from the conditions.

    Raises:
        ConfigError: there is no condition, `then` is unknown, the status is impossible, or the
            pattern is wrong or could run for ever.
    """

    then: str
    status: int | None = None
    contains: str = ""
    regex: str = ""
    name: str = ""
    _pattern: re.Pattern[str] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        faults = []
        if self.then not in ACTIONS and self.then not in set(ErrorClass):
            faults.append(f"then={self.then!r} is neither an error class ({', '.join(ErrorClass)}) nor one of {', '.join(ACTIONS)}")
        if self.status is None and not self.contains and not self.regex:
            faults.append("it has no condition (status, contains or regex)")
        if self.status is not None and not 100 <= self.status < 600:  # noqa: PLR2004 - the range of HTTP statuses
            faults.append(f"status={self.status} is no HTTP status")
        try:
            object.__setattr__(self, "_pattern", _compiled(self.regex) if self.regex else None)
        except ConfigError as exc:
            faults.append(str(exc))
        if faults:
            raise ConfigError(f"rule {self.title[:80]}: {'; '.join(faults)}")

    @property
    def title(self) -> str:
        """The name, or the conditions in its place."""
        conditions = [("status", self.status), ("contains", self.contains), ("regex", self.regex)]
        return self.name or " ".join(f"{name}={value!r}" for name, value in conditions if value) or "?"

    def applies_to(self, status: int | None, text: str) -> bool:
        """Return whether every condition holds for a failure with this status, codes and words."""
        text = text[:_MAX_TEXT]
        text_holds = self.contains.lower() in text.lower() and (self._pattern is None or self._pattern.search(text) is not None)
        return text_holds and (self.status is None or status == self.status)

    def overrule(self, failure: Failure) -> Failure:
        """Return the failure with this rule's verdict in place of its own."""
        action = Action(self.then) if self.then in ACTIONS else None
        error_class, scope = ACTIONS[action] if action else (ErrorClass(self.then), SCOPES[ErrorClass(self.then)])
        line = f"overruled by operator rule {self.title} -> {self.then}"
        return replace(
            failure,
            error_class=error_class,
            reason=f"operator_{self.then.replace('-', '_')}" if action else "operator_rule",
            scope=scope,
            evidence=Evidence.CERTAIN,
            fingerprint="",
            action=action,
            rule=f"operator: {self.title}",
            trace=(*failure.trace, line) if failure.trace else (),
        )


def _compiled(pattern: str) -> re.Pattern[str]:
    if len(pattern) > _MAX_PATTERN:
        raise ConfigError(f"the pattern is longer than {_MAX_PATTERN} characters")
    if _may_run_for_ever(pattern):
        why = "a repeated group that itself repeats or chooses can take for ever on a long text; write it without nesting"
        raise ConfigError(why)
    try:
        return re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as wrong:
        raise ConfigError(f"the pattern cannot be read: {wrong}") from None


def _may_run_for_ever(pattern: str) -> bool:
    """Return whether a repeated group repeats or chooses inside: such patterns can run for ever."""
    groups: list[bool] = []
    bare = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "x", pattern)
    for at, char in enumerate(bare):
        if char == "(":
            groups.append(False)
        elif char == ")" and groups:
            risky = groups.pop()
            if risky and _UNBOUNDED.match(bare, at + 1):
                return True
            if groups:
                groups[-1] = groups[-1] or risky
        elif groups and (char == "|" or _UNBOUNDED.match(bare, at)):
            groups[-1] = True
    return len(_UNBOUNDED.findall(bare)) > 4  # noqa: PLR2004 - each further `.*` in `.*a.*b.*c` costs another power of the length
