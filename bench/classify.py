"""What reading an error costs in processor time: with its structure, from bare text, and from 1 MB.

It reads the real errors of data/errors. After one pass to warm up it prints the mean of the rounds.
It measures processor time, because other programs share the machine.
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

START = time.process_time()
from sparekey.classify import Classifier, classify  # noqa: E402 - its import is measured

classify(ValueError("the first error"))
IMPORT = time.process_time() - START

from error_examples import body_of, exception, is_real, load  # noqa: E402

ROUNDS = 9


def calls(cases, classifier, *, rich):
    """Return the calls for each case; preparing them is not measured."""
    found = []
    for case in cases:
        if rich and case["body"] is not None and not case["exception"]:
            found.append((classifier.classify_response, (case["status"], case["headers"], body_of(case))))
        else:
            found.append((classifier.classify, (exception(case, rich=rich),)))
    return found


def seconds(todo):
    """Return the processor time of calling all."""
    start = time.process_time()
    for function, arguments in todo:
        function(*arguments)
    return time.process_time() - start


def main():
    """Print the figures."""
    classifier = Classifier()
    cases = [case for case in load() if is_real(case)]
    print(f"{len(cases)} errors, {ROUNDS} rounds; import and first error {1e3 * IMPORT:.0f} ms")
    for rich in (True, False):
        todo = calls(cases, classifier, rich=rich)
        first = seconds(todo)
        rounds = [seconds(todo) for _ in range(ROUNDS)]
        mean, best, first = (1e6 * figure / len(todo) for figure in (sum(rounds) / ROUNDS, min(rounds), first))
        print(f"{'rich' if rich else 'text'}: mean {mean:.1f} us, best round {best:.1f} us, first pass {first:.1f} us")
    body = json.dumps({"error": {"message": "rate limit " * 95_000}}).encode()
    print(f"a body of {len(body) / 1e6:.2f} MB: {1e3 * seconds([(classifier.classify_response, (400, {}, body))]):.2f} ms")


if __name__ == "__main__":
    main()
