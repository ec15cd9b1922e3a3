"""docs/errors.md is written by `make docs` from the tables and the scores."""

from pathlib import Path

from errors_page import page

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def test_the_page_is_current():
    """Run `make docs` after a change of the tables, the examples or the scores."""
    assert PAGE.read_text(encoding="utf-8") == page()
