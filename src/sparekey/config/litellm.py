"""A LiteLLM proxy's `config.yaml` as a configuration of sparekey's. What has no counterpart is listed, never dropped unseen.

The format was read from https://docs.litellm.ai/docs/proxy/configs, /docs/routing and /docs/proxy/reliability. Pure: the environment is
handed in, and keys that stand in the file itself become references to variables; their values go nowhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sparekey.config import dimensions, providers
from sparekey.config.environment import USUAL
from sparekey.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENVIRON: Final = "os.environ/"
_PROVIDERS: Final = {
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "nvidia_nim": "nvidia",
    "hosted_vllm": "vllm",
    "lm_studio": "lmstudio",
    "ollama_chat": "ollama",
    "jina_ai": "jina",
    "zai": "glm",
}
"""Providers that LiteLLM calls otherwise. Names that are in neither table go through the `litellm` SDK."""
_BASES: Final = {"dashscope": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "zai": "https://api.z.ai/api/paas/v4"}
"""Default base URLs of LiteLLM's that are not ours: a key must stay with its host."""
_BY_MODEL: Final = (
    ("gpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("text-embedding-", "openai"),
    ("claude-", "anthropic"),
)
"""Beginnings of models that LiteLLM knows without a provider."""
_USUAL_KEYS: Final = {row.provider: row.keys[0] for row in reversed(USUAL) if row.keys} | {"azure": "AZURE_API_KEY", "glm": "ZAI_API_KEY"}
_CHAT: Final = frozenset({"chat", "completion", "responses"})
_READ: Final = frozenset(
    {
        *("model", "api_key", "api_base", "base_url", "api_version", "max_tokens", "extra_headers", "headers", "order", "organization"),
        *("aws_access_key_id", "aws_secret_access_key", "aws_region_name", "dimensions", "litellm_credential_name", "extra_body"),
    }
)
_WHY: Final = {
    "weight": "a chain has an order, no shares; the first credential takes all it can",
    "rpm": "limits are the provider's: a rate limit parks the credential for the stated wait",
    "tpm": "limits are the provider's: a rate limit parks the credential for the stated wait",
    "timeout": "a chain has one timeout; set it in the chain",
    "stream_timeout": "see first_content_limit and idle_limit of the chain",
    "routing_strategy": "a chain goes by its order",
    "cooldown_time": "parks last as long as the provider states, else by class of error",
    "allowed_fails": "the first failure moves on; its class says how",
    "content_policy_fallbacks": "refused content fails fast",
    "master_key": "clients' keys are the gateway's business; issue new ones",
    "environment_variables": "export them yourself",
    "guardrails": "sparekey changes no content",
    "cache": "sparekey keeps no answers",
}


@dataclass(slots=True)
class Converted:
    """What became of a LiteLLM configuration.

    Attributes:
        config: the configuration.
        left_out: what has no counterpart, and why, a line each.
        to_do: what a person has to do before it works, a line each.
    """

    config: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    to_do: list[str] = field(default_factory=list)

    def leave(self, where: str, why: str = "") -> None:
        """Note what is left out; the last part of its path says why."""
        line = f"{where}: {why or _WHY.get(where.rpartition('.')[2], 'has no counterpart')}"
        if line not in self.left_out:
            self.left_out.append(line)


@dataclass(slots=True)
class _Deployment:
    group: str
    where: str
    embedding: bool
    order: float
    credential: dict[str, Any]
    space: str
    dimension: Any = None
    extra_body: Any = None


def convert(data: Mapping[str, Any], environ: Mapping[str, str]) -> Converted:
    """Return a LiteLLM configuration as one of sparekey's.

    Args:
        data: the content of `config.yaml`.
        environ: the environment, for base URLs that are written as `os.environ/NAME`.

    Raises:
        ConfigError: it has no `model_list`, or a base URL cannot be told.
    """
    entries = data.get("model_list")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError("model_list: is missing or no list of tables; as YAML only LiteLLM's config.yaml is read")
    done = Converted()
    groups: dict[str, list[_Deployment]] = {}
    for index, entry in enumerate(entries):
        if one := _deployment(entry, f"model_list[{index}]", data, environ, done):
            groups.setdefault(one.group, []).append(one)
    for members in groups.values():
        members.sort(key=lambda one: one.order)
    _assemble(groups, data, done)
    _settings(data, done)
    return done


# ── one deployment ──


def _deployment(
    entry: Mapping[str, Any], where: str, data: Mapping[str, Any], environ: Mapping[str, str], done: Converted
) -> _Deployment | None:
    params = _table(entry, "litellm_params")
    info = _table(entry, "model_info")
    params = {**_shared(data, params.get("litellm_credential_name")), **params}
    full = _text(params.get("model"), f"{where}.litellm_params.model", environ)
    group = str(entry.get("model_name") or full)
    if not full or "*" in group + full:
        done.leave(f"{where} ({group})", "names no single model")
        return None
    prefix, provider, model = _split(full)
    known = dimensions.known(provider, model)
    embedding = info.get("mode") == "embedding" or ("mode" not in info and (known is not None or "embed" in model.lower()))
    if info.get("mode", "chat") not in {*_CHAT, "embedding"}:
        done.leave(f"{where} ({group})", f"mode {info['mode']} is neither chat nor embedding")
        return None
    row = providers.find(provider)
    if row is None or not row.serves("embedding" if embedding else "vlm"):
        provider, model = "litellm", full
    credential = {"id": str(info.get("id") or full.replace("/", "-")), "provider": provider, "model": model}
    credential |= _address(params, where, prefix, provider, environ, done)
    if provider == "ollama" and not embedding and "api_base" in credential and not credential["api_base"].endswith("/v1"):
        credential["api_base"] = credential["api_base"].rstrip("/") + "/v1"
    if not embedding:
        names = (("max_tokens", "max_tokens"), ("extra_body", "extra_request_body"))
        credential |= {ours: params[theirs] for theirs, ours in names if params.get(theirs) is not None}
    for name in params:
        if name not in _READ or (embedding and name == "max_tokens"):
            done.leave(f"{where}.litellm_params.{name}")
    for path, table, read in (
        (where, entry, {"model_name", "litellm_params", "model_info"}),
        (f"{where}.model_info", info, {"id", "mode", "base_model"}),
    ):
        for name in table.keys() - read:
            done.leave(f"{path}.{name}")
    space = str(info.get("base_model") or model).rpartition("/")[2].lower()
    order = params.get("order")
    return _Deployment(
        group,
        where,
        embedding,
        order if isinstance(order, int | float) else float("inf"),
        credential,
        space,
        params.get("dimensions"),
        params.get("extra_body"),
    )


def _split(full: str) -> tuple[str, str, str]:
    """Return LiteLLM's prefix, our provider, and the model without the prefix."""
    prefix, slash, rest = full.partition("/")
    name = _PROVIDERS.get(prefix, prefix)
    if slash and name != "litellm" and name in providers.PROVIDERS:
        return prefix, name, rest
    known = next((provider for start, provider in _BY_MODEL if not slash and full.startswith(start)), None)
    return ("", known, full) if known else ("", "litellm", full)


def _address(
    params: Mapping[str, Any], where: str, prefix: str, provider: str, environ: Mapping[str, str], done: Converted
) -> dict[str, Any]:
    path = f"{where}.litellm_params"
    base = _text(params.get("api_base") or params.get("base_url"), f"{path}.api_base", environ) or _BASES.get(prefix)
    key = params.get("api_key")
    if key is None and provider in _USUAL_KEYS:
        key = _ENVIRON + _USUAL_KEYS[provider]
    headers = {**(params.get("headers") or {}), **(params.get("extra_headers") or {})}
    if params.get("organization"):
        headers["OpenAI-Organization"] = _text(params["organization"], f"{path}.organization", environ)
    found = {
        "api_key": _reference(key, f"{path}.api_key", done),
        "api_base": base,
        "api_version": _text(params.get("api_version"), f"{path}.api_version", environ),
        "ak": _reference(params.get("aws_access_key_id"), f"{path}.aws_access_key_id", done),
        "sk": _reference(params.get("aws_secret_access_key"), f"{path}.aws_secret_access_key", done),
        "region": _text(params.get("aws_region_name"), f"{path}.aws_region_name", environ),
        "extra_headers": {str(name): _text(value, f"{path}.extra_headers", environ) for name, value in headers.items()} or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _reference(key: Any, where: str, done: Converted) -> str | None:
    """Return a reference to a key; one that stands in the file itself is not taken over."""
    if key is None:
        return None
    if str(key).startswith(_ENVIRON):
        return f"env:{str(key).removeprefix(_ENVIRON)}"
    name = re.sub(r"\W+", "_", where.replace("litellm_params", "")).strip("_").upper()
    done.to_do.append(f"{where}: the key stands in the file itself and was not taken over; put it into the variable {name}")
    return f"env:{name}"


def _text(value: Any, where: str, environ: Mapping[str, str]) -> str | None:
    """Return a setting that is no key; `os.environ/NAME` is looked up, because sparekey has references for keys only."""
    if value is None or not str(value).startswith(_ENVIRON):
        return None if value is None else str(value)
    name = str(value).removeprefix(_ENVIRON)
    if not environ.get(name):
        raise ConfigError(f"{where}: {name} is not set here; run migrate where it is, or write its value into the file")
    return environ[name]


def _shared(data: Mapping[str, Any], name: Any) -> Mapping[str, Any]:
    """Return the values of an entry of `credential_list`."""
    entries = data.get("credential_list") or []
    return next(
        (_table(one, "credential_values") for one in entries if isinstance(one, dict) and name and one.get("credential_name") == name), {}
    )


# ── chains ──


def _assemble(groups: Mapping[str, list[_Deployment]], data: Mapping[str, Any], done: Converted) -> None:
    """Make the first group of each kind a chain, the groups that it falls back to behind it."""
    used: set[str] = set()
    for embedding in (False, True):
        names = [name for name, members in groups.items() if members[0].embedding is embedding]
        if not names:
            continue
        chain = [names[0], *(name for name in _fallbacks(names[0], data, done) if name != names[0])]
        members: list[_Deployment] = []
        for name in dict.fromkeys(chain):
            if name not in groups:
                done.leave(f"fallback {names[0]} -> {name}", "there is no such model_name")
                continue
            used.add(name)
            members += groups[name]
        kept = [one for one in members if _fits(one, members[0], done)]
        _unique(kept)
        section: dict[str, Any] = _embedding_section(kept, done) if embedding else {}
        section["credentials"] = [one.credential for one in kept]
        done.config |= {"embedding": {"dense": section}} if embedding else {"vlm": section}
    for name in groups.keys() - used:
        done.leave(
            f"model_name {name}",
            "one chat chain and one embedding chain are taken; move it to the front of model_list, or a file of its own",
        )


def _fits(one: _Deployment, first: _Deployment, done: Converted) -> bool:
    if one.embedding is not first.embedding:
        done.leave(f"{one.where} ({one.group})", "chat and embedding models cannot share a chain")
    elif one.embedding and one.space != first.space:
        done.leave(f"{one.where} ({one.group})", f"{one.space} has another vector space than {first.space}")
    else:
        return True
    return False


def _embedding_section(kept: list[_Deployment], done: Converted) -> dict[str, Any]:
    first = kept[0]
    section = {"dimension": first.dimension, "extra_body": first.extra_body}
    if len({one.credential["model"] for one in kept}) > 1:
        section["space"] = first.space
    for one in kept[1:]:
        if (one.dimension, one.extra_body) != (first.dimension, first.extra_body):
            done.leave(f"{one.where}.litellm_params", "dimensions and extra_body are the chain's; those of its first deployment were taken")
    return {name: value for name, value in section.items() if value is not None}


def _fallbacks(group: str, data: Mapping[str, Any], done: Converted) -> list[str]:
    """Return the groups behind a group; for a long input a chain goes on to another model by itself."""
    found: list[str] = []
    for place in ("router_settings", "litellm_settings"):
        settings = _table(data, place)
        for kind in ("fallbacks", "context_window_fallbacks"):
            for row in settings.get(kind) or []:
                for name in (row.get(group) or []) if isinstance(row, dict) else []:
                    if isinstance(name, str):
                        found.append(name)
                    else:
                        done.leave(f"{place}.{kind}.{group}", "a fallback with settings of its own")
        found += [name for name in settings.get("default_fallbacks") or [] if isinstance(name, str)]
    return found


def _unique(members: list[_Deployment]) -> None:
    seen: dict[str, int] = {}
    for one in members:
        name = one.credential["id"]
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            one.credential["id"] = f"{name}-{seen[name]}"


# ── settings ──


def _settings(data: Mapping[str, Any], done: Converted) -> None:
    chains = [*filter(None, (done.config.get("vlm"), done.config.get("embedding", {}).get("dense")))]
    for place in ("router_settings", "litellm_settings"):
        for name, value in _table(data, place).items():
            ours = {"num_retries": "max_retries", "timeout": "timeout", "request_timeout": "timeout"}.get(name)
            if ours and isinstance(value, int | float) and not isinstance(value, bool):
                for chain in chains:
                    chain.setdefault(ours, value)
            elif name not in {"fallbacks", "context_window_fallbacks", "default_fallbacks"}:
                done.leave(f"{place}.{name}")
    for name in _table(data, "general_settings"):
        done.leave(f"general_settings.{name}")
    for name in data.keys() - {"model_list", "router_settings", "litellm_settings", "general_settings", "credential_list"}:
        done.leave(str(name))


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}
