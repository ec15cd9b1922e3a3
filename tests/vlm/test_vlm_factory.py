"""From configurations to instances: every provider has its backend, and what is missing is named."""

import sys

import pytest
from vlm_backends import needs

from sparekey.errors import ConfigError, MissingExtraError
from sparekey.providers import names
from sparekey.vlm import VLMFactory
from sparekey.vlm.backends.litellm import LiteLLMVLM
from sparekey.vlm.backends.openai import OpenAIVLM
from sparekey.vlm.backends.volcengine import VolcengineVLM


@pytest.mark.parametrize("provider", [pytest.param(n, marks=needs("litellm")) if n == "litellm" else n for n in names("vlm")])
def test_every_provider_of_the_table_has_a_backend(provider):
    """No provider that a configuration may name ends in an error here."""
    vlm = VLMFactory.create({"provider": provider, "model": "m", "api_key": "k", "api_base": "http://127.0.0.1:9"})
    assert (vlm.provider, vlm.model, vlm.api_base) == (provider, "m", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("config", "backend", "model", "base"),
    [
        ({}, OpenAIVLM, "gpt-4o-mini", "https://api.openai.com/v1"),
        ({"backend": "volcengine"}, VolcengineVLM, "doubao-seed-2-0-lite-260428", "https://ark.cn-beijing.volces.com/api/v3"),
        ({"provider": "kimi", "model": "k2p5"}, OpenAIVLM, "kimi-for-coding", "https://api.kimi.com/coding/v1"),
        ({"provider": "kimi", "api_base": "https://api.kimi.com/coding"}, OpenAIVLM, "kimi-for-coding", "https://api.kimi.com/coding/v1"),
        ({"provider": "zhipu"}, OpenAIVLM, "glm-4.6v", "https://api.z.ai/api/coding/paas/v4"),
        ({"provider": "deepseek", "model": "deepseek-chat"}, OpenAIVLM, "deepseek-chat", "https://api.deepseek.com"),
        pytest.param({"provider": "bedrock", "model": "x"}, LiteLLMVLM, "x", None, marks=needs("litellm")),
    ],
)
def test_defaults_are_filled_in(config, backend, model, base):
    """Older names are read, aliases and defaults resolved, and what nobody knows goes to litellm."""
    vlm = VLMFactory.create({"api_key": "k", **config})
    assert type(vlm) is backend
    assert (vlm.model, vlm.api_base) == (model, base)


def test_attributes_show_the_configuration():
    """What was configured can be read from the instance."""
    config = {
        "provider": "openai", "model": "m", "api_key": "k", "api_base": "http://x", "temperature": 0.5, "max_tokens": 9, "max_retries": 1,
        "timeout": 3.0, "extra_headers": {"a": "b"}, "extra_request_body": {"c": 1}, "thinking": True, "stream": True,
    }  # fmt: skip
    vlm = VLMFactory.create(config)
    assert {name: getattr(vlm, name) for name in config} == config
    assert vlm.is_available()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"provider": "anthropic", "api_key": "k"}, "needs a model"),
        ({"provider": "azure", "model": "m", "api_key": "k"}, "api_base"),
    ],
)
def test_what_no_request_can_do_without_is_asked_for(config, words):
    """The error comes when the instance is made, and names the field."""
    with pytest.raises(ConfigError, match=words):
        VLMFactory.create(config)


@pytest.mark.parametrize(
    ("provider", "module", "extra"),
    [
        ("openai", "openai", "openai"),
        ("azure", "openai", "azure"),
        ("volcengine", "volcenginesdkarkruntime", "volcengine"),
        ("anthropic", "anthropic", "anthropic"),
        ("gemini", "google.genai", "gemini"),
        ("glm", "openai", "openai"),
        ("bedrock", "litellm", "litellm"),
    ],
)
def test_a_missing_sdk_names_its_extra(monkeypatch, provider, module, extra):
    """The error says what to install, and comes when the instance is made."""
    hidden = module.partition(".")[0]
    for name in [n for n in sys.modules if n == hidden or n.startswith(f"{hidden}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Hiding(hidden), *sys.meta_path])
    with pytest.raises(MissingExtraError, match=rf"sparekey\[{extra}\]"):
        VLMFactory.create({"provider": provider, "model": "m", "api_key": "k", "api_base": "http://x"})


class _Hiding:
    """Makes one module look as if it were not installed."""

    def __init__(self, name):
        self._name = name

    def find_spec(self, fullname, _path=None, _target=None):
        if fullname.partition(".")[0] == self._name:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


@needs("litellm")
def test_nothing_is_imported_for_a_look(tmp_path):
    """Making instances imports no SDK: that happens at the first call."""
    import subprocess

    code = (
        "import sys; from sparekey.vlm import VLMFactory\n"
        "for p in ('openai', 'anthropic', 'gemini', 'volcengine', 'bedrock'):\n"
        "    VLMFactory.create({'provider': p, 'model': 'm', 'api_key': 'k'})\n"
        "print([m for m in ('openai', 'anthropic', 'google.genai', 'volcenginesdkarkruntime', 'litellm') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"
