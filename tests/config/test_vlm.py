"""A chat model's configuration: inheritance, ids, what is refused, what the engine and the backends get."""

import pytest

from sparekey import ConfigError, Secret, VLMConfig, VLMCredential

KEY = "sk-test-0123456789abcdef"


def chain(*credentials, **parent):
    return VLMConfig(**{"provider": "openai", "model": "m", "api_key": KEY, "credentials": list(credentials), **parent})


def refused(**config):
    with pytest.raises(ConfigError) as caught:
        VLMConfig(**config)
    assert KEY not in str(caught.value)
    return str(caught.value)


def test_credentials_inherit_what_they_leave_unset():
    """Provider, model, key, URL and body fields come from the parent; what a credential says itself stays."""
    config = chain({}, {"model": "n", "max_tokens": 5}, api_base="https://a.example/v1", max_tokens=9, extra_request_body={"a": 1})
    first, second = config.credentials_resolved
    assert (first.provider, first.model, first.api_base, first.max_tokens) == ("openai", "m", "https://a.example/v1", 9)
    assert (second.model, second.max_tokens, second.extra_request_body) == ("n", 5, {"a": 1})
    assert second.api_key == KEY


def test_an_explicit_false_or_zero_is_not_inherited_over():
    """False and 0 are values, not gaps."""
    config = chain({"stream": False, "forward_api_key": False}, stream=True, forward_api_key=True, max_retries=0)
    assert config.instance_dicts()[0]["stream"] is False
    assert config.instance_dicts()[0]["forward_api_key"] is False
    assert config.instance_dicts()[0]["max_retries"] == 0


def test_ids_default_to_their_place():
    """Credentials without an id are called after their place in the chain."""
    assert [c.id for c in chain({}, {"id": "eu"}, {}).credentials] == ["credential-0", "eu", "credential-2"]


def test_ids_that_are_used_twice_are_refused():
    """An id names one credential; the message says which."""
    assert "credentials[1].id: 'a' is used twice" in refused(
        provider="openai", model="m", api_key=KEY, credentials=[{"id": "a"}, {"id": "a"}]
    )


def test_a_default_id_counts_as_used():
    """Somebody may have called the first credential what the second one is called by default."""
    assert "used twice" in refused(provider="openai", model="m", api_key=KEY, credentials=[{"id": "credential-1"}, {}])


def test_a_key_does_not_follow_to_another_provider():
    """The parent's key belongs to the parent's provider: another provider's default host must not get it."""
    text = refused(provider="openai", model="m", api_key=KEY, credentials=[{}, {"provider": "deepseek"}])
    assert "credentials[1].api_key: is missing, and provider 'deepseek' needs it" in text


def test_a_base_url_does_not_follow_to_another_provider():
    """A key of one's own never goes to the parent's host."""
    config = chain({}, {"provider": "deepseek", "api_key": "sk-other"}, api_base="https://gateway.example/v1", extra_headers={"X-A": "1"})
    assert config.credentials[1].api_base is None
    assert config.credentials[1].extra_headers is None
    assert config.engine_credentials()[1].endpoint == "https://api.deepseek.com"


def test_key_and_base_url_are_inherited_together_by_another_provider():
    """One gateway may speak several wires: then key and URL go together, as the parent names them together."""
    second = chain({}, {"provider": "anthropic"}, api_base="https://gateway.example").credentials[1]
    assert (second.api_base, second.api_key) == ("https://gateway.example", KEY)


def test_aliases_are_read_as_the_provider_they_mean():
    """Backends see one name a provider."""
    assert [c.provider for c in chain({"provider": " ZAI ", "api_key": KEY}, {"provider": "ark", "api_key": KEY}).credentials] == [
        "glm",
        "volcengine",
    ]


def test_unknown_providers_get_a_suggestion():
    """A misspelt provider is met with the name that was probably meant."""
    assert "provider: unknown provider 'opnai'; did you mean 'openai'?" in refused(provider="opnai", model="m", api_key=KEY)
    assert "known are " in refused(provider="wholly-else", model="m", api_key=KEY)


def test_a_provider_without_chat_models_is_refused():
    """An embedding provider in a chat chain is a mistake."""
    assert "'voyage' has no chat models here" in refused(provider="voyage", model="m", api_key=KEY)


