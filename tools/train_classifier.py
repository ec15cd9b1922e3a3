"""Train the learned text model from data/errors: `make train`.

The same examples give the same file: the solver starts at zero, nothing is random, and weights are
rounded to whole numbers. The thresholds of confidence are learned as well, from verdicts on real
errors whose provider was left out; a lost answer costs ten times as much as a wasted call. These
verdicts are kept in data/errors/held_out.tsv, so that a change of one example shows what else it
changed (`make score`), and their sums in data/errors/held_out.json, for docs/errors.md.
"""

import argparse
import json
import math
import sys
import zlib
from collections import Counter

import numpy as np
from scipy.sparse import csr_matrix, diags
from sklearn.linear_model import LogisticRegression

from error_examples import (
    FILE,
    HELD_OUT,
    SUMS,
    Judged,
    accepted,
    digest,
    disguises,
    folds,
    is_real,
    language,
    load,
    name_of,
    readings,
    sums,
)
from sparekey.classify.features import CALM, features
from sparekey.classify.reasons import Reason
from sparekey.classify.text_model import SHIFT

STRENGTH = 100.0
"""How freely weights may grow (C in scikit-learn); held-out verdicts are best from 50 to 150."""
LEAST_SHAPES = 2
"""The least number of shapes (an example has up to two) in which a feature must occur."""
MOST_FEATURES = 20_000
"""The number of features that are learned: the most frequent ones."""
KEPT_FEATURES = 12_000
"""The number of features that are written: those that weigh most.

Held-out verdicts are the same with all of them, and a small table is fast.
"""
ITERATIONS = 300
SMOOTH, LEAST_PURITY = 2.0, 0.5
"""Smoothing of `purity`: further shapes with average labels for each feature, and its least value."""
LOST, WASTED, WRONG = 10.0, 1.0, 0.5
"""The costs of a lost answer, a wasted call and a wrong class."""
DISGUISED = 0.15
"""The weight of a written example in a disguise."""
LIKELY = 0.7
"""The confidence above which the class is right in 19 of 20 held-out cases: `likely` evidence."""
FIRST = (0.75, 0.4)
"""The thresholds of the first model of its kind."""


class Shapes:
    """Every example in each shape in which it may arrive: its features, and the example's number."""

    def __init__(self, examples):
        self.rows, self.owner, self.weight = [], [], []
        for number, example in enumerate(examples):
            for shapes, weight in ((readings(example), 1.0), (disguises(example), DISGUISED)):
                for reading, class_name, wait in shapes:
                    self.rows.append(features(reading, class_name, wait))
                    self.owner.append(number)
                    self.weight.append(weight)


def vocabulary(rows):
    """Return the features that are worth learning, in alphabetical order."""
    counts = Counter(feature for row in rows for feature in row)
    known = sorted((f for f, n in counts.items() if n >= LEAST_SHAPES), key=lambda f: (-counts[f], f))
    return {feature: at for at, feature in enumerate(sorted(known[:MOST_FEATURES]))}


def matrix(rows, words):
    """Return the rows as a sparse matrix; each feature weighs one over the root of their number."""
    entries = [(at, words[f], 1 / math.sqrt(len(row) + CALM)) for at, row in enumerate(rows) for f in row if f in words]
    at, column, value = zip(*entries, strict=True) if entries else ((), (), ())
    return csr_matrix((value, (at, column)), shape=(len(rows), len(words)))


def purity(data, labels, weight):
    """Return how much each feature tells about the label.

    It is the Kullback-Leibler divergence between the labels of its shapes and those of all. Weights
    of telling features may grow more: that reads a quarter more of the held-out errors rightly than
    equal freedom for all.
    """
    names, counts = sorted(set(labels)), diags(np.array(weight)) @ (data > 0)
    of_label = csr_matrix((np.ones(len(labels)), (list(map(names.index, labels)), range(len(labels)))))
    prior = np.asarray((of_label @ np.array(weight)) / sum(weight))[:, None]
    share = ((of_label @ counts).toarray() + SMOOTH * prior) / (np.asarray(counts.sum(axis=0)) + SMOOTH)
    return LEAST_PURITY + (share * np.log(share / prior)).sum(axis=0)


def fitted(data, labels, weight):
    """Return weights and biases, one row for each label in alphabetical order, and the labels."""
    pure = purity(data, labels, weight)
    found = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS, tol=1e-3).fit(data @ diags(pure), labels, sample_weight=weight)
    return found.coef_ * pure, found.intercept_, list(found.classes_)


def softmax(scores):
    """Return scores as probabilities."""
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def held_out(shapes, examples, parts):
    """Return each example's probability of each class, from a model that has not seen its part."""
    likely = {}
    for part in parts:
        out = [at for at, owner in enumerate(shapes.owner) if owner in part]
        into = [at for at, owner in enumerate(shapes.owner) if owner not in part]
        words = vocabulary([shapes.rows[at] for at in into])
        labels = [examples[shapes.owner[at]]["class"] for at in into]
        weights, bias, names = fitted(matrix([shapes.rows[at] for at in into], words), labels, [shapes.weight[at] for at in into])
        rows = softmax(matrix([shapes.rows[at] for at in out], words) @ weights.T + bias)
        for at, row in zip(out, rows, strict=True):
            likely.setdefault(shapes.owner[at], dict(zip(names, map(float, row), strict=True)))
    return likely


