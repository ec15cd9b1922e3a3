"""The examples that LiteLLM itself ships: each becomes a configuration that loads, or is refused for reasons that are told."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from sparekey.config import config_of
from sparekey.config.litellm import convert
from sparekey.errors import ConfigError

PROXY = Path(find_spec("litellm").origin).parent / "proxy" if find_spec("litellm") else Path()
EXAMPLES = [
    file for file in sorted({*PROXY.glob("example_config_yaml/*.yaml"), *PROXY.glob("*_config.yaml")}) if "model_list" in file.read_text()
]


def converted(file):
    """What became of a file: a configuration, or why there is none. Each variable that it names is set."""
    text = file.read_text()
    try:
        return config_of(
            convert(yaml.safe_load(text), dict.fromkeys(re.findall(r"os\.environ/(\w+)", text), "https://x.example")).config
        ), ""
    except ConfigError as exc:
        return None, str(exc)


@pytest.mark.skipif(not EXAMPLES, reason="litellm is not installed")
def test_most_of_them_convert():
    """Those that do not have nothing but entries that need LiteLLM's own code, or wildcards; no entry takes the others down with it."""
    found = {file.name: converted(file) for file in EXAMPLES}
    refused = {name: why for name, (config, why) in found.items() if config is None}
    assert len(found) - len(refused) >= 20
    assert all(why.startswith("model_list: ") for why in refused.values()), refused
    assert all(config.gateway.chat or config.gateway.embedding for config, _ in found.values() if config)
