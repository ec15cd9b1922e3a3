"""A `backup` written as a `VLMConfig` in code is read like the table of the same words."""

import pytest

from sparekey import ConfigError, VLMConfig

KEY, SPARE = "sk-test-0123456789abcdef", "sk-spare-0123456789abcdef"


def test_a_backup_may_be_a_configuration():
    """OpenViking's users build both in code; nothing of the first one reaches the second."""
    backup = VLMConfig(model="small", providers={"openai": {"api_key": SPARE, "stream": False}}, temperature=1)
    config = VLMConfig(model="big", provider="volcengine", api_key=KEY, stream=True, backup=backup)
    assert [(c.id, c.provider, c.model, c.api_key, c.stream) for c in config.credentials] == [
        ("legacy-primary", "volcengine", "big", KEY, True),
        ("legacy-backup", "openai", "small", SPARE, False),
    ]
    assert [c.api_key for c in backup.credentials] == [SPARE]


def test_a_chain_as_backup_is_refused():
    """A configuration that had a backup of its own has become a chain, and a backup inside a backup is refused."""
    chain = VLMConfig(model="m", provider="openai", credentials=[{"api_key": KEY}, {"api_key": SPARE}])
    with pytest.raises(ConfigError, match="a backup cannot have a backup"):
        VLMConfig(model="big", provider="openai", api_key=KEY, backup=chain)
