"""`sparekey migrate` on LiteLLM's `config.yaml`: what is printed loads, no key is shown, nothing is dropped unseen."""

import tomllib

import pytest

from sparekey import ConfigError
from sparekey.config import load_config

LITELLM = """
model_list:
  - model_name: smart
    litellm_params:
      {model: azure/smart-us, api_base: "https://us.example", api_key: os.environ/AZURE_US, api_version: "2024-10-21", order: 2, rpm: 60}
  - model_name: smart
    litellm_params: {model: openai/gpt-6-luna, api_key: sk-literal-literal-1, order: 1, weight: 3, temperature: 0.2, max_tokens: 500}
  - model_name: other
    litellm_params: {model: anthropic/claude-sonnet-5-5, api_key: os.environ/ANTHROPIC_API_KEY}
  - model_name: alone
    litellm_params: {model: groq/openai/gpt-oss-120b}
  - model_name: cloud
    litellm_params: {model: bedrock/some-model, aws_region_name: eu-central-1}
  - model_name: vectors
    litellm_params: {model: openai/text-embedding-3-small, dimensions: 512}
  - model_name: vectors
    litellm_params: {model: azure/our-te3, api_base: "https://us.example", api_key: os.environ/AZURE_US, dimensions: 512}
    model_info: {mode: embedding, base_model: azure/text-embedding-3-small}
  - model_name: vectors
    litellm_params: {model: voyage/voyage-4, api_key: os.environ/VOYAGE_API_KEY}
  - model_name: ranks
    litellm_params: {model: cohere/rerank-v3.5}
    model_info: {mode: rerank}
  - model_name: "*"
    litellm_params: {model: "*"}
router_settings:
  num_retries: 1
  timeout: 30
  cooldown_time: 60
  allowed_fails: 3
  fallbacks: [{smart: [other]}]
  default_fallbacks: [alone]
  model_group_alias: {clever: smart, secret: {model: other, hidden: true}, nobody: nothing}
litellm_settings: {cache: true, drop_params: true}
general_settings: {master_key: sk-master-master-1, database_url: os.environ/DATABASE_URL}
"""


@pytest.fixture
def migrated(sparekey, folder):
    """The result for the file above."""
    (folder / "config.yaml").write_text(LITELLM)
    return sparekey("migrate", "config.yaml")


@pytest.fixture
def loaded(migrated, folder):
    """The gateway's section of what was printed, as it loads."""
    (folder / "sparekey.toml").write_text(migrated.stdout)
    return load_config(folder / "sparekey.toml").gateway


def told(result, kind):
    return [line.removeprefix(f"{kind}: ") for line in result.stderr.splitlines() if line.startswith(f"{kind}: ")]


def test_each_group_is_a_chain_under_its_own_name(migrated, loaded):
    """Clients go on calling the models as they did; what cannot be served is no chain."""
    assert migrated.exit_code == 0
    assert list(loaded.chat) == ["smart", "other", "alone"]
    assert list(loaded.embedding) == ["vectors"]
    assert loaded.chat["smart"].aliases == ["clever"]
    assert loaded.port == 4000


def test_deployments_go_by_order_and_fallbacks_stand_behind(loaded):
    """Within a group `order` counts, then come its fallbacks; a group without any gets the general ones."""
    smart, other = loaded.chat["smart"], loaded.chat["other"]
    assert [c.id for c in smart.credentials] == ["openai-gpt-6-luna", "azure-smart-us", "anthropic-claude-sonnet-5-5"]
    assert [c.id for c in other.credentials] == ["anthropic-claude-sonnet-5-5", "groq-openai-gpt-oss-120b"]
    assert (smart.max_retries, smart.timeout, smart.credentials[1].api_key.text) == (1, 30, "env:AZURE_US")


def test_parameters_of_a_deployment_are_sent_where_a_client_leaves_them_out(migrated, loaded):
    """Temperature and the like are the credential's `extra_request_body`, and not listed as left out."""
    assert loaded.chat["smart"].credentials[0].extra_request_body == {"temperature": 0.2, "max_tokens": 500}
    assert not any("temperature" in line or "max_tokens" in line for line in told(migrated, "left out"))


def test_every_chain_speaks_one_format(migrated, loaded):
    """Claude is reached at its OpenAI-compatible address, with its own key at its own host; a line says so."""
    claude = loaded.chat["smart"].credentials[2]
    assert (claude.provider, claude.api_base, claude.api_key.text) == ("openai", "https://api.anthropic.com/v1", "env:ANTHROPIC_API_KEY")
    assert any("anthropic is reached at its OpenAI-compatible address" in line for line in told(migrated, "to do"))