def test_a_subscription_provider_is_refused_with_the_reason():
    """OpenViking's Codex sign-in has no key that a chain could hold."""
    assert "OAuth" in refused(provider="openai-codex", model="m")


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "volcengine", "kimi", "glm", "dashscope", "openrouter"])
def test_a_missing_key_is_refused(provider):
    """Providers that need a key are refused without one, with the ways to give it."""
    text = refused(provider=provider, model="m")
    assert "api_key: is missing" in text
    assert "env:NAME" in text


@pytest.mark.parametrize("provider", ["ollama", "vllm", "lmstudio", "litellm"])
def test_servers_of_ones_own_need_no_key(provider):
    """Local servers and LiteLLM's own rules ask for none."""
    assert VLMConfig(model="m", credentials=[{"provider": provider}]).instance_dicts()[0].get("api_key") is None


def test_an_openai_compatible_server_needs_a_base_url_or_a_key():
    """With a base URL the key may be left out, because it may be a server of one's own."""
    assert VLMConfig(model="m", credentials=[{"provider": "openai", "api_base": "http://localhost:9/v1"}]).credentials


def test_azure_needs_its_own_base_url():
    """There is no default host for somebody's Azure resource."""
    assert "api_base: is missing, and provider 'azure' needs it" in refused(model="m", credentials=[{"provider": "azure", "api_key": KEY}])


def test_every_fault_is_reported_at_once():
    """One line a fault: nobody has to fix them one by one."""
    text = refused(credentials=[{"provider": "openai", "api_key": KEY}, {"provider": "opnai", "model": "m"}, {"provider": "azure"}])
    assert len(text.splitlines()) == 5


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"failback_timeout_seconds": -1}, "failback_timeout_seconds: must be at least 0, not -1"),
        ({"failback_request_count": 0}, "failback_request_count: must be at least 1, not 0"),
        ({"max_retries": -1}, "max_retries: must be at least 0, not -1"),
        ({"max_retries": 1.5}, "max_retries: must be a whole number"),
        ({"max_retries": True}, "max_retries: must be a whole number"),
        ({"timeout": 0}, "timeout: must be more than 0, not 0"),
        ({"timeout": True}, "timeout: must be a number"),
        ({"timeout": float("nan")}, "timeout: must be"),
        ({"deadline": float("inf")}, "deadline: must be a number that is not infinite"),
        ({"patience": "soon"}, "patience: must be a number"),
        ({"temperature": 3}, "temperature: must be at most 2, not 3"),
        ({"max_tokens": 0}, "max_tokens: must be more than 0, not 0"),
        ({"thinking": "perhaps"}, "thinking: must be true or false"),
        ({"media": {"video_fps": 0.1}}, "media.video_fps: must be at least 0.2, not 0.1"),
        ({"credentials": {}}, "credentials: must be a list"),
        ({"model": ""}, "model: is missing"),
        ({"model": "m\n"}, "model: holds a line break"),
        ({"provider": None}, "provider: is missing; known are "),
        ({"provider": 5}, "provider: must be text"),
    ],
)
def test_impossible_values_are_refused(wrong, said):
    """Each with its path, what it must be and, for a number, what it was."""
    assert said in refused(**{"provider": "openai", "model": "m", "api_key": KEY, "credentials": [{}], **wrong})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://a.example", "must begin with https:// or http://"),
        ("a.example/v1", "must begin with"),
        ("https://", "names no host"),
        ("https://a.example:99999", "is no URL"),
        ("https://a.example/\r\nX-Evil: 1", "line break"),
        ("https://me:secret@a.example", "holds a user or password"),
    ],
)
def test_base_urls_that_cannot_be_are_refused(url, said):
    """Schemes, hosts, ports, line breaks and passwords in URLs; the URL itself is not repeated."""
    text = refused(provider="openai", model="m", api_key=KEY, api_base=url, credentials=[{}])
    assert said in text
    assert "secret" not in text


@pytest.mark.parametrize("headers", [{"X-A": "1\r\nX-Evil: 2"}, {"X-A\r\nX-Evil": "2"}, {"": "1"}, {"X A": "1"}, {"X-A": "\0"}])
def test_header_injection_is_refused(headers):
    """A header can bring no further header with it."""
    assert "extra_headers" in refused(provider="openai", model="m", api_key=KEY, extra_headers=headers, credentials=[{}])


def test_unknown_keys_are_refused_with_their_path():
    """A misspelt key is named with its path and the key that was probably meant."""
    text = refused(model="m", credentials=[{"provider": "openai", "api_kye": KEY}])
    assert "credentials[0].api_kye: unknown key; did you mean 'api_key'?" in text


