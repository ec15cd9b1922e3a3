"""E: embeddings. No vector of another space comes out, and finished work is kept."""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sparekey.config import EmbeddingConfig
from sparekey.config.files import Config
from sparekey.errors import ConfigError
from sparekey.lab.drill.adapters import GATEWAY
from sparekey.lab.drill.fixtures import NO_FAILBACK
from sparekey.lab.drill.row import Row
from sparekey.lab.drill.verdict import Check, Verdict
from sparekey.lab.simulator import faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sparekey.lab.drill.context import RowContext
    from sparekey.lab.drill.outcome import CallOutcome

_TEXTS: Final = 1000
_SMALL, _LARGE, _OLD = "text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"
"""Models of OpenAI with 1536, 3072 and 1536 dimensions."""


def _pair(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    credentials = [{"id": "first", "api_key": "none", **first}, {"id": "second", "api_key": "none", **second}]
    return {"dense": {"provider": "openai", "max_retries": 0, "credentials": credentials}}


def _refusal(context: RowContext, data: dict[str, Any]) -> str:
    """Return the message with which the configuration is refused; an empty text if it loads.

    In the mode `gateway` it is a gateway's configuration.
    """
    try:
        if context.mode == GATEWAY:
            Config.model_validate({"gateway": {"embedding": {"drill": data["dense"]}}})
        else:
            EmbeddingConfig.model_validate(data)
    except ConfigError as exc:
        return str(exc)
    return ""


def _in_short(refusal: str) -> str:
    return f"refused: {refusal.split(': ', 2)[-1].partition(';')[0]}" if refusal else "loaded"


def _e01(context: RowContext) -> Iterator[Check]:
    refusal = _refusal(context, _pair({"model": _SMALL}, {"model": _LARGE}))
    context.notes.append(_in_short(refusal))
    yield Check("refused when loaded", bool(refusal))
    yield Check("with both numbers", "1536" in refusal and "3072" in refusal, Verdict.PARTIAL)


def _e02(context: RowContext) -> Iterator[Check]:
    refusal = _refusal(context, _pair({"model": _SMALL}, {"model": _OLD}))
    yield Check("refused when loaded", bool(refusal))
    homes = [context.simulator.provider(space, space=space) for space in ("ours", "theirs")]
    one, other = ({"model": m, "space": "shared", "api_base": p.base_url} for m, p in zip((_SMALL, _OLD), homes, strict=True))
    yield Check("loaded where the space is declared the same", not _refusal(context, _pair(one, other)))
    cosine = _checked(_pair(one, other))
    context.notes += [_in_short(refusal), f"`check` of a false declaration: cosine {'none' if cosine is None else format(cosine, '.2f')}"]
    yield Check("`check` shows the cosine", cosine is not None and abs(cosine) < 0.5)


def _checked(data: dict[str, Any]) -> float | None:
    """Return the cosine that `sparekey check` finds for the second credential.

    None if it finds none.

    The command is imported by name, because `lab` lies below `cli`.
    """
    check, canaries = import_module("sparekey.cli.check"), import_module("sparekey.cli.check")
    findings = check.try_all(check.calls_of(Config.model_validate({"embedding": data})), 10.0)
    cosine: float | None = canaries.compared(findings)[1].cosine
    return cosine


def _e03(context: RowContext) -> Iterator[Check]:
    scenario = context.embedding(seats=2, apart=True)
    scenario.fail(0, faults.wrong_length(7))
    for outcome in (scenario.embed("a spare key"), scenario.embed_batch(["one", "two", "three"])):
        yield from _vectors(outcome)
        yield Check("no vector of another length", all(len(vector) != 7 for vector in outcome.vectors or ()))


def _e04(context: RowContext) -> Iterator[Check]:
    texts = [f"text number {i}" for i in range(_TEXTS)]
    expected = context.embedding(seats=2, apart=True).embed_batch(texts)
    scenario = context.embedding(seats=2, apart=True, knobs=NO_FAILBACK)
    scenario.fail(0, faults.quota(), after_texts=400)
    outcome = scenario.embed_batch(texts)
    yield from _vectors(outcome)
    yield Check("every text has its own vector, in order", _alike(outcome.vectors or (), expected.vectors or ()))
    yield Check("the finished part is kept, only the rest moves on", 0 < scenario.texts(1) < _TEXTS - 400 + scenario.batch_size)
    yield Check("the dead key is not asked for the rest", scenario.texts(0) <= 400 + scenario.batch_size, Verdict.PARTIAL)


def _alike(some: Sequence[Any], others: Sequence[Any]) -> bool:
    return len(some) == len(others) > 0 and all(_near(a, b) for a, b in zip(some, others, strict=True))


def _near(a: Any, b: Any) -> bool:
    """Return whether two vectors are equal.

    Dense vectors may differ by rounding on the way; sparse ones, which are weights by name, may
    not.
    """
    return a == b or (isinstance(a[0], float) and math.dist(a, b) < 1e-4)


def _e05(context: RowContext) -> Iterator[Check]:
    scenario = context.embedding(seats=2, apart=True)
    odd: dict[str, list[str]] = {
        "nothing": [],
        "an empty text": [""],
        "300 KB": ["spare key " * 30_000],
        "a surrogate": ["spare \ud800 key"],
    }
    for name, texts in odd.items():
        outcome = scenario.embed_batch(texts)
        context.notes.append(f"{name}: {type(outcome.error).__name__ if outcome.error else outcome.words}")
        yield Check(f"{name}: an answer or a clear error", not outcome.hung and outcome.exhausted is None)
        yield Check(f"{name}: nothing parked", not scenario.parked)
    yield from _vectors(scenario.embed("a spare key"))


def _vectors(outcome: CallOutcome) -> Iterator[Check]:
    yield Check("vectors", bool(outcome.vectors), Verdict.FAIL if outcome.hung else Verdict.SAFE)


ROWS: Final = (
    Row("E01", "the spare has another dimension", "refused when loaded, with both numbers", "", _e01, ("sync",)),
    Row("E02", "same dimension, another model", "refused unless declared; `check` shows the cosine", "", _e02, ("sync",)),
    Row("E03", "a vector of another length arrives", "never handed on", "", _e03),
    Row("E04", "the key dies after 400 of 1,000 texts", "1,000 vectors in order", "the finished part is kept", _e04),
    Row("E05", "no text, empty text, 300 KB, a surrogate", "a clear error or the provider's own", "nothing parked", _e05),
)