def test_only_one_space_in_an_embedding_chain(migrated, loaded):
    """`base_model` tells that a deployment shares the space; another model is left out and told."""
    dense = loaded.embedding["vectors"]
    assert (dense.space, dense.dimension, len(dense.credentials)) == ("text-embedding-3-small", 512, 2)
    assert "voyage-4 has another vector space" in migrated.stderr


def test_keys_in_the_file_become_references(migrated, loaded):
    """No key of the file is shown anywhere; lines say into which variables they belong."""
    assert "sk-literal" not in migrated.output
    assert "sk-master" not in migrated.output
    assert loaded.chat["smart"].credentials[0].api_key.text == "env:MODEL_LIST_1_API_KEY"
    assert [(c.name, c.key.text) for c in loaded.clients] == [("master", "env:LITELLM_MASTER_KEY")]
    for name in ("MODEL_LIST_1_API_KEY", "LITELLM_MASTER_KEY"):
        assert f"put it into the variable {name}" in migrated.stderr


@pytest.mark.parametrize(
    "what",
    [
        *("model_list[1].litellm_params.weight", "model_list[0].litellm_params.rpm", "router_settings.cooldown_time"),
        *("router_settings.allowed_fails", "litellm_settings.cache", "litellm_settings.drop_params", "general_settings.database_url"),
        *("model_list[4].litellm_params.aws_region_name", "model_list[4] (cloud)", "model_name cloud", "model_list[8] (ranks)"),
        *("model_list[9] (*)", "router_settings.model_group_alias.secret.hidden", "router_settings.model_group_alias.nobody"),
    ],
)
def test_what_has_no_counterpart_is_told(migrated, what):
    """Each thing left out has a line that names its place and says why."""
    (line,) = [line for line in told(migrated, "left out") if line.startswith(f"{what}: ")]
    assert len(line) > len(what) + 10


def test_what_was_taken_over_is_not_told_as_left_out(migrated):
    """The lines are true: nothing that the result holds is among them."""
    lines = told(migrated, "left out")
    for taken in ("fallbacks", "num_retries", "timeout", "order", "dimensions", "master_key", "mode", "base_model"):
        assert not any(line.partition(": ")[0].endswith(f".{taken}") for line in lines), taken


MIXED = """
model_list:
  - {model_name: chat, litellm_params: {model: gpt-4o}}
  - {model_name: native, litellm_params: {model: anthropic/claude-x, api_base: "https://claude.example", api_key: os.environ/K}}
  - {model_name: mail, litellm_params: {model: mistral/mistral-embed}, model_info: {mode: embedding}}
  - {model_name: pictures, litellm_params: {model: openai/gpt-image-1}, model_info: {mode: image_generation}}
  - {model_name: own, litellm_params: {model: ollama_chat/qwen3, api_base: "http://box:11434"}}
  - {model_name: house, litellm_params: {model: openai/big, api_base: "http://vllm.house:8000/v1", api_key: none}}
  - {model_name: qwen, litellm_params: {model: dashscope/qwen-plus}}
  - {model_name: asks, litellm_params: {model: perplexity/sonar, litellm_credential_name: shared}}
  - {model_name: "two words", litellm_params: {model: gpt-4o}}
credential_list:
  - {credential_name: shared, credential_values: {api_key: os.environ/SHARED_KEY}}
litellm_settings: {fallbacks: [{chat: [native]}], num_retries: 0, request_timeout: 20}
"""


def test_hosts_and_keys_are_those_that_litellm_would_use(sparekey, folder, monkeypatch):
    """Base URLs and keys that the file leaves out come from LiteLLM's own defaults; every key stays with its host."""
    monkeypatch.setenv("OPENAI_API_BASE", "https://eu.example/v1")
    (folder / "c.yaml").write_text(MIXED)
    result = sparekey("migrate", "c.yaml")
    assert result.exit_code == 0
    chat = tomllib.loads(result.stdout)["gateway"]["chat"]
    rows = {name: chain["credentials"][0] for name, chain in chat.items()}
    assert {name: (row["provider"], row["model"], row.get("api_base"), row.get("api_key")) for name, row in rows.items()} == {
        "chat": ("openai", "gpt-4o", "https://eu.example/v1", "env:OPENAI_API_KEY"),
        "native": ("anthropic", "claude-x", "https://claude.example", "env:K"),
        "pictures": ("openai", "gpt-image-1", "https://eu.example/v1", "env:OPENAI_API_KEY"),
        "own": ("ollama", "qwen3", "http://box:11434/v1", None),
        "house": ("openai", "big", "http://vllm.house:8000/v1", "env:MODEL_LIST_5_API_KEY"),
        "qwen": ("dashscope", "qwen-plus", None, "env:DASHSCOPE_API_KEY"),
        "asks": ("perplexity", "sonar", None, "env:SHARED_KEY"),
    }
    assert tomllib.loads(result.stdout)["gateway"]["embedding"]["mail"]["credentials"][0]["provider"] == "mistral"
    assert "fallback chat -> native: speaks anthropic's format, the first of its chain openai's" in told(result, "left out")
    assert any("two words" in line for line in told(result, "left out"))
    assert any("dashscope-intl" in line for line in told(result, "to do"))


