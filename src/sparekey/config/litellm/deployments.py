"""One entry of LiteLLM's `model_list` as a credential."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparekey.config.litellm import tables
from sparekey.config.litellm.model import Converted, Deployment, listed, number, reference, table, text, variable_text, without_nothing
from sparekey.providers import PROVIDERS, LiteLLMNames, ProviderSpec, embedding_model, find_litellm

if TYPE_CHECKING:
    from collections.abc import Mapping


class DeploymentReader:
    """Reads the entries of one file."""

    def __init__(self, data: Mapping[str, Any], environ: Mapping[str, str], done: Converted) -> None:
        """Take the file, the environment, and where to note what is left out."""
        self._data, self._environ, self._done = data, environ, done

    def read(self, entry: Any, where: str) -> Deployment | None:
        """Return an entry, or None if it cannot become a credential, which is noted."""
        if not isinstance(entry, dict):
            self._done.leave(where, "is no table with a model_name and litellm_params")
            return None
        params, info = table(entry, "litellm_params"), table(entry, "model_info")
        params = {**self._shared(params.get("litellm_credential_name")), **params}
        full = text(params.get("model"), f"{where}.litellm_params.model", self._environ, Converted())
        group = str(entry.get("model_name") or full or "")
        prefix, model = _split(full or "")
        if not full or not model or "*" in group + full or full.startswith("${"):
            self._done.leave(f"{where} ({group})" if group else where, _no_model(full or "", prefix, model))
            return None
        row = find_litellm(prefix)
        known = embedding_model(row.name, model) if row else None
        mode = _completion(full) or str(info.get("mode") or "") or _mode(model, known=known is not None)
        if mode not in {*tables.PASSED, "embedding"}:
            self._done.leave(f"{where} ({group})", _UNSERVED.get(mode, f"models of mode {mode} are not served"))
            return None
        embedding = mode == "embedding"
        order = number(params.get("order"))
        found = Deployment(group, where, embedding, float("inf") if order is None else order, {}, "")
        found.mode = "chat" if mode == "responses" else mode
        found.credential = {"id": str(info.get("id") or full.replace("/", "-"))}
        self._reach(found, params, prefix, model)
        self._settings(found, params)
        found.space = str(info.get("base_model") or model).rpartition("/")[2].lower()
        self._rest(entry, params, info, where)
        return found

    def _shared(self, name: Any) -> Mapping[str, Any]:
        """Return the values of an entry of `credential_list`."""
        entries = [one for one in listed(self._data.get("credential_list")) if isinstance(one, dict)]
        return next((table(one, "credential_values") for one in entries if name and one.get("credential_name") == name), {})

    # ── where it goes ──

    def _reach(self, found: Deployment, params: Mapping[str, Any], prefix: str, model: str) -> None:
        """Fill in provider, model, address and key."""
        path = f"{found.where}.litellm_params"
        given = params.get("api_base") or params.get("base_url")
        base = text(given, f"{path}.api_base", self._environ, self._done) or self._usual_base(prefix)
        if base is None and _needs_base(prefix):
            base = text(f"{tables.ENVIRON}{prefix.upper()}_API_BASE", f"{path}.api_base", self._environ, self._done)
        provider, base, found.dialect = _route(prefix, base, embedding=found.embedding)
        row = find_litellm(prefix)
        if provider == "openai" and row and _has_own_format(row) and (row.embeddings if found.embedding else row.chat):
            self._done.ask(f"{found.where} ({found.group})", _SPEAKS.format(name=row.name))
        if row and row.name == "dashscope" and base is None:
            self._done.ask(f"{found.where} ({found.group})", f'a key of the international site needs api_base = "{row.sites[0]}"')
        headers = without_nothing({**table(params, "headers"), **table(params, "extra_headers")})
        if params.get("organization"):
            headers["OpenAI-Organization"] = params["organization"]
        values = {
            "provider": provider,
            "model": model,
            "api_key": reference(self._key(params, prefix), f"{path}.api_key", self._done),
            "api_base": base,
            "api_version": self._version(params, path) if provider == "azure" else None,
            "extra_headers": {str(name): variable_text(value) for name, value in headers.items()} or None,
        }
        found.credential |= {name: value for name, value in values.items() if value is not None}

    def _version(self, params: Mapping[str, Any], path: str) -> str | None:
        return text(params.get("api_version"), f"{path}.api_version", self._environ, self._done) or self._environ.get("AZURE_API_VERSION")

    def _usual_base(self, prefix: str) -> str | None:
        """Return the base URL that LiteLLM would use, where it is not ours: from the environment, else its own."""
        row = find_litellm(prefix)
        names = row.litellm if row else LiteLLMNames()
        variables = (*names.base_variables, f"{prefix.upper()}_API_BASE")
        return next((self._environ[name] for name in variables if self._environ.get(name)), names.base)

    def _key(self, params: Mapping[str, Any], prefix: str) -> Any:
        """Return the key as the file has it, else where LiteLLM would look for one."""
        if params.get("api_key") is not None:
            return params["api_key"]
        row = find_litellm(prefix)
        names = (row.litellm.keys or row.key_variables) if row else tables.OPENAI_LIKE.get(prefix, ())
        usual = next((name for name in names if self._environ.get(name)), names[0] if names else None)
        return usual and tables.ENVIRON + usual

    # ── what else it says ──

    def _settings(self, found: Deployment, params: Mapping[str, Any]) -> None:
        found.timeout, found.dimension = number(params.get("timeout")), number(params.get("dimensions"))
        said = {name: value for name, value in params.items() if name in tables.BODY}
        body = without_nothing({**said, **table(params, "extra_body")})
        for name in [name for name, value in body.items() if tables.ENVIRON in str(value)]:
            self._done.leave(
                f"{found.where}.litellm_params.{name}", "refers to a variable, which is not replaced in a body; write its value"
            )
            del body[name]
        for name in ("timeout", "dimensions", "order"):
            if params.get(name) is not None and number(params[name]) is None:
                self._done.leave(f"{found.where}.litellm_params.{name}", "is no number")
        if body and found.embedding:
            for name in body:
                self._done.leave(f"{found.where}.litellm_params.{name}", "requests for embeddings pass as they came")
        elif body:
            found.credential["extra_request_body"] = body

    def _rest(self, entry: Mapping[str, Any], params: Mapping[str, Any], info: Mapping[str, Any], where: str) -> None:
        """Note each setting of the entry that has no counterpart."""
        for path, part, read in (
            (where, entry, {"model_name", "litellm_params", "model_info"}),
            (f"{where}.litellm_params", params, tables.READ | tables.BODY),
            (f"{where}.model_info", info, {"id", "mode", "base_model"}),
        ):
            for name in part:
                if name not in read:
                    self._done.leave(f"{path}.{name}")


_UNSERVED = {"completion": "it completes texts (/v1/completions) and does not chat: a chain of chat models cannot fall back on it"}
_SPEAKS = (
    "{name} is reached at its OpenAI-compatible address, because LiteLLM's clients write OpenAI's format;"
    ' for clients that write its own, set provider = "{name}" and remove api_base'
)


def _no_model(full: str, prefix: str, model: str) -> str:
    """Return why an entry names no model that could be asked for."""
    if not full:
        return "names no model; write litellm_params.model"
    if full.startswith("${"):
        return f"its model stands in {full[2:-1]}, which is not set here; run migrate where it is"
    return (
        "names no single model; write an entry for each model"
        if model
        else f"names no model after {prefix}/; write the deployment's name there"
    )


def _needs_base(prefix: str) -> bool:
    """Tell whether a provider has no address of its own: each account has one."""
    row = find_litellm(prefix)
    return row is not None and row.chat is not None and "api_base" in row.chat.needs


def _mode(model: str, *, known: bool) -> str:
    """Return the mode of a model whose entry names none: its name tells, as LiteLLM reads it."""
    low = model.lower()
    if tables.RANKS.search(low):
        return "rerank"
    if known or "embed" in low:
        return "embedding"
    return next((mode for pattern, mode in tables.MODES if pattern.match(low.rpartition("/")[2])), "chat")


def _completion(full: str) -> str:
    """Return `completion` for a model that only continues a text: by LiteLLM's name of the provider, else by its own."""
    prefix, slash, _ = full.lower().partition("/")
    by_name = tables.COMPLETES.fullmatch(full.lower().rpartition("/")[2])
    return "completion" if by_name or (slash and prefix in tables.TEXT_PROVIDERS) else ""


