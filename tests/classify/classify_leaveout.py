"""Leave one provider out: how well are its errors read without the rules that only its own cases use?

`python tests/classify/classify_leaveout.py` prints those rules and the share for each provider. Providers with fewer than five cases are
pooled: for each of them the own rules of all of the pool are left out, so the pool is one provider here.
"""

import sys
from collections import Counter, defaultdict
from typing import NamedTuple

from classify_corpus import find_shared, judge, load, right

from sparekey.classify import Classifier
from sparekey.classify.rulebook import Rulebook

FEW = 5
POOL = "(few cases)"


class LeftOut(NamedTuple):
    """One provider left out: how many of its cases are read rightly without its own rules, of how many; and those rules."""

    provider: str
    right: int
    cases: int
    rules: tuple[str, ...]

    @property
    def share(self):
        return self.right / self.cases


def leave_each_out(cases, classifier):
    """Return a `LeftOut` for each provider, the pool last."""
    counts = Counter(case["provider"] for case in cases)
    owner = {name: name if count >= FEW else POOL for name, count in counts.items()}
    groups, users = defaultdict(list), defaultdict(set)
    for case in cases:
        group = owner[case["provider"]]
        groups[group].append(case)
        users[judge(classifier, case, rich=True).rule].add(group)
    return [_left_out(group, groups[group], users) for group in sorted(groups, key=lambda name: (name == POOL, name))]


def _left_out(group, cases, users):
    own = tuple(sorted(rule for rule, groups in users.items() if groups == {group}))
    without = Classifier(book=Rulebook(without=own))
    return LeftOut(group, sum(right(case, judge(without, case, rich=True)) for case in cases), len(cases), own)


def main():
    path = find_shared()
    if path is None:
        sys.exit("shared/errors/corpus.jsonl is missing: it lies beside the clone, not in it")
    for left in leave_each_out(load(path), Classifier()):
        sys.stdout.write(f"{left.provider}: {left.right}/{left.cases} = {left.share:.2f} without {len(left.rules)} rules of its own\n")
        sys.stdout.writelines(f"    {rule[:150]}\n" for rule in left.rules)


if __name__ == "__main__":
    main()
