"""Whatever a LiteLLM file holds, it becomes a file that TOML can hold, or is refused; no key of it goes anywhere."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from sparekey.cli import toml
from sparekey.config.litellm import convert
from sparekey.errors import ConfigError

SECRET = "sk-hush-0123456789abcdef"
NAMES = st.sampled_from(
    [
        *("model_name", "litellm_params", "model_info", "model", "api_base", "extra_body", "headers", "organization", "order", "timeout"),
        *("dimensions", "mode", "id", "temperature", "tools", "fallbacks", "model_group_alias", "num_retries", "default_fallbacks"),
    ]
)
LEAVES = st.sampled_from([None, 1, 2.5, True, "", "a", "os.environ/X", "openai/a", "anthropic/b", "gemini/c", "bedrock/d", "*"])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6)
PARAMS = st.builds(lambda more, model: {**more, "model": model, "api_key": SECRET}, st.dictionaries(NAMES, VALUES, max_size=3), LEAVES)
ENTRIES = st.builds(lambda name, params, info: {"model_name": name, "litellm_params": params, "model_info": info}, LEAVES, PARAMS, VALUES)
TABLES = st.dictionaries(NAMES, VALUES, max_size=3)


@given(st.lists(ENTRIES, min_size=1, max_size=3), TABLES, TABLES)
def test_whatever_is_read_it_is_converted_or_refused(entries, router, litellm):
    """No other exception comes out, what comes out can be written and read again, and no literal key is in it or in the lines about it."""
    data = {"model_list": entries, "router_settings": router, "litellm_settings": litellm, "general_settings": {"master_key": SECRET}}
    try:
        done = convert(data, {"X": "https://x.example"})
    except ConfigError as exc:
        assert SECRET not in str(exc)  # noqa: PT017 - what can be converted raises nothing
        return
    written = toml.dumps(done.config)
    assert tomllib.loads(written) == done.config
    assert SECRET not in "".join([written, *done.left_out, *done.to_do])
