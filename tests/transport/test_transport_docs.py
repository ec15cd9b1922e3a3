"""The page about transports, run as it stands."""

from pathlib import Path

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples

PAGE = Path(__file__).parents[2] / "docs" / "transports.md"


@pytest.mark.parametrize("example", find_examples(PAGE), ids=str)
def test_examples_run(example: CodeExample, eval_example: EvalExample):
    """Every example of the page runs by itself and its assertions hold."""
    pytest.importorskip("openai", reason="the SDK openai is not installed")
    eval_example.run(example)
