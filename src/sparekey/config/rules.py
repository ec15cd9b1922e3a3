"""An operator's own rules about errors, as a configuration writes them; see `sparekey.classify.user_rules` for what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, PrivateAttr, model_validator

from sparekey.config.base import Line, Strict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self

    from sparekey.classify.user_rules import Rule
    from sparekey.types import Failure


class RuleConfig(Strict):
    """One rule: conditions, all of which must hold, and what they mean."""

    then: Line = Field(description="An error class, or `stop`, `stop-and-park`, `next`, `next-and-park`.")
    status: int | None = Field(None, strict=True, description="HTTP status that the failure must have.")
    contains: str = Field("", description="Text that must stand in its codes or words, in any case.")
    regex: str = Field("", description="Pattern that must be found there, in any case; without nested repetition.")
    name: Line = Field("", description="What `sparekey explain` calls the rule; without one, its conditions.")

    _rule: Any = PrivateAttr()

    @model_validator(mode="after")
    def _settle(self) -> Self:
        from sparekey.classify.user_rules import Rule  # noqa: PLC0415 - only configurations with rules need it

        self._rule = Rule(self.then, self.status, self.contains, self.regex, self.name)
        return self

    @property
    def rule(self) -> Rule:
        """The rule as the classifier takes it."""
        rule: Rule = self._rule
        return rule


def classifier(rules: Iterable[RuleConfig]) -> Callable[[BaseException], Failure]:
    """Return what reads the failures of a chain: with these rules tried first, in order."""
    from sparekey.classify import Classifier, classify  # noqa: PLC0415 - loading a configuration classifies nothing

    own = [one.rule for one in rules]
    return Classifier(own).classify if own else classify