def test_model_level_keys_are_refused_on_a_credential():
    """What belongs to the whole chain is not for one credential to set; the message says where it goes."""
    text = refused(model="m", credentials=[{"provider": "openai", "api_key": KEY, "temperature": 1}])
    assert "credentials[0].temperature: belongs to the model, not to one credential; set temperature" in text


def test_keys_show_in_no_text(monkeypatch):
    """Neither repr, str nor a JSON dump holds a key; references are shown, because they help."""
    monkeypatch.setenv("SPARE", KEY)
    config = chain({}, {"api_key": "env:SPARE"}, extra_headers={"Authorization": KEY})
    for text in (repr(config), str(config), repr(config.engine_credentials()), repr(config.credentials[0].api_key)):
        assert KEY not in text
    assert "env:SPARE" in repr(config)
    assert KEY not in chain({}).model_dump_json()


def test_instances_get_plain_dicts(monkeypatch):
    """Set values only, keys as Secrets, the provider's URL where none is given; retries are the engine's in a chain."""
    monkeypatch.setenv("SPARE", "sk-from-env")
    first, second = chain({}, {"provider": "kimi", "api_key": "env:SPARE"}, max_retries=4, temperature=0).instance_dicts()
    assert first["api_key"] == Secret(KEY)
    assert first["api_base"] == "https://api.openai.com/v1"
    assert first["temperature"] == 0
    assert second["api_key"] == Secret("sk-from-env")
    assert (first["max_retries"], second["max_retries"]) == (0, 0)
    assert "max_tokens" not in first


def test_a_lone_instance_retries_by_itself():
    """There is no engine behind a single credential's instance."""
    assert chain({}, max_retries=4).instance_dicts()[0]["max_retries"] == 4


def test_the_engine_gets_credentials_and_a_policy():
    """Id, provider, model, account, endpoint, key; and the chain's knobs."""
    config = chain({"id": "a", "account": "acme"}, {"api_base": "http://localhost:1/v1/"}, patience=0.5, max_retries=1, deadline=30)
    first, second = config.engine_credentials()
    assert (first.id, first.provider, first.model, first.account, first.api_key) == ("a", "openai", "m", "acme", Secret(KEY))
    assert (first.endpoint, second.endpoint) == ("https://api.openai.com/v1", "http://localhost:1/v1")
    policy = config.policy()
    assert (policy.failback_timeout_seconds, policy.failback_request_count) == (600.0, 50)
    assert (policy.patience, policy.max_retries, policy.deadline) == (0.5, 1, 30.0)


def test_credentials_may_be_models():
    """A chain can be put together in code."""
    assert VLMConfig(model="m", credentials=[VLMCredential(id="x", provider="openai", api_key=Secret(KEY))]).instance_dicts()[0][
        "api_key"
    ] == Secret(KEY)


def test_a_credential_of_unknown_shape_is_refused():
    """Anything but a table is no credential."""
    assert "credentials[0]: must be a table" in refused(model="m", credentials=["sk-oops-0123456789abc"])


def test_model_validate_tells_faults_the_same_way():
    """Both ways in raise one ConfigError."""
    with pytest.raises(ConfigError, match="unknown key"):
        VLMConfig.model_validate({"model": "m", "tempereture": 1})


def test_the_instance_is_built_once_and_closed(monkeypatch):
    """The same instance until close(), then a new one."""
    closed = []

    class Instance:
        def close(self):
            closed.append(self)

    class Factory:
        build = staticmethod(lambda config: Instance())

    monkeypatch.setattr("sparekey.config.vlm.import_module", lambda name: {"sparekey.vlm.factory": Factory}[name])
    config = chain({})
    instance = config.get_vlm_instance()
    assert config.get_vlm_instance() is instance
    config.close()
    assert closed == [instance]
    assert config.get_vlm_instance() is not instance


def test_the_limits_of_streams_reach_the_policy():
    """Each by its key; 0 switches a limit off, and a recovery is one of four words."""
    policy = chain({}, attempt_limit=40, first_content_limit=3, idle_limit=4, stream_recovery="buffer").policy()
    assert (policy.attempt_limit, policy.first_content_limit, policy.idle_limit, policy.stream_recovery) == (40, 3, 4, "buffer")
    policy = chain({}, first_content_limit=0, idle_limit=0).policy()
    assert (policy.attempt_limit, policy.first_content_limit, policy.idle_limit, policy.stream_recovery) == (None, None, None, "splice")