def _split(full: str) -> tuple[str, str]:
    """Return LiteLLM's name of the provider, and the model without it."""
    prefix, slash, rest = full.partition("/")
    part, inner, name = rest.partition("/")
    if inner and part in tables.HINTS.get(prefix, ()):
        rest = name
    if slash and (find_litellm(prefix) or prefix in tables.OPENAI_LIKE):
        return prefix, rest
    rows = [] if slash else PROVIDERS.values()
    known = next((row.name for row in rows if full.startswith(row.litellm.models)), None)
    return (known, full) if known else (prefix if slash else "", rest or full)


def _route(prefix: str, base: str | None, *, embedding: bool) -> tuple[str, str | None, str]:
    """Return provider, base URL and dialect: OpenAI's wherever the host speaks it, as it is what LiteLLM's clients write."""
    if prefix in tables.OPENAI_LIKE:
        return "openai", base, "openai" if base else ""
    row = find_litellm(prefix)
    if row is None or row.name == "litellm":
        return "litellm", base, ""
    wanted = row.embeddings if embedding else row.chat
    own = (row.chat and row.chat.base, row.embeddings and row.embeddings.base, row.openai_base)
    if _has_own_format(row) and (base or row.openai_base or "").rstrip("/") in own:
        return "openai", row.openai_base, "openai"
    if row.chat and row.chat.http_wire in {"anthropic", "gemini"}:
        return row.name, base, row.chat.http_wire
    if embedding and not (wanted and wanted.http_wire):
        base = base or (row.chat.base if row.chat else None)
        return "openai", base, "openai" if base else ""
    if base and not embedding and not base.rstrip("/").endswith(row.openai_path):
        base = base.rstrip("/") + row.openai_path
    return row.name, base, "openai" if wanted else ""


def _has_own_format(row: ProviderSpec) -> bool:
    """Tell whether a provider has a format of its own for what it offers, and speaks OpenAI's as well."""
    return row.openai_base is not None and row.openai_base != (row.chat and row.chat.base)
