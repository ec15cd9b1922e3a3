"""The examples of docs/failover.md run and print what the page says."""

from pathlib import Path

import pytest
from pytest_examples import find_examples

PAGE = Path(__file__).parents[2] / "docs" / "failover.md"


@pytest.mark.parametrize("example", list(find_examples(str(PAGE))), ids=str)
def test_the_page_keeps_its_word(example, eval_example):
    """Every Python block stands on its own."""
    eval_example.run_print_check(example)
