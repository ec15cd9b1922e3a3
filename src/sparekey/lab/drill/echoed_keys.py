"""K15: a provider repeats the key in its error text. Where a person may look, it must not stand."""

from __future__ import annotations

import io
import logging
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify import classify
from sparekey.errors import describe_exception
from sparekey.lab.drill.row import Row
from sparekey.lab.drill.verdict import Check
from sparekey.lab.simulator import faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.lab.drill.context import RowContext
    from sparekey.lab.drill.outcome import CallOutcome

_KEY_SHAPES: Final = {
    "sk-…": "sk-drill-{:04d}-5f1d0c7e9ab24638",
    "32 hexadecimal digits": "5f1d0c7e9ab246385f1d0c7e9ab2{:04d}",
    "UUID": "5f1d0c7e-9ab2-4638-8c55-91d2f3a4{:04d}",
}
"""Shapes of keys: OpenAI's has a prefix; Azure's and Volcengine's look like any other text."""


def _k15(context: RowContext) -> Iterator[Check]:
    for name, shape in _KEY_SHAPES.items():
        scenario = context.chat(seats=2, apart=True, key=shape)
        scenario.fail_all(faults.echo_key())
        with _captured_log() as log:
            outcome = scenario.ask()
        keys = [seat.key for seat in scenario.seats]
        shown = {
            "log": log.getvalue(),
            "events": repr(scenario.events),
            "status": repr(scenario.chain.status()),
            **_texts_of(outcome),
            **scenario.shown(),
        }
        for where, text in shown.items():
            yield Check(f"no key ({name}) in the {where}", not any(key in text for key in keys))
        yield Check("the caller learns why", outcome.exhausted is not None)


def _texts_of(outcome: CallOutcome) -> dict[str, str]:
    """Return every text that the chain's own error makes.

    The entries of the error hold the providers' exceptions as they were raised: those may name
    keys.
    """
    error: Any = outcome.error
    response = getattr(error, "response", None)
    answer = {} if response is None else {"headers": repr(response.headers), "answer": response.text}
    entries = getattr(error, "errors", [])
    return answer | {
        "error": f"{error} {error!r}",
        "descriptions of its causes": " ".join(describe_exception(e.exception) + classify(e.exception).message for e in entries),
        "traceback": "".join(traceback.format_exception(error)),
    }


@contextmanager
def _captured_log() -> Iterator[io.StringIO]:
    """Capture everything that sparekey logs."""
    written = io.StringIO()
    handler, logger = logging.StreamHandler(written), logging.getLogger("sparekey")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


KEY_IN_THE_TEXT: Final = Row(
    "K15",
    "the error text repeats the key",
    "no key in log, error, event or status",
    "",
    _k15,
    alone=True,
    client="no key in answer, header, log, metrics or console",
)
