"""`max_input_tokens = 0` means that inputs are sent as they are, as OpenViking's configuration has it."""

import pytest

from sparekey import EmbeddingConfig

DENSE = {"model": "m", "provider": "openai", "credentials": [{"api_key": "sk-test-0123456789abcdef"}]}


@pytest.mark.parametrize("config", [{"dense": DENSE, "max_input_tokens": 0}, {"dense": {**DENSE, "max_input_tokens": 0}}])
def test_zero_switches_the_cut_off(config):
    """An embedder that is told nothing cuts nothing; one that is told 0 must not cut everything."""
    (given,) = EmbeddingConfig(**config).dense.instance_dicts()
    assert "max_input_tokens" not in given


def test_unset_keeps_the_usual_cut():
    """Without a word about it inputs are cut to 4,096 tokens."""
    (given,) = EmbeddingConfig(dense=DENSE).dense.instance_dicts()
    assert given["max_input_tokens"] == 4096
