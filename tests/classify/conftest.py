import pytest
from classify_corpus import NOW

from sparekey.classify import Classifier


@pytest.fixture
def classifier():
    """Return a classifier whose clock stands still."""
    return Classifier(now=lambda: NOW)
