"""`sparekey explain`: says what an error is and what a chain would do about it."""

from __future__ import annotations

import json
import math
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rich.text import Text

import sparekey
from sparekey.classify.certainty import says_something
from sparekey.classify.evidence import ErrorReading, lower_headers
from sparekey.classify.features import features
from sparekey.classify.reasons import remedy
from sparekey.classify.text_model import model
from sparekey.cli import error_input, render
from sparekey.core.policy import REACTIONS, SOFT_PARK_SECONDS, Advance, Policy, reaction_to, stated_wait
from sparekey.core.timing import believed
from sparekey.masking import mask
from sparekey.types import Action, ErrorClass, Evidence, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sparekey.classify.user_rules import Rule
    from sparekey.cli.error_input import PastedResponse, Raised
    from sparekey.core.policy import Parking
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


def line_of(given: PastedResponse | Raised, failure: Failure, error_class: str) -> str:
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


_BLAMES: Final = {
    Scope.REQUEST: "the request",
    Scope.CREDENTIAL: "the credential",
    Scope.ACCOUNT: "the account: every credential that shares it",
    Scope.ENDPOINT: "the endpoint: every credential that uses it",
    Scope.EGRESS: "our own network",
    Scope.UNKNOWN: "nobody for sure",
}
_EXAMPLE_SHOWN: Final = 160
_STRENGTHS: Final = {
    Evidence.CERTAIN: "certain: the provider's own code, or a fault that no words are needed for",
    Evidence.LIKELY: "likely: status and text agree",
    Evidence.POSSIBLE: "possible: words that the caller's text could have caused, or no words at all",
}


def run_explain(text: str, *, status: int | None = None, json: bool = False, rules: Iterable[Rule] = (), wrong: str | None = None) -> None:
    """Classify an error and print the result.

    Args:
        text: the error, in any form that `error_input.read` takes.
        status: its HTTP status, if the person gives it.
        json: print one JSON object.
        rules: the operator's rules, tried first.
        wrong: the right class: print only the example that teaches it.
    """
    given = error_input.read(text, status)
    failure = given.failure(rules)
    if wrong is not None:
        sys.stdout.write(f"{line_of(given, failure, wrong)}\n")
        return
    near = nearest(failure)
    if json:
        render.as_json(as_dict(failure, given.form, near))
        return
    console = render.out()
    render.facts(console, _facts(failure, given.form))
    console.print()
    names = ("same credential", "next credential", "park")
    render.facts(console, zip(names, reactions(failure), strict=True), title="What a chain does")
    console.print()
    render.facts(console, [("What to do", remedy(failure))])
    if failure.trace:
        console.print()
        console.print(Text("How it was read", style="bold"))
        for line in failure.trace:
            console.print(Text(render.clean(line), style=render.DIM), soft_wrap=True)
    if near:
        console.print()
        shown = " ".join(near.text.split())[:_EXAMPLE_SHOWN]
        render.facts(
            console,
            [("class", near.error_class), ("text", shown), ("seen at", near.source), ("likeness", f"{near.nearness:.0%}")],
            title="The nearest example",
        )
        console.print(
            Text("Wrong? `sparekey explain --wrong CLASS` prints the example that teaches it (docs/errors.md).", style=render.DIM)
        )


def _facts(failure: Failure, form: str) -> list[tuple[str, str]]:
    return [
        ("class", str(failure.error_class)),
        ("reason", failure.reason),
        ("blames", _BLAMES[failure.scope]),
        ("wait", "none stated" if failure.retry_after is None else f"{render.duration(failure.retry_after)}, as the provider states"),
        ("status", str(failure.status or "")),
        ("message", failure.message),
        ("evidence", _strength(failure)),
        ("decided by", failure.rule),
        ("read as", form),
    ]


def _strength(failure: Failure) -> str:
    if failure.evidence is Evidence.LIKELY and failure.status is None:
        return "likely: the words are clear; there is no status that could confirm them"
    return _STRENGTHS[failure.evidence]


