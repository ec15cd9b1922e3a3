"""Files of OpenViking that were refused although it takes them."""

import json

import pytest

from sparekey import load_config

VLM = {"provider": "openai", "model": "m", "api_key": "sk-test-0123456789abcdef"}


@pytest.mark.parametrize("section", ["query_planner", "oauth", "telemetry", "queue_workers", "semantic", "default_account"])
def test_it_is_known_by_any_section_of_its_own(tmp_path, section):
    """A copy under another name is known by its sections, the newer ones included."""
    file = tmp_path / "old.json"
    file.write_text(json.dumps({"vlm": VLM, section: {}}))
    assert load_config(file).vlm.model == "m"


def test_a_model_and_an_endpoint_share_a_space_that_is_named(tmp_path):
    """The id of an endpoint on Ark hides its model: that both are the same, `space` has to say; else their vectors could be mixed."""
    file = tmp_path / "ov.conf"
    dense = {
        "model": "doubao-embedding",
        "api_key": "ark-1",
        "credentials": [{"id": "a", "model": "ep-2025"}, {"id": "b", "api_key": "ark-2"}],
    }
    file.write_text(json.dumps({"embedding": {"dense": dense}}))
    with pytest.raises(ValueError, match="give both the same space"):
        load_config(file)
    file.write_text(json.dumps({"embedding": {"dense": {**dense, "space": "doubao"}}}))
    assert [c.model for c in load_config(file).embedding.dense.credentials] == ["ep-2025", "doubao-embedding"]


def test_two_models_still_do_not(tmp_path):
    """Two names of models are two spaces, whatever endpoints stand between them."""
    file = tmp_path / "ov.conf"
    credentials = [{"model": "ep-2025"}, {"model": "one"}, {"model": "other"}]
    file.write_text(json.dumps({"embedding": {"dense": {"api_key": "ark-1", "credentials": credentials}}}))
    with pytest.raises(ValueError, match="another model"):
        load_config(file)
