"""The classifier's labelled examples: the one nearest to an error, and the line for a new one."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sparekey
from sparekey.classify.certainty import says_something
from sparekey.classify.evidence import ErrorReading, lower_headers
from sparekey.classify.features import features
from sparekey.classify.text_model import model
from sparekey.masking import mask
from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.cli.error_input import PastedResponse, Raised
    from sparekey.types import Failure

_PACKAGE: Final = Path(sparekey.__file__).parent / "classify"
_PLACES: Final = (_PACKAGE / "examples", _PACKAGE.parents[2] / "data" / "errors")
"""The folders of the examples: in an installed package, and in a clone."""
_WAITABLE: Final = frozenset({ErrorClass.TRANSIENT, ErrorClass.QUOTA_EXCEEDED, ErrorClass.UNKNOWN})
_KEPT: Final = ("retry-after", "content-type")
"""Headers that an example keeps besides rate limits; others may be private."""


class Near(NamedTuple):
    """The nearest example: label, text, where it was seen, similarity between 0 and 1."""

    error_class: str
    text: str
    source: str
    nearness: float


def nearest(failure: Failure) -> Near | None:
    """Return the example nearest to a failure's message; None if no example is near."""
    if not says_something(failure.message):
        return None
    reading = ErrorReading(failure.status)
    reading.add_text(failure.message)
    wanted = set(features(reading))
    best: Near | None = None
    for error_class, given, source, has in _known():
        near = len(wanted & has) / math.sqrt((len(wanted) or 1) * (len(has) or 1))
        if near > (best.nearness if best else 0.2):
            text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
            best = Near(error_class, text, source, near)
    return best


@cache
def _known() -> list[tuple[str, Any, str, frozenset[str]]]:
    """The class, the content, the source and the features of each example: read once, as `explain` may be given many errors."""
    known = []
    for example in _examples():
        reading = ErrorReading(example["status"], lower_headers(example["headers"]))
        given = example["body"] if example["body"] is not None else (example["exception"] or {}).get("message", "")
        reading.add_body(given)
        known.append((example["class"], given, example["source"], frozenset(features(reading))))
    return known


def _examples() -> Iterator[dict[str, Any]]:
    folder = next((place for place in _PLACES if place.is_dir()), None)
    for path in sorted(folder.glob("*.jsonl")) if folder else ():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield json.loads(line)


def line(given: PastedResponse | Raised, failure: Failure, error_class: str) -> str:
    """Return the line of JSON that teaches the classifier `error_class` for this error; keys in it are masked.

    Args:
        given: the error as it was pasted.
        failure: how the classifier reads it now.
        error_class: the right class.
    """
    example = {
        "id": "",
        "provider": "",
        "status": failure.status,
        "headers": _headers(getattr(given, "headers", {})),
        **_content(given),
        "class": error_class,
        "also": [],
        "reason": _reason(failure, error_class),
        # a wait that words state may be misread as well, and another class has none
        "retry_after_s": failure.retry_after if failure.wait_is_certain and error_class in _WAITABLE else None,
        "source": "",
    }
    return mask(json.dumps(example, ensure_ascii=False))


def _reason(failure: Failure, error_class: str) -> str:
    """Return which cause of `error_class` the words fit best."""
    if failure.error_class == error_class:
        return failure.reason
    reading = ErrorReading(failure.status)
    reading.add_text(failure.message)
    mind = model()
    return mind.cause(mind.guess(features(reading, wait=failure.retry_after)), ErrorClass(error_class)).value


def _content(given: PastedResponse | Raised) -> dict[str, Any]:
    raised = getattr(given, "exception", None)
    if raised is not None:
        kind = type(raised)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        return {"body": None, "exception": {"type": name, "message": str(raised)}}
    text = getattr(given, "body", "")
    try:
        return {"body": json.loads(text), "exception": None}
    except ValueError:
        return {"body": text, "exception": None}


def _headers(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if name.lower() in _KEPT or "limit" in name.lower()}
