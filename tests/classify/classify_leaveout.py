"""Leave one provider out: how well are its errors read without the rules that only its own cases use?

`python tests/classify/classify_leaveout.py` prints those rules and the share for each provider.
"""

import sys
from collections import defaultdict
from typing import NamedTuple

from classify_corpus import find_shared, judge, load, right

from sparekey.classify import Classifier
from sparekey.classify.rulebook import Rulebook


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
    """Return a `LeftOut` for each provider."""
    groups, users = defaultdict(list), defaultdict(set)
    for case in cases:
        groups[case["provider"]].append(case)
        users[judge(classifier, case, rich=True).rule].add(case["provider"])
    return [_left_out(provider, groups[provider], users) for provider in sorted(groups)]


def _left_out(provider, cases, users):
    own = tuple(sorted(rule for rule, providers in users.items() if providers == {provider}))
    without = Classifier(book=Rulebook(without=own))
    return LeftOut(provider, sum(right(case, judge(without, case, rich=True)) for case in cases), len(cases), own)


def main():
    path = find_shared()
    if path is None:
        sys.exit("shared/errors/corpus.jsonl is missing: it lies beside the clone, not in it")
    for left in leave_each_out(load(path), Classifier()):
        sys.stdout.write(f"{left.provider}: {left.right}/{left.cases} = {left.share:.2f} without {len(left.rules)} rules of its own\n")
        sys.stdout.writelines(f"    {rule[:150]}\n" for rule in left.rules)


if __name__ == "__main__":
    main()
