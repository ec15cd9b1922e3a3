"""The environment variables in which people keep their keys, as data: one row a provider, with the page that names the variable.

`found` reads an environment with the table. It returns names, never values of keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SPARE: Final = re.compile(r"_(\d{1,2}|SPARE|BACKUP|SECOND|SECONDARY)")
"""What people put behind a variable's name for a further key."""
_OLLAMA_PORT: Final = 11434


@dataclass(frozen=True, slots=True)
class Usual:
    """Where the keys of one provider usually are, and models to begin with.

    Attributes:
        provider: name in `config.providers`.
        docs: the page of the provider that names the variable.
        keys: variables that hold a key; further ones end in `_2`, `_SPARE`, `_BACKUP`. Empty: the provider needs none.
        model: a present chat model to begin with; None: it has none here.
        embedding: a present embedding model to begin with; None: it has none here.
        base: variables that hold the base URL.
        api_base: base URL where these keys are good for another host than the provider's default.
        deployment: variables that hold the name of a deployment, which then is the chat model.
    """

    provider: str
    docs: str
    keys: tuple[str, ...]
    model: str | None = None
    embedding: str | None = None
    base: tuple[str, ...] = ()
    api_base: str | None = None
    deployment: tuple[str, ...] = ()

    @property
    def needs_base(self) -> bool:
        """Tell whether nothing can be reached without the variable of the base URL."""
        return self.provider in {"azure", "ollama"}

    def __str__(self) -> str:
        names = " or ".join(self.keys or self.base)
        return f"{names} with {self.base[0]}" if self.keys and self.needs_base else names


USUAL: Final = (
    Usual(
        "openai",
        "https://platform.openai.com/docs/quickstart",
        ("OPENAI_API_KEY",),
        "gpt-5.6-luna",
        "text-embedding-3-small",
        base=("OPENAI_BASE_URL",),
    ),
    Usual(
        "azure",
        "https://learn.microsoft.com/azure/ai-services/openai/chatgpt-quickstart",
        ("AZURE_OPENAI_API_KEY",),
        "gpt-5.6-luna",
        "text-embedding-3-small",
        base=("AZURE_OPENAI_ENDPOINT",),
        deployment=("AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME"),
    ),
    Usual(
        "anthropic",
        "https://platform.claude.com/docs/en/api/overview",
        ("ANTHROPIC_API_KEY",),
        "claude-sonnet-5-5",
        base=("ANTHROPIC_BASE_URL",),
    ),
    Usual(
        "gemini",
        "https://ai.google.dev/gemini-api/docs/api-key",
        ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        "gemini-flash-latest",
        "gemini-embedding-001",
    ),
    Usual(
        "volcengine",
        "https://www.volcengine.com/docs/82379/1399008",
        ("ARK_API_KEY",),
        "doubao-seed-2-1-lite-260915",
        "doubao-embedding-large-text-250515",
    ),
    Usual(
        "dashscope",
        "https://help.aliyun.com/zh/model-studio/configure-api-key-through-environment-variables",
        ("DASHSCOPE_API_KEY",),
        "qwen3.8-flash",
        "text-embedding-v4",
    ),
    Usual("moonshot", "https://platform.kimi.ai/docs/overview", ("MOONSHOT_API_KEY",), "kimi-k2.6"),
    Usual(
        "glm",
        "https://docs.bigmodel.cn/cn/guide/develop/python/introduction",
        ("ZHIPUAI_API_KEY",),
        "glm-5.3-flash",
        api_base="https://open.bigmodel.cn/api/paas/v4",
    ),
    Usual(
        "glm",
        "https://docs.z.ai/guides/develop/python/introduction",
        ("ZAI_API_KEY",),
        "glm-5.3-flash",
        api_base="https://api.z.ai/api/paas/v4",
    ),
    Usual("deepseek", "https://api-docs.deepseek.com/", ("DEEPSEEK_API_KEY",), "deepseek-v4-flash"),
    Usual("mistral", "https://docs.mistral.ai/getting-started/quickstart", ("MISTRAL_API_KEY",), "mistral-small-latest"),
    Usual("groq", "https://console.groq.com/docs/quickstart", ("GROQ_API_KEY",), "openai/gpt-oss-120b"),
    Usual("xai", "https://docs.x.ai/developers/quickstart", ("XAI_API_KEY",), "grok-4.7"),
    Usual("openrouter", "https://openrouter.ai/docs/quickstart", ("OPENROUTER_API_KEY",), "openrouter/auto"),
    Usual("together", "https://docs.together.ai/docs/quickstart", ("TOGETHER_API_KEY",), "openai/gpt-oss-120b"),
    Usual("cerebras", "https://inference-docs.cerebras.ai/quickstart", ("CEREBRAS_API_KEY",), "gpt-oss-120b"),
    Usual("minimax", "https://platform.minimax.io/docs/guides/quickstart", ("MINIMAX_API_KEY",), "MiniMax-M3"),
    Usual("voyage", "https://docs.voyageai.com/docs/api-key-and-installation", ("VOYAGE_API_KEY",), embedding="voyage-4"),
    Usual("cohere", "https://docs.cohere.com/docs/get-started-installation", ("CO_API_KEY", "COHERE_API_KEY"), embedding="embed-v4.0"),
    Usual("jina", "https://jina.ai/embeddings/", ("JINA_API_KEY",), embedding="jina-embeddings-v4"),
    Usual("ollama", "https://docs.ollama.com/faq", (), "qwen3", "nomic-embed-text", base=("OLLAMA_HOST",)),
)
"""In the order in which they come into a chain: the servers of one's own last."""


