"""`sparekey migrate` on LiteLLM's `config.yaml`: what is printed loads, no key is shown, nothing is dropped unseen."""

import tomllib

import pytest

from sparekey.config import load_config

LITELLM = """
model_list:
  - model_name: smart
    litellm_params:
      {model: azure/smart-us, api_base: "https://us.example", api_key: os.environ/AZURE_US, api_version: "2024-10-21", order: 2, rpm: 60}
  - model_name: smart
    litellm_params: {model: openai/gpt-5.6-luna, api_key: sk-literal-literal-1, order: 1, weight: 3}
  - model_name: other
    litellm_params: {model: anthropic/claude-sonnet-5, api_key: os.environ/ANTHROPIC_API_KEY}
  - model_name: alone
    litellm_params: {model: groq/openai/gpt-oss-120b}
  - model_name: vectors
    litellm_params: {model: openai/text-embedding-3-small}
  - model_name: vectors
    litellm_params: {model: azure/our-te3, api_base: "https://us.example", api_key: os.environ/AZURE_US}
    model_info: {mode: embedding, base_model: azure/text-embedding-3-small}
  - model_name: vectors
    litellm_params: {model: voyage/voyage-4, api_key: os.environ/VOYAGE_API_KEY}
  - model_name: pictures
    litellm_params: {model: openai/gpt-image-1}
    model_info: {mode: image_generation}
router_settings: {num_retries: 1, timeout: 30, cooldown_time: 60, fallbacks: [{smart: [other]}]}
litellm_settings: {cache: true}
general_settings: {master_key: sk-master-master-1}
"""


@pytest.fixture
def migrated(sparekey, folder):
    """The result for the file above."""
    (folder / "config.yaml").write_text(LITELLM)
    return sparekey("migrate", "config.yaml")


def test_group_becomes_a_chain_in_order(migrated, folder):
    """Deployments go by `order`, the fallback's stand behind them, retries and timeout are the chain's; it loads."""
    assert migrated.exit_code == 0
    (folder / "sparekey.toml").write_text(migrated.stdout)
    vlm = load_config(folder / "sparekey.toml").vlm
    assert [c.id for c in vlm.credentials] == ["openai-gpt-5.6-luna", "azure-smart-us", "anthropic-claude-sonnet-5"]
    assert (vlm.max_retries, vlm.timeout, vlm.credentials[1].api_key.text) == (1, 30, "env:AZURE_US")


def test_only_one_space_in_the_embedding_chain(migrated):
    """`base_model` tells that a deployment shares the space; another model is left out and told."""
    dense = tomllib.loads(migrated.stdout)["embedding"]["dense"]
    assert (dense["space"], len(dense["credentials"])) == ("text-embedding-3-small", 2)
    assert "voyage-4 has another vector space" in migrated.stderr


def test_literal_key_becomes_a_reference(migrated):
    """No key of the file is shown anywhere; a line says into which variable it belongs."""
    assert "sk-literal" not in migrated.output
    assert "sk-master" not in migrated.output
    assert tomllib.loads(migrated.stdout)["vlm"]["credentials"][0]["api_key"] == "env:MODEL_LIST_1_API_KEY"
    assert "put it into the variable MODEL_LIST_1_API_KEY" in migrated.stderr


@pytest.mark.parametrize("what", ["weight", "rpm", "cooldown_time", "litellm_settings.cache", "master_key", "model_name alone", "pictures"])
def test_what_has_no_counterpart_is_told(migrated, what):
    """Each thing left out has a line."""
    assert any(what in line for line in migrated.stderr.splitlines() if line.startswith("left out: "))


def test_bad_yaml_is_told_with_its_place(sparekey, folder):
    """Line and column are named; tags that would run code are refused."""
    (folder / "bad.yaml").write_text("model_list:\n  - a: [1\n")
    assert "line 3, column 1" in sparekey("migrate", "bad.yaml").stderr
    (folder / "evil.yaml").write_text("model_list: !!python/object/apply:os.system [echo]\n")
    assert sparekey("migrate", "evil.yaml").exit_code == 2


def test_base_url_that_cannot_be_told_stops_it(sparekey, folder):
    """A base URL from a variable that is not set is never left out: the key would go to another host."""
    (folder / "c.yaml").write_text(
        "model_list: [{model_name: a, litellm_params: {model: openai/a, api_key: k, api_base: os.environ/NOT_SET_X}}]"
    )
    result = sparekey("migrate", "c.yaml")
    assert result.exit_code == 2
    assert "NOT_SET_X is not set here" in result.stderr


def test_file_of_litellm_is_not_written_over(sparekey, migrated, folder):
    """`--write` is refused."""
    assert sparekey("migrate", "config.yaml", "--write").exit_code == 2
    assert (folder / "config.yaml").read_text() == LITELLM