def test_nothing_to_take_over_is_told(sparekey, folder):
    """A file of models that cannot be served is refused, with a line for each."""
    (folder / "c.yaml").write_text("model_list: [{model_name: a, litellm_params: {model: bedrock/a}}]")
    result = sparekey("migrate", "c.yaml")
    assert result.exit_code == 2
    assert "nothing in it can be taken over" in result.stderr
    assert "write openai/MODEL with its api_base" in result.stderr


def test_bad_yaml_is_told_with_its_place(sparekey, folder):
    """Line and column are named; tags that would run code are refused."""
    (folder / "bad.yaml").write_text("model_list:\n  - a: [1\n")
    assert "line 3, column 1" in sparekey("migrate", "bad.yaml").stderr
    (folder / "evil.yaml").write_text("model_list: !!python/object/apply:os.system [echo]\n")
    assert sparekey("migrate", "evil.yaml").exit_code == 2


def test_a_base_url_that_is_not_set_here_stays_a_variable(sparekey, folder):
    """It is never left out: the key would go to another host. The gateway refuses to start where it is not set either."""
    (folder / "c.yaml").write_text(
        "model_list: [{model_name: a, litellm_params: {model: openai/a, api_key: k, api_base: os.environ/NOT_SET_X}}]"
    )
    result = sparekey("migrate", "c.yaml")
    assert result.exit_code == 0
    assert 'api_base = "${NOT_SET_X}"' in result.stdout
    assert "NOT_SET_X is not set here; export it where the gateway runs" in result.stderr
    (folder / "sparekey.toml").write_text(result.stdout)
    with pytest.raises(ConfigError, match=r"api_base: the environment variable NOT_SET_X is not set; export it"):
        load_config(folder / "sparekey.toml")


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("azure/", "names no model after azure/"),
        ("cohere/rerank-english-v3.0", "models of mode rerank are not served"),
        ("os.environ/NOT_SET_X", "its model stands in NOT_SET_X"),
        ("openai/*", "names no single model"),
        ("", "names no model; write litellm_params.model"),
    ],
)
def test_odd_entries_are_left_out_with_a_reason(sparekey, folder, model, why):
    """The others are taken over; a model without a key has the usual variable; the port stays what it was."""
    rows = ["{model_name: a, litellm_params: {model: gpt-4o}}"]
    rows.append(f"{{model_name: odd, litellm_params: {{model: '{model}', api_base: 'https://x.example', api_key: os.environ/K}}}}")
    (folder / "c.yaml").write_text(f"model_list: [{', '.join(rows)}]\ngeneral_settings: {{port: 4321}}")
    result = sparekey("migrate", "c.yaml")
    assert result.exit_code == 0
    assert f"left out: model_list[1] (odd): {why}" in result.stderr
    found = tomllib.loads(result.stdout)["gateway"]
    assert (found["port"], list(found["chat"])) == (4321, ["a"])
    assert found["chat"]["a"]["credentials"][0]["api_key"] == "env:OPENAI_API_KEY"


def test_an_entry_that_is_no_table_takes_no_other_one_down(sparekey, folder):
    """It is left out by its number; an empty list is called one."""
    (folder / "c.yaml").write_text("model_list: [text, null, 5, {model_name: a, litellm_params: {model: gpt-4o}}]")
    result = sparekey("migrate", "c.yaml")
    assert result.exit_code == 0
    assert [f"left out: model_list[{n}]: is no table with a model_name" in result.stderr for n in range(4)] == [True, True, True, False]
    (folder / "c.yaml").write_text("model_list: []")
    assert "model_list: is empty" in sparekey("migrate", "c.yaml").stderr


def test_an_azure_deployment_is_the_one_that_litellm_asks(sparekey, folder):
    """Without an address it is at AZURE_API_BASE; a word that only tells LiteLLM how to ask is no part of its name."""
    models = ("azure/o_series/my-o3", "azure/responses/my-5")
    rows = [f"{{model_name: m{i}, litellm_params: {{model: {model}, api_key: os.environ/K}}}}" for i, model in enumerate(models)]
    (folder / "c.yaml").write_text(f"model_list: [{', '.join(rows)}]")
    result = sparekey("migrate", "c.yaml")
    chats = tomllib.loads(result.stdout)["gateway"]["chat"]
    assert [chats[name]["credentials"][0]["model"] for name in ("m0", "m1")] == ["my-o3", "my-5"]
    assert {chats[name]["credentials"][0]["api_base"] for name in ("m0", "m1")} == {"${AZURE_API_BASE}"}
    assert "AZURE_API_BASE is not set here" in result.stderr