@dataclass(frozen=True, slots=True)
class Found:
    """A key that is in the environment, by name; or a server that needs none.

    Attributes:
        usual: the row that it was found with.
        key: name of the variable; None: no key is needed.
        base: name of the variable of the base URL, if it is set.
        api_base: the base URL that goes with the key; None: the provider's default.
        model: the chat model to begin with.
        trouble: why it cannot be used; the empty string: it can.
    """

    usual: Usual
    key: str | None
    base: str | None = None
    api_base: str | None = None
    model: str | None = None
    trouble: str = ""

    @property
    def named(self) -> str:
        """The variables, as a person is told of them."""
        return " + ".join(filter(None, (self.key, self.base)))


def found(environ: Mapping[str, str]) -> list[Found]:
    """Return what an environment holds, in the order of the table; a key that is there under two names counts once."""
    seen: dict[str, str] = {}
    every: list[Found] = []
    for row in USUAL:
        for key in _keys(row, environ):
            one = _one(row, key, environ)
            twin = seen.setdefault(f"{environ[key]} {one.api_base}", key) if key else None
            every.append(one if twin == key else Found(row, key, trouble=f"holds the same key as {twin}"))
    return every


def _keys(row: Usual, environ: Mapping[str, str]) -> Iterator[str | None]:
    if not row.keys and any(environ.get(name, "").strip() for name in row.base):
        yield None
    for usual in row.keys:
        names = [name for name in environ if name == usual or (name.startswith(usual) and _SPARE.fullmatch(name[len(usual) :]))]
        yield from (name for name in sorted(names, key=lambda name: (len(name), name)) if environ[name].strip())


def _one(row: Usual, key: str | None, environ: Mapping[str, str]) -> Found:
    base = _first(row.base, environ)
    deployment = _first(row.deployment, environ)
    if base is None:
        trouble = f"needs {row.base[0]}, which is not set" if row.needs_base else ""
        return Found(row, key, api_base=row.api_base, model=row.model, trouble=trouble)
    url = _ollama(environ[base]) if row.provider == "ollama" else environ[base].strip()
    model = environ[deployment].strip() if deployment else row.model
    return Found(row, key, base, url, model, "" if _sound(url) else f"{base} is no plain http or https URL")


def _first(names: tuple[str, ...], environ: Mapping[str, str]) -> str | None:
    return next((name for name in names if environ.get(name, "").strip()), None)


def _sound(url: str) -> bool:
    """Tell whether a configuration takes the URL; one with a password in it must not be written into a file."""
    try:
        parts = urlsplit(url)
        plain = url.isprintable() and " " not in url and not parts.username and not parts.password and (parts.port or True)
    except ValueError:
        return False
    return bool(plain and parts.scheme in {"http", "https"} and parts.hostname)


def _ollama(host: str) -> str:
    """Return the URL for what `OLLAMA_HOST` says: it may lack scheme and port, and name the address that a server binds to."""
    url = host.strip().rstrip("/")
    url = (url if "://" in url else f"http://{url}").replace("//0.0.0.0", "//127.0.0.1")
    try:
        has_port = urlsplit(url).port is not None
    except ValueError:
        return ""
    return url if has_port or url.startswith("https:") else f"{url}:{_OLLAMA_PORT}"
