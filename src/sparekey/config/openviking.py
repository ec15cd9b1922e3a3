"""OpenViking's `ov.conf`: how to tell one, and what it says in the form of this package.

It is JSON with the sections `vlm` and `embedding` among many that are no business of ours. Field names, defaults and how models are
routed were read from OpenViking's configuration guide (https://github.com/volcengine/OpenViking, docs/en/guides/01-configuration.md)
and from what version 0.5.2 sends; `make openviking` compares the two.

    ${NAME}, $NAME          a reference to the variable where a key stands; elsewhere what the variable holds
    empty texts             as if they were not there
    numbers in quotes       numbers
    defaults                written out where ours differ
    LiteLLM's routes        the provider and the model that they mean
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sparekey.config.variables import TracedText, looked_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.config.faults import Fault, Path

_OURS: Final = ("vlm", "embedding")
_SECTIONS: Final = frozenset(
    {
        *("server", "storage", "rerank", "retrieval", "memory", "log", "parsers", "encryption", "grep", "query_planner", "semantic"),
        *("queue_workers", "reindex", "parser_api", "compile_api", "connector", "git", "telemetry", "oauth", "prompts", "ingest", "cache"),
        *("service_name", "default_account", "default_user", "output_language_override", "allow_private_networks"),
        *("auto_generate_l0", "auto_generate_l1", "default_search_mode", "default_search_limit", "enable_memory_decay"),
        *("memory_decay_check_interval", "log_level", "log_format", "log_output", "bot", "feishu", "code", "glob", "expiry"),
        *("agent_evolution", "runtime_config", "enable_watch_scheduler", "language_fallback", "default_agent", "webfeed", "anydoc"),
    }
)
"""Sections that only OpenViking has."""
_NAMING_A_MODEL: Final = ("model", "provider", "backend", "default_provider", "providers", "api_key", "api_base", "credentials", "backup")
"""A `vlm` section without any of these has only settings: OpenViking then runs without a chat model."""
_KINDS: Final = ("dense", "sparse", "hybrid")
_KEYS: Final = frozenset({"api_key", "ak", "sk"})
_NUMBERS: Final = frozenset(
    {
        *("temperature", "max_retries", "timeout", "max_tokens", "dimension", "batch_size", "max_concurrent", "max_input_tokens"),
        *("failback_timeout_seconds", "failback_request_count", "res_level", "max_video_frames", "keepalive_expiry"),
        *("file_processing_timeout", "file_poll_interval", "video_fps"),
    }
)
_VARIABLE: Final = re.compile(r"\$(?:\{([^}]*)\}|(\w+))", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")

_DIRECT: Final = frozenset({"openai", "azure", "volcengine", "kimi", "glm", "openai-codex"})
"""Providers whose chat models OpenViking asks by itself; all others through LiteLLM."""
_THINKING: Final = re.compile(r"gpt-(?:[5-9]|[1-9]\d)|o[134]")
"""Models to which OpenViking sends `reasoning_effort: low` where nothing is configured."""
_EFFORT: Final = "low"
_AZURE_VERSION: Final = "2025-01-01-preview"
_MINIMAX: Final = "https://api.minimax.chat/v1"
_ZAI: Final = "https://api.z.ai/api/paas/v4"
"""Z.ai's host for keys that are billed by use; a coding plan's keys are good for another."""
_OLLAMA_WINDOW: Final = 16384
"""Tokens of context that OpenViking asks Ollama for through LiteLLM; Ollama's own default cuts prompts in silence."""
_CUT_HERE: Final = frozenset({"openai", "ollama", "volcengine", "litellm"})
"""Embeddings that OpenViking asks for in full and shortens itself."""

_COMPLETE: Final = ("azure/", "azure_ai/", "azure_text/", "bedrock/", "sagemaker", "vertex_ai/", "github_copilot/", "openai/", "ollama")
"""Beginnings of model names to which OpenViking adds no route."""
_BY_WORD: Final = (
    ("openrouter", "openrouter"),
    ("hosted_vllm", "hosted_vllm"),
    ("ollama", "ollama"),
    ("claude", "anthropic"),
    ("anthropic", "anthropic"),
    ("deepseek", "deepseek"),
    ("gemini", "gemini"),
    ("google", "gemini"),
    ("nvidia_nim", "nvidia_nim"),
    ("nemotron", "nvidia_nim"),
    ("gpt", ""),
    ("o1", ""),
    ("o3", ""),
    ("o4", ""),
    ("moonshot", "moonshot"),
    ("kimi", "moonshot"),
    ("qwen", "dashscope"),
    ("dashscope", "dashscope"),
    ("minimax", "minimax"),
)
"""Words in a model's name, and the route that OpenViking then puts before it; the first that fits."""


