"""Rules of a user's own, tried before all others: for a gateway that answers in words nobody else uses."""

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
# The class and the scope with which the engine does what the action says: scope `request` parks nobody.
ACTIONS: Final[Mapping[str, tuple[ErrorClass, Scope]]] = {
    Action.STOP: (ErrorClass.PERMANENT, Scope.REQUEST),
    Action.STOP_AND_PARK: (ErrorClass.AUTH, Scope.CREDENTIAL),
    Action.NEXT: (ErrorClass.UNKNOWN, Scope.REQUEST),
    Action.NEXT_AND_PARK: (ErrorClass.AUTH, Scope.CREDENTIAL),
}
_UNBOUNDED: Final = re.compile(r"[*+]|\{\d*,\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: conditions, all of which must hold, and what they mean. Validated when it is made.

    Args:
        then: an error class (`"quota_exceeded"`, ...) or an action: `"stop"` (fail fast), `"stop-and-park"` (fail fast and park the
            credential), `"next"` (move on), `"next-and-park"` (move on and park the credential).
        status: the HTTP status it must have.
        contains: a text that must stand in codes or message, in any case.
        regex: a pattern that must be found there, in any case; nested repetition is refused because it could take for ever.
        name: what `sparekey explain` calls it; made from the conditions if empty.

    Raises:
        ConfigError: no condition, an unknown `then`, an impossible status, or a pattern that is wrong or could run for ever.
    """

    then: str
    status: int | None = None
    contains: str = ""
    regex: str = ""
    name: str = ""
    _pattern: re.Pattern[str] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.then not in ACTIONS and self.then not in set(ErrorClass):
            known = f"neither an error class ({', '.join(ErrorClass)}) nor one of {', '.join(ACTIONS)}"
            raise ConfigError(f"rule {self.title}: then={self.then!r} is {known}")
        if self.status is None and not self.contains and not self.regex:
            raise ConfigError(f"rule {self.title}: it has no condition (status, contains or regex)")
        if self.status is not None and not 100 <= self.status < 600:  # noqa: PLR2004 - the range of HTTP statuses
            raise ConfigError(f"rule {self.title}: status={self.status} is no HTTP status")
        object.__setattr__(self, "_pattern", _compiled(self.regex, self.title) if self.regex else None)

    @property
    def title(self) -> str:
        """The name, or the conditions in its place."""
        conditions = [("status", self.status), ("contains", self.contains), ("regex", self.regex)]
        return self.name or " ".join(f"{name}={value!r}" for name, value in conditions if value) or "?"

    def speaks(self, status: int | None, text: str) -> bool:
        """Tell whether every condition holds for a failure with this status and these codes and words."""
        text = text[:_MAX_TEXT]
        told = self.contains.lower() in text.lower() and (self._pattern is None or self._pattern.search(text) is not None)
        return told and (self.status is None or status == self.status)

    def overrule(self, failure: Failure) -> Failure:
        """Return `failure` with this rule's verdict in place of its own."""
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


def _compiled(pattern: str, title: str) -> re.Pattern[str]:
    if len(pattern) > _MAX_PATTERN:
        raise ConfigError(f"rule {title[:80]}: the pattern is longer than {_MAX_PATTERN} characters")
    if _may_run_for_ever(pattern):
        why = "a repeated group that itself repeats or chooses can take for ever on a long text; write it without nesting"
        raise ConfigError(f"rule {title}: {why}")
    try:
        return re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as wrong:
        raise ConfigError(f"rule {title}: {wrong}") from None


def _may_run_for_ever(pattern: str) -> bool:
    """Tell whether a group that repeats or chooses is itself repeated without bound: the shape that backtracks for ever."""
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
    return len(_UNBOUNDED.findall(bare)) > 4  # noqa: PLR2004 - each more of `.*a.*b.*c` costs another power of the length
