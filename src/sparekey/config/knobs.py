"""The policy of a chain as a configuration writes it: the fields of `Policy`, with the checks and the words of a file.

They are made from `core.policy`, so a knob that is added there can be written in every chain. A file cannot say None: for a
limit that is on by default it writes the knob's `off` (0), and a limit that is off by default it leaves out.
"""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

from pydantic import BeforeValidator, Field, create_model

from sparekey.config.base import Strict, number
from sparekey.core.policy import KNOBS, Knob, Policy


class _Written(Strict):
    """What the fields are put into."""

    def policy(self) -> Policy:
        """Return the chain's knobs for the engine, which retries in place of the instances behind it."""
        given: dict[str, Any] = {name: getattr(self, name) for name in KNOBS}
        given |= {name: None for name, knob in KNOBS.items() if given[name] == knob.off}
        return Policy(**given)


if TYPE_CHECKING:
    _DEFAULT: Any = None  # stands for that of `Policy`

    class Knobs(_Written):
        """What type checkers see: the fields of `Policy`, which `make docs` writes here."""

        failback_timeout_seconds: float = _DEFAULT
        failback_request_count: int = _DEFAULT
        patience: float = _DEFAULT
        retry_same: bool = _DEFAULT
        retry_delay: float = _DEFAULT
        max_retries: int = _DEFAULT
        backoff: float = _DEFAULT
        max_backoff: float = _DEFAULT
        deadline: float | None = _DEFAULT
        attempt_limit: float | None = _DEFAULT
        first_content_limit: float = _DEFAULT
        answer_limit: float = _DEFAULT
        idle_limit: float = _DEFAULT
        stream_recovery: str = _DEFAULT
        hedge_share: float = _DEFAULT
        hedge_burst: float = _DEFAULT
        retry_share: float = _DEFAULT
        retry_burst: float = _DEFAULT
        egress_patience: float = _DEFAULT
        max_concurrency: int | None = _DEFAULT
        queue_size: int = _DEFAULT
        queue_timeout: float = _DEFAULT
        probe_lease: float = _DEFAULT
        rescue_interval: float = _DEFAULT

else:

    def _field(knob: Knob, kind: Any, default: Any) -> tuple[Any, Any]:
        """Return one knob as pydantic takes it: its type with its bounds, and its default with its meaning."""
        bare = next(arg for arg in (*get_args(kind), kind) if arg is not type(None))
        below = "gt" if knob.above and knob.off is None else "ge"
        if bare is int:
            bare = Annotated[int, Field(strict=True, **{below: knob.least})]
        elif bare is float:
            bare = Annotated[float, BeforeValidator(number), Field(**{below: knob.least})]
        elif isinstance(default, StrEnum):
            bare = type(default)
        optional = bare | None if default is None and knob.off is None else bare
        return optional, Field(knob.off if default is None else default, description=_worded(knob))

    def _worded(knob: Knob) -> str:
        """Return what a knob does, in the words of a file."""
        return knob.meaning.replace("None:", "Unset:" if knob.off is None else f"{knob.off:g}:")

    _kinds = get_type_hints(Policy)
    _made = {f.name: _field(KNOBS[f.name], _kinds[f.name], f.default) for f in fields(Policy)}
    Knobs = create_model("Knobs", __base__=_Written, __module__=__name__, **_made)