def cost(judged):
    """Return the cost of verdicts."""
    total = sums(judged)
    return LOST * total["lost"] + WASTED * total["waste"] + WRONG * (total["n"] - total["exact"])


def thresholds(likely, examples):
    """Return the thresholds with the least cost: for blaming the request, and for any class."""
    cases = {number: next(readings(examples[number])) for number in likely}
    grid = [(f / 100, k / 100) for f in (70, 80, 85, 90, 93, 96) for k in (45, 50)]
    return min(grid, key=lambda pair: (cost([Judged(examples[n], cases[n], likely[n], *pair) for n in likely]), pair))


def whole(weights, bias):
    """Return weights and biases as whole numbers, and the scale that restores them."""
    scale = float(np.abs(weights).max()) / 127
    return np.rint(weights / scale).astype(int), [round(float(b) / scale) for b in bias], scale


def write(shapes, examples, chosen):
    """Fit a model to everything and write its file; return the number of features."""
    words = vocabulary(shapes.rows)
    data = matrix(shapes.rows, words)
    lanes, bias, scales, names = [], [], [], []
    for label in ("class", "reason"):
        weights, offsets, labels = fitted(data, [examples[owner][label] for owner in shapes.owner], shapes.weight)
        numbers, rounded, scale = whole(weights, offsets)
        lanes.append(numbers)
        bias += rounded
        scales.append(round(scale * 1e6))
        names.append([str(Reason(name)) if label == "reason" else str(name) for name in labels])
    weightiest = sorted(np.argsort(-np.abs(lanes[0]).max(axis=0), kind="stable")[:KEPT_FEATURES])
    ordered = list(words)
    words = [ordered[at] for at in weightiest]
    packed = (np.vstack(lanes).T[weightiest] + SHIFT).astype(np.uint8).tobytes()
    head = {
        "digest": digest(),
        "classes": names[0],
        "reasons": names[1],
        "bias": bias,
        "scale": scales,
        "fail_fast_at": round(chosen[0] * 1000),
        "least": round(chosen[1] * 1000),
        "likely": round(LIKELY * 1000),
    }
    header = json.dumps(head).encode()
    FILE.write_bytes(len(header).to_bytes(4, "little") + header + zlib.compress("\n".join(words).encode() + b"\0" + packed, 9))
    return len(words)


def calibration(judged):
    """Return the number of verdicts and the share of right ones, for each step of confidence."""
    steps = []
    asked = [one for one in judged if one.by == "words"]
    for low, high in ((0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 0.97), (0.97, 1.01)):
        within = [one for one in asked if low <= one.confidence < high]
        if within:
            right = sum(one.found in accepted(one.example) for one in within) / len(within)
            steps.append([low, min(high, 1.0), len(within), round(right, 3)])
    return steps


def keep(examples, judged, chosen, shapes):
    """Write the held-out verdicts on real errors, and their sums."""
    lines = [f"{name_of(j.example)}\t{j.example['class']}\t{j.found}\t{j.by}\t{j.confidence:.2f}" for j in judged]
    HELD_OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    totals = {"provider": sums(judged), "calibration": calibration(judged), "language": {}, "source": {}}
    by_language, by_file = {}, {}
    for number, example in enumerate(examples):
        by_language.setdefault(language(example), set()).add(number)
        if is_real(example):
            by_file.setdefault(example["file"], set()).add(number)
    for kind, parts in (("language", {k: v for k, v in by_language.items() if k != "en"}), ("source", by_file)):
        for name, members in sorted(parts.items()):
            likely = held_out(shapes, examples, [members])
            totals[kind][name] = sums([Judged(examples[n], next(readings(examples[n])), likely[n], *chosen) for n in sorted(likely)])
    SUMS.write_text(json.dumps(totals, indent=1) + "\n", encoding="utf-8")


def main():
    """Train, and write the model and the held-out verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="keep the thresholds and the held-out verdicts as they are")
    parser.add_argument("--without", action="append", default=[], help="leave these files of data/errors out")
    arguments = parser.parse_args()
    examples = load(without=arguments.without)
    shapes = Shapes(examples)
    chosen = FIRST
    if not arguments.quick:
        likely = held_out(shapes, examples, folds(examples))
        likely = {number: likely[number] for number in sorted(likely) if is_real(examples[number])}
        chosen = thresholds(likely, examples)
        judged = [Judged(examples[n], next(readings(examples[n])), likely[n], *chosen) for n in likely]
        keep(examples, judged, chosen, shapes)
    elif FILE.exists():
        old = json.loads(FILE.read_bytes()[4 : 4 + int.from_bytes(FILE.read_bytes()[:4], "little")])
        chosen = (old["fail_fast_at"] / 1000, old["least"] / 1000)
    count = write(shapes, examples, chosen)
    sys.stdout.write(
        f"{len(examples)} examples, {count} features, {FILE.stat().st_size / 1000:.0f} kB; the request is at fault from {chosen[0]:.0%}, "
        f"believed from {chosen[1]:.0%}\n"
    )


if __name__ == "__main__":
    main()
