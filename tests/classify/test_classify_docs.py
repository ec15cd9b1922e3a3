"""docs/errors.md says what the rules say."""

from pathlib import Path

from sparekey.classify.codes import EMPTY, TELLING, VAGUE
from sparekey.classify.docs import page
from sparekey.classify.phrases import Phrase
from sparekey.classify.rulebook import WORDS
from sparekey.classify.words_faults import LAST

TABLES = (*WORDS, TELLING, VAGUE, EMPTY, LAST)


def test_the_page_is_current():
    """Run `python -m sparekey.classify.docs > docs/errors.md` after a change of the rules."""
    assert (Path(__file__).parents[2] / "docs" / "errors.md").read_text(encoding="utf-8") == page()


def test_every_phrase_can_be_taken_apart():
    """No nested choices, no gap inside a choice, no phrase that is empty, no row without phrases."""
    for table in TABLES:
        for row, phrases in table:
            assert phrases, row
            assert isinstance(phrases, tuple), row
            for phrase in phrases:
                assert phrase.count("(") == phrase.count(")"), phrase
                assert all("(" not in piece.partition(")")[0] and "*" not in piece.partition(")")[0] for piece in phrase.split("(")[1:]), (
                    phrase
                )
                assert Phrase(phrase, None).source.strip(" *()|"), phrase