@dataclass(slots=True)
class OpenVikingSections:
    """The sections of an `ov.conf` that concern us.

    Attributes:
        data: the sections.
        faults: what cannot be read.
        forms: what was read otherwise than it stands there, as words for the warning line.
    """

    data: dict[str, Any]
    faults: list[Fault] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)


def is_one(data: Mapping[str, Any], filename: str = "") -> bool:
    """Tell whether a configuration is OpenViking's: by the file's name, else by its other sections."""
    return filename.startswith("ov.conf") or not _SECTIONS.isdisjoint(data)


def ours(data: Mapping[str, Any], environ: Mapping[str, str], *, keep: bool = True) -> OpenVikingSections:
    """Return the sections that concern us, with OpenViking's defaults written out where ours differ.

    Args:
        data: the file's content.
        environ: the environment, for variables that stand where no key does.
        keep: False leaves a trace of each variable in its text, so that `variables.written` can write it down again.
    """
    read = OpenVikingSections({})
    for name in _OURS:
        if data.get(name) is not None:
            read.data[name] = _plain(data[name], (name,), environ, read, trace=not keep)
    vlm = read.data.get("vlm")
    if isinstance(vlm, dict):
        if any(vlm.get(name) for name in _NAMING_A_MODEL):
            read.data["vlm"] = _chat(vlm, read)
        else:
            del read.data["vlm"]
    if isinstance(read.data.get("embedding"), dict):
        read.data["embedding"] = _embedding(read.data["embedding"])
    return read


# -- texts ---------------------------------------------------------------------------------------------------------------------


def _plain(value: Any, path: Path, environ: Mapping[str, str], read: OpenVikingSections, *, trace: bool) -> Any:
    """Return a part of the file without variables, empty texts and numbers in quotes."""
    if isinstance(value, dict):
        found = {name: _plain(inner, (*path, str(name)), environ, read, trace=trace) for name, inner in value.items()}
        return {name: inner for name, inner in found.items() if inner != "" or name not in value or value[name] != ""}
    if isinstance(value, list):
        return [_plain(inner, (*path, index), environ, read, trace=trace) for index, inner in enumerate(value)]
    if not isinstance(value, str):
        return value
    if path[-1] in _KEYS:
        return _reference(value, environ)
    text = _VARIABLE.sub(lambda found: _looked_up(found, path, environ, read if not trace else OpenVikingSections({})), value)
    if path[-1] in _NUMBERS and _NUMBER.fullmatch(text.strip()):
        return float(text) if "." in text else int(text)
    named = any((found[1] or found[2]) in environ for found in _VARIABLE.finditer(value))
    return TracedText(text, _braced(value, environ)) if trace and named else text


def _reference(value: str, environ: Mapping[str, str]) -> str:
    """Return a key with its variables as this package writes them."""
    whole = _VARIABLE.fullmatch(value.strip())
    if whole and (name := whole[1] or whole[2]) and name.isidentifier():
        return f"env:{name}"
    return _braced(value, environ)


def _braced(value: str, environ: Mapping[str, str]) -> str:
    """Return a text with its variables in braces; a name without them that is not set is none."""
    return _VARIABLE.sub(lambda found: found[0] if found[1] is not None or found[2] not in environ else f"${{{found[2]}}}", value)


def _looked_up(found: re.Match[str], path: Path, environ: Mapping[str, str], read: OpenVikingSections) -> str:
    name = found[1] or found[2] or ""
    surely = found[1] is not None and not any(str(part).startswith("extra_") for part in path)  # elsewhere a dollar may be just that
    return looked_up(found, name, path, environ, read.faults if surely else [])


# -- chat models ---------------------------------------------------------------------------------------------------------------


def _chat(section: Mapping[str, Any], read: OpenVikingSections) -> dict[str, Any]:
    filled: dict[str, Any] = {"temperature": 0.0, "max_retries": 3, **section}
    filled["provider"] = filled.get("provider") or filled.pop("backend", None)
    if not any(filled.get(name) for name in ("provider", "default_provider", "providers")):
        filled["provider"] = "openai"
        read.forms.append("no provider, taken for openai")
    credentials = filled.get("credentials")
    if isinstance(credentials, list) and credentials:
        filled["credentials"] = [_routed(one, filled) for one in credentials]
    else:
        filled = _routed(filled, {})
        if isinstance(filled.get("backup"), dict):
            filled["backup"] = _routed(filled["backup"], {})
    return {name: value for name, value in filled.items() if value is not None}


