"""Score the classifier: `make score`.

It prints three things: how the model reads the examples that it has learned; how models that had
not seen a provider read its errors (from `make train`); and every held-out verdict that differs
from the committed one, which shows what a change of the examples has changed.
"""

import subprocess
import sys
from collections import Counter, defaultdict

from error_examples import HELD_OUT, NOW, accepted, judge, load, name_of, reaction
from sparekey.classify import Classifier
from sparekey.types import ErrorClass


def main():
    """Print the scores by class, and the verdicts that have changed."""
    examples = {name_of(example): example for example in load()}
    classifier = Classifier(now=lambda: NOW)
    for title, rich in (("learned, with structure", True), ("learned, from bare text", False)):
        found = {name: str(judge(classifier, example, rich=rich).error_class) for name, example in examples.items()}
        _print(title, examples, found)
    held = _verdicts(HELD_OUT.read_text(encoding="utf-8"))
    _print("held out, by provider", {name: examples[name] for name in held if name in examples}, held)
    for name in sorted(examples.keys() & held.keys()):
        if held[name] not in accepted(examples[name]):
            sys.stdout.write(f"  wrong  {name}: {examples[name]['class']}, read as {held[name]}\n")
    before = _verdicts(_committed())
    flips = [name for name in held if name in before and held[name] != before[name] and name in examples]
    sys.stdout.write(f"{len(flips)} verdicts flipped, {len(held.keys() - before.keys())} are new\n")
    for name in sorted(flips):
        mark = "+" if held[name] in accepted(examples[name]) else "-" if before[name] in accepted(examples[name]) else " "
        sys.stdout.write(f"  {mark} {name}: {before[name]} -> {held[name]} ({examples[name]['class']})\n")


def _verdicts(text):
    """Return the class found by the name of each example."""
    return {fields[0]: fields[2] for line in text.splitlines() if len(fields := line.split("\t")) > 2}


def _committed():
    done = subprocess.run(["git", "show", f"HEAD:./{HELD_OUT.name}"], cwd=HELD_OUT.parent, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def _print(title, examples, found):
    rows = defaultdict(Counter)
    for name, example in examples.items():
        right, got = accepted(example), found[name]
        wanted = {reaction(label) for label in right}
        for row in (example["class"], "all"):
            rows[row].update(
                n=1,
                exact=got in right,
                reaction=reaction(got) in wanted,
                lost=reaction(got) == "fail_fast" and "fail_fast" not in wanted,
                waste=reaction(got) != "fail_fast" and wanted == {"fail_fast"},
            )
    sys.stdout.write(f"{title}\n")
    for label in (*ErrorClass, "all"):
        if row := rows.get(label):
            n = row["n"]
            exact, right = row["exact"] / n, row["reaction"] / n
            sys.stdout.write(f"  {label:16s} {n:5d}  exact {exact:.3f}  reaction {right:.3f}  lost {row['lost']}  waste {row['waste']}\n")


if __name__ == "__main__":
    main()