def as_dict(failure: Failure, form: str, near: Near | None = None) -> dict[str, Any]:
    """Return what `--json` prints."""
    same, following, park = reactions(failure)
    return {
        "class": failure.error_class,
        "reason": failure.reason,
        "scope": failure.scope,
        "retry_after": failure.retry_after,
        "status": failure.status,
        "message": failure.message,
        "evidence": failure.evidence,
        "wait_is_certain": failure.wait_is_certain,
        "one_model": failure.one_model,
        "fingerprint": failure.fingerprint,
        "rule": failure.rule,
        "trace": list(failure.trace),
        "read_as": form,
        "chain": {"same_credential": same, "next_credential": following, "park": park, "park_seconds": first_park(failure)},
        "remedy": remedy(failure),
        "nearest": near._asdict() if near else None,
    }


# ── what a chain does, in words, from the table of sparekey.core.policy ──


def reactions(failure: Failure) -> tuple[str, str, str]:
    """Return a chain's reaction in three texts: same credential again, next credential, park."""
    return _same(failure), _next(failure), _park(failure)


def _same(failure: Failure) -> str:
    policy = Policy()
    if not REACTIONS[failure.error_class].retry_same or failure.scope is Scope.REQUEST:
        return "no"
    if failure.timed_out:
        return "no: after silence the same one is not asked again"
    wait = believed(failure.retry_after)
    if wait is None:
        return f"once, after {policy.retry_delay:g} to {2 * policy.retry_delay:g} s"
    if wait > policy.patience:
        return f"no: {render.duration(wait)} is longer than the patience of {render.duration(policy.patience)}"
    return f"once, after {render.duration(wait)}"


def _next(failure: Failure) -> str:
    if failure.action is Action.STOP_AND_PARK:
        return "no: the caller gets the provider's own error (your rule says stop)"
    match reaction_to(failure).advance:
        case Advance.ONE_MORE:
            return "one more, since the refusal says nothing; unless that one answers, the caller gets this error"
        case Advance.ALWAYS:
            return "yes, at once"
        case Advance.OTHER_MODEL:
            return "only one with a different model; else the caller gets the provider's own error"
        case Advance.NEVER:
            return "no: the caller gets the provider's own error (fail fast)"


def first_park(failure: Failure) -> float | None:
    """Return the seconds of the first park; None: nothing is parked."""
    reaction = reaction_to(failure)
    if reaction.parking is None or failure.scope in {Scope.REQUEST, Scope.EGRESS}:
        return None
    stated = stated_wait(failure)
    if stated is None and failure.evidence is not Evidence.CERTAIN:
        return min(reaction.parking.first, SOFT_PARK_SECONDS)
    return stated or reaction.parking.first


def _park(failure: Failure) -> str:
    seconds, parking = first_park(failure), reaction_to(failure).parking
    if seconds is None or parking is None:
        return "nobody"
    what = f"{_parked(failure)} for {render.duration(seconds)}"
    if failure.unreached:
        return f"{what}; nobody, if no credential of the chain can be reached"
    if stated_wait(failure) is not None:
        return f"{what}: the stated wait"
    if failure.evidence is not Evidence.CERTAIN and parking.first > SOFT_PARK_SECONDS:
        return f"{what}, softly: longer when three different requests were refused so and another credential served them"
    return f"{what}{_growth(parking)}"


def _parked(failure: Failure) -> str:
    if failure.error_class is ErrorClass.MODEL_NOT_FOUND:
        return "this model of the credential"
    if failure.one_model:
        return "this model of the account" if failure.scope is Scope.ACCOUNT else "this model of the credential"
    return {Scope.ACCOUNT: "the account", Scope.ENDPOINT: "the endpoint"}.get(failure.scope, "the credential")


def _growth(parking: Parking) -> str:
    spread = f", {parking.jitter:.0%} either way" if parking.jitter else ""
    return f"{spread}; twice as long each time it fails again, at most {render.duration(parking.cap)}"
