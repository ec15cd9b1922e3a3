"""Wordings of many providers, two shapes each: what the rules must read without a rule for each.

`wordings.jsonl` holds errors as these providers word them; unlike `recorded.jsonl` they were not copied from one recorded answer.
"""

from pathlib import Path

import pytest
from classify_corpus import load, raw, right

CASES = load(Path(__file__).with_name("wordings.jsonl"))


@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{c['class']}" for i, c in enumerate(CASES)])
def test_a_wording_is_read_rightly(case, classifier):
    """As a response, and as the text of an exception."""
    text = f"Error code: {case['status']} - {case['body']}" if case["status"] not in {None, 200} else str(case["body"])
    assert right(case, classifier.classify_response(case["status"], {}, raw(case["body"])))
    assert not case["body"] or right(case, classifier.classify(Exception(text)))
