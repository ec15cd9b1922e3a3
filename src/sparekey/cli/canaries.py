"""Checks that an embedding chain's credentials share one space, by their vectors of the same texts.

Two hosts of one model differ by rounding only: their cosines are above 0.999, or about 0.97 with
quantised weights. Unrelated models have cosines near 0. Models that are declared to share a `space`
lie between.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sparekey.classify.reasons import Reason
from sparekey.embedding.vectors import cosine
from sparekey.errors import VectorSpaceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sparekey.cli.probe_call import Finding
    from sparekey.embedding.types import EmbedResult

SAME_MODEL: Final = 0.95
"""The lowest allowed cosine of two credentials of the same model."""
DECLARED: Final = 0.7
"""The lowest allowed cosine of two models that are declared to share a space."""
_NORM: Final = 0.02
"""The largest allowed difference of norms, as a share: normalised and other vectors do not mix."""


def compared(findings: Sequence[Finding]) -> list[Finding]:
    """Compare each working embedder of a chain with the first one; return the findings.

    A credential whose vectors disagree is no longer ok.
    """
    first = next((f for f in findings if f.ok), None)
    return [_against(f, first) if first is not None and f is not first and f.ok and f.vectors else f for f in findings]


def _against(finding: Finding, first: Finding) -> Finding:
    try:
        angle, stretch = agreement(finding.vectors, first.vectors)
    except VectorSpaceError as exc:
        return _other_space(finding, str(exc))
    found = replace(finding, cosine=angle)
    least = SAME_MODEL if finding.model == first.model else DECLARED
    if angle < least:
        return _other_space(found, f"its vectors differ from those of {first.credential}: cosine {angle:.3f}, at least {least} expected")
    if stretch > _NORM:
        return _other_space(found, f"its vectors have another length (norm) than those of {first.credential}: {stretch:.0%} apart")
    return replace(found, message=f"{finding.message}, cosine {angle:.4f}")


def _other_space(finding: Finding, message: str) -> Finding:
    told = Reason("other_space")
    return replace(finding, ok=False, error_class="configuration", reason=told.value, message=message, remedy=told.remedy)


def agreement(a: Sequence[EmbedResult], b: Sequence[EmbedResult]) -> tuple[float, float]:
    """Return the lowest cosine over all texts, dense and sparse, and the largest difference of dense norms as a share.

    Raises:
        VectorSpaceError: the vectors differ in kind, number or dimension.
    """
    if len(a) != len(b) or any(x.is_dense != y.is_dense or x.is_sparse != y.is_sparse for x, y in zip(a, b, strict=False)):
        raise VectorSpaceError("its vectors are of another kind")
    angles, stretches = [], [0.0]
    for x, y in zip(a, b, strict=True):
        if x.dense_vector is not None and y.dense_vector is not None:
            angles.append(cosine(x.dense_vector, y.dense_vector))
            stretches.append(abs(math.hypot(*x.dense_vector) / (math.hypot(*y.dense_vector) or 1.0) - 1.0))
        if x.sparse_vector is not None and y.sparse_vector is not None:
            angles.append(_sparse_cosine(x.sparse_vector, y.sparse_vector))
    return min(angles), max(stretches)


def _sparse_cosine(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    names = a.keys() | b.keys()
    return cosine([a.get(n, 0.0) for n in names], [b.get(n, 0.0) for n in names])
