"""The page about embeddings, run as it stands."""

from pathlib import Path

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples

from sparekey.providers import names

PAGE = Path(__file__).parents[2] / "docs" / "embedding.md"


@pytest.mark.parametrize("example", find_examples(PAGE), ids=str)
def test_examples_run(example: CodeExample, eval_example: EvalExample):
    """Every example of the page runs by itself and its assertions hold."""
    pytest.importorskip("openai", reason="the openai SDK is not installed")
    pytest.importorskip("volcenginesdkarkruntime", reason="the Ark SDK is not installed")
    eval_example.run(example)


def test_every_provider_is_on_the_page():
    """Whoever adds a provider of embeddings writes it down."""
    page = PAGE.read_text(encoding="utf-8")
    rows = {name.strip() for line in page.splitlines() if line.startswith("| ") for name in line.split("|")[1].split(",")}
    assert set(names("embedding")) <= rows