def test_file_of_litellm_is_not_written_over(sparekey, migrated, folder):
    """`--write` is refused."""
    assert sparekey("migrate", "config.yaml", "--write").exit_code == 2
    assert (folder / "config.yaml").read_text() == LITELLM


def test_check_takes_what_was_migrated(sparekey, folder, provider, monkeypatch):
    """The chains of the result are tried by `sparekey check`, with the keys that LiteLLM had."""
    well = provider(text="yes", dimension=1536)
    own = f'{{api_base: "{well.base_url}", api_key: os.environ/MIGRATED_KEY'
    rows = [f"{{model_name: {name}, litellm_params: {own}, model: openai/{name}}}}}" for name in ("gpt-4o", "text-embedding-3-small")]
    (folder / "c.yaml").write_text(f"model_list: [{', '.join(rows)}]")
    monkeypatch.setenv("MIGRATED_KEY", "sk-migrated")
    (folder / "sparekey.toml").write_text(sparekey("migrate", "c.yaml").stdout)
    result = sparekey("check")
    assert result.exit_code == 0
    assert "gateway.chat.gpt-4o could serve" in result.stdout
    assert "gateway.embedding.text-embedding-3-small could serve" in result.stdout


def only(sparekey, folder, text):
    """Migrate a file with this content."""
    (folder / "config.yaml").write_text(text)
    return sparekey("migrate", "config.yaml")


@pytest.mark.parametrize(
    "model",
    [
        *("text-completion-openai/gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct", "openai/davinci-002", "babbage-002"),
        *("azure/gpt-35-turbo-instruct-0914", "ft:davinci-002:org::1", "text-completion-codestral/codestral-2405"),
        *("together_ai/Salesforce/Llama-Rank-V1", "hosted_vllm/Qwen/Qwen3-Reranker-8B", "voyage/rerank-2"),
    ],
)
def test_a_model_that_does_not_chat_is_left_out_with_a_reason(sparekey, folder, model):
    """Neither a chain of its own nor the spare of a chat chain."""
    other = f"{{model_name: other, litellm_params: {{model: '{model}', api_base: 'https://x.example', api_key: os.environ/K}}}}"
    chat = "{model_name: chat, litellm_params: {model: gpt-4o}}"
    result = only(sparekey, folder, f"model_list: [{chat}, {other}]\nrouter_settings: {{fallbacks: [{{chat: [other]}}]}}\n")
    chains = tomllib.loads(result.stdout)["gateway"]["chat"]
    assert {name: len(one["credentials"]) for name, one in chains.items()} == {"chat": 1}
    assert "left out: model_list[1] (other): " in result.stderr
    assert ("completes texts" in result.stderr) is ("ank" not in model)


def test_a_model_of_another_mode_is_no_spare_of_a_chat_model(sparekey, folder):
    """It has a chain of its own."""
    models = ", ".join(f"{{model_name: {name}, litellm_params: {{model: {name}}}}}" for name in ("gpt-4o", "whisper-1", "dall-e-3"))
    result = only(sparekey, folder, f"model_list: [{models}]\nrouter_settings: {{default_fallbacks: [whisper-1, dall-e-3]}}\n")
    chains = tomllib.loads(result.stdout)["gateway"]["chat"]
    assert len(chains["gpt-4o"]["credentials"]) == 1
    assert "fallback gpt-4o -> whisper-1: its mode is audio_transcription" in result.stderr


def test_values_of_variables_and_odd_settings(sparekey, folder, monkeypatch):
    """A header refers to its variable, a body cannot; what is no number or no table is named."""
    monkeypatch.setenv("SECRET_X", "toksecret")
    params = "{model: gpt-4o, extra_headers: {X-T: os.environ/SECRET_X}, extra_body: {a: os.environ/SECRET_X}, timeout: soon}"
    rest = "router_settings: 5\nlitellm_settings: {num_retries: x}\ngeneral_settings: {port: abc}\n"
    result = only(sparekey, folder, f"model_list: [{{model_name: a, litellm_params: {params}}}]\n{rest}")
    (one,) = tomllib.loads(result.stdout)["gateway"]["chat"]["a"]["credentials"]
    assert one["extra_headers"] == {"X-T": "${SECRET_X}"}
    assert "extra_request_body" not in one
    assert "toksecret" not in result.stdout + result.stderr
    for path in ("model_list[0].litellm_params.a", "model_list[0].litellm_params.timeout", "router_settings"):
        assert f"left out: {path}: " in result.stderr
    for path in ("litellm_settings.num_retries", "general_settings.port"):
        assert f"left out: {path}: is no number" in result.stderr
