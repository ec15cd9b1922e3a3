"""The page about embeddings names what there is."""

from pathlib import Path

from sparekey.providers import names

PAGE = Path(__file__).parents[2] / "docs" / "embedding.md"


def test_every_provider_is_on_the_page():
    """Whoever adds a provider of embeddings writes it down."""
    page = PAGE.read_text(encoding="utf-8")
    rows = {name.strip() for line in page.splitlines() if line.startswith("| ") for name in line.split("|")[1].split(",")}
    assert set(names("embedding")) <= rows