def _routed(part: Any, parent: Mapping[str, Any]) -> Any:
    """Return a credential with the model that its provider is asked for, and with the defaults that depend on both."""
    if not isinstance(part, dict):
        return part
    filled = dict(part)
    inherited = part.get("model") or parent.get("model")
    provider = _low(part.get("provider") or part.get("backend") or parent.get("provider")) or _only_one(part)
    if not provider or not isinstance(inherited, str):
        return filled
    model = _asked(provider, inherited, part.get("api_base") or parent.get("api_base"))
    if model != inherited:
        filled["model"] = model
    for name, value in _defaults(provider, model):
        if not parent.get(name):
            filled.setdefault(name, value)
    if model.startswith(("ollama/", "ollama_chat/")):
        filled["extra_request_body"] = {"num_ctx": _OLLAMA_WINDOW, **(part.get("extra_request_body") or {})}
    return filled


def _asked(provider: str, model: str, base: Any) -> str:
    if provider == "litellm":
        return _route(model, base)
    return model if provider in _DIRECT else _without_route(provider, model)


def _defaults(provider: str, model: str) -> Iterator[tuple[str, Any]]:
    if provider in {"openai", "azure"} and _THINKING.match(model.lower()):
        yield "reasoning_effort", _EFFORT
    if provider == "azure":
        yield "api_version", _AZURE_VERSION
    if provider in {"zhipu", "zai"}:
        yield "api_base", _ZAI


def _route(model: str, base: Any) -> str:
    """Return the model as OpenViking names it to LiteLLM, for `provider = "litellm"`."""
    low = model.lower()
    if low.startswith(_COMPLETE):
        return model
    route = next((route for word, route in _BY_WORD if word in low), None)
    if route is None:
        return f"openai/{model}" if base else model
    return model if not route or model.startswith(f"{route}/") else f"{route}/{model}"


def _without_route(provider: str, model: str) -> str:
    """Return a model without LiteLLM's route before it: the provider itself knows no routes."""
    route, slash, rest = model.partition("/")
    known = {provider, *(("zai",) if provider in {"zhipu", "zai"} else ())}
    if not slash or route.lower() not in known:
        return model
    return model if provider == "openrouter" and "/" not in rest else rest


def _only_one(part: Mapping[str, Any]) -> str:
    providers = part.get("providers")
    named = part.get("default_provider") or (next(iter(providers), "") if isinstance(providers, dict) and len(providers) == 1 else "")
    return _low(named)


def _low(name: Any) -> str:
    return str(name or "").strip().lower()


# -- embeddings ----------------------------------------------------------------------------------------------------------------


def _embedding(section: Mapping[str, Any]) -> dict[str, Any]:
    filled: dict[str, Any] = {"max_retries": 3, **section}
    kinds = [kind for kind in _KINDS if isinstance(filled.get(kind), dict) and filled[kind]]
    for kind in kinds:
        filled[kind] = _chain(filled[kind])
    return filled if kinds else {**filled, "dense": {"provider": "local", "model": "bge-small-zh-v1.5-f16"}}


def _minimax(chain: dict[str, Any]) -> None:
    """Ask MiniMax's older host, whose keys OpenViking's users have, and put the account's group where that host looks for it."""
    chain.setdefault("api_base", _MINIMAX)
    headers = chain.get("extra_headers")
    if isinstance(headers, dict) and (name := next((name for name in headers if name.lower() == "groupid"), None)):
        chain["extra_headers"] = {other: value for other, value in headers.items() if other != name}
        chain["extra_body"] = {"GroupId": headers[name], **(chain.get("extra_body") or {})}


def _chain(chain: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(chain)
    if not filled.get("provider") and not filled.get("backend"):
        filled["provider"] = "volcengine"
    credentials = [one for one in filled.get("credentials") or () if isinstance(one, dict)]
    usual = filled.get("provider") or filled.get("backend")
    asked = {_low(one.get("provider") or usual) for one in credentials or [{}]}
    if filled.get("dimension") and asked <= _CUT_HERE:
        filled.setdefault("shorten", "here")
    if asked == {"azure"}:
        filled.setdefault("api_version", _AZURE_VERSION)
    if asked == {"minimax"}:
        _minimax(filled)
    for side in ("query_param", "document_param"):
        if isinstance(filled.get(side), str) and asked != {"gemini"}:
            filled[side] = filled[side].lower()
    return filled
