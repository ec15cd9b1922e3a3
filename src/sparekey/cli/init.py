"""`sparekey init`: writes a commented configuration for the keys in the environment.

It writes the names of variables, never a key.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import typer

from sparekey.cli import render, toml
from sparekey.cli.problems import NoKeysError
from sparekey.config.embedding import EmbeddingModelConfig
from sparekey.config.environment import USUAL, Found, found
from sparekey.config.vlm import VLMConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from sparekey.providers import Family

_HEAD: Final = """\
# sparekey: an ordered chain of credentials for each model. The first one answers as long as it can; the next ones are its spares.
# Written by `sparekey init` from the names of environment variables. The keys stay in the environment.
# Test it: sparekey check
# A key may also be read with file:PATH, cmd:COMMAND or keyring:SERVICE/USER.
"""
_RULES: Final = """\
# Own rules about errors, for every chain, tried before the built-in ones; `sparekey explain` says what an error is.
# [[rules]]
# status = 418
# contains = "seat limit"
# then = "quota_exceeded"
"""
_GATEWAY: Final = """\
# The gateway: one address for clients of every language, with these chains behind it. They call {names}.
#   pip install '.[gateway]' && sparekey serve --config {file}
# Without what follows it serves programs on this machine at http://127.0.0.1:8080, its console at /console.
# [gateway]
# port = 8080
# host = "0.0.0.0"  # for other machines, too; it needs a client with a key, see below
# store = "redis://localhost:6379/0"  # where it is kept who is parked, if several machines are to share it
# admin_key = "env:SPAREKEY_ADMIN_KEY"  # to act in the console, and from elsewhere; `sparekey serve --new-key` makes keys
# [[gateway.clients]]
# name = "my-program"
# key = "env:MY_PROGRAM_KEY"  # or key_sha256, which `sparekey serve --new-key` prints
"""
_KNOBS: Final[dict[Family, tuple[str, ...]]] = {
    "vlm": (
        *("failback_timeout_seconds", "failback_request_count", "max_retries", "timeout", "deadline", "first_content_limit", "idle_limit"),
        *("stream_recovery", "max_tokens", "temperature"),
    ),
    "embedding": ("failback_timeout_seconds", "failback_request_count", "max_retries", "timeout", "dimension", "batch_size"),
}
_TEMPLATE: Final = (Found(USUAL[0], "OPENAI_API_KEY", model=USUAL[0].model), Found(USUAL[0], "OPENAI_API_KEY_SPARE", model=USUAL[0].model))
_SHOWN_WITHOUT_DEFAULT: Final = {"deadline": "60", "max_tokens": "2000", "temperature": "0.2", "dimension": "512"}
"""Values to show for settings that are unset by default."""


def run_init(output: Path, *, force: bool = False, to_stdout: bool = False) -> None:
    """Write a configuration, or print it.

    Args:
        output: the file.
        force: overwrite an existing file; write a template if there is no key.
        to_stdout: print it instead.

    Raises:
        NoKeysError: no key is found, and no template was asked for.
        BadParameter: the file is there already, or cannot be written.
    """
    if output.exists() and not force and not to_stdout:
        raise typer.BadParameter(f"{output} exists already; name another with --output, or write over it with --force")
    every = found(os.environ)
    usable = [one for one in every if not one.trouble]
    _tell(every)
    if not usable and not force:
        raise NoKeysError(map(str, USUAL))
    text = written(usable or _TEMPLATE, output.name)
    if to_stdout:
        sys.stdout.write(text)
        return
    _write(output, text, force=force)
    render.note(f"wrote {output}{'' if usable else ', a template: change it first'}; it holds names of variables, no keys")
    render.note(f"next: look at the models in it, then `sparekey check{'' if output.name == 'sparekey.toml' else f' --config {output}'}`")


def _tell(every: Sequence[Found]) -> None:
    for one in every:
        render.note(f"not used: {one.named}: {one.trouble}" if one.trouble else f"found {one.named} ({one.provider})")


def _write(output: Path, text: str, *, force: bool) -> None:
    try:
        with output.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise typer.BadParameter(f"{output} exists already; write over it with --force") from None
    except OSError as exc:
        raise typer.BadParameter(f"{output} cannot be written ({exc.strerror})") from None


# ── the text ──


def written(keys: Sequence[Found], file: str = "sparekey.toml") -> str:
    """Return a commented configuration with one chain per kind of model; `file` is its name."""
    chat = [one for one in keys if one.usual.model]
    vectors = [one for one in keys if one.usual.embedding]
    parts = [_HEAD]
    if chat:
        parts.append("".join(f"{line}\n" for line in _chat(chat)))
    if vectors:
        parts.append("".join(f"{line}\n" for line in _dense(vectors)))
    names = " and ".join(name for name, some in (("`chat`", chat), ("`embedding`", vectors)) if some)
    return "\n".join([*parts, _GATEWAY.format(names=names, file=file), _RULES])


def _chat(keys: Sequence[Found]) -> Iterator[str]:
    mixed = len({_format(one) for one in keys}) > 1
    yield "# Chat and vision. The order below is the priority; move the tables to change it."
    if mixed:
        yield from _MIXED
    yield "[vlm]"
    yield from _knobs("vlm")
    for one, name in zip(keys, _ids(keys), strict=True):
        yield ""
        lines = ["[[vlm.credentials]]", *_credential(one, name, "vlm", compatible=mixed)]
        if mixed and one.base and _format(one) != "openai":
            yield f"# {one.named} is left out: the host in {one.base} may not speak OpenAI's format, as the others do."
            lines = [f"# {line}" for line in lines]
        yield from lines


_MIXED: Final = (
    "# The gateway passes requests on as they come, so all of this chain speak OpenAI's format. In a program of your own, the models of",
    "# Anthropic and Google can do more in their own format (caching, thinking): set their provider, and remove api_base.",
)


def _format(one: Found) -> str:
    """Return the wire of a provider's chat models: `openai`, or one of its own."""
    chat = one.usual.row.chat
    return chat.wire if chat and chat.wire in {"anthropic", "gemini"} else "openai"


def _dense(keys: Sequence[Found]) -> Iterator[str]:
    """Yield the embedding chain: one provider, so one space; other providers as comments."""
    first = keys[0]
    together = [one for one in keys if (one.usual, one.api_base) == (first.usual, first.api_base)]
    yield "# Embeddings. All credentials of this chain must put their vectors into one space: one model."
    yield "# Another model needs all texts to be embedded anew."
    if not_passed_on(first):
        yield "# The gateway cannot pass requests on to it: remove this section before `sparekey serve`."
    yield "[embedding.dense]"
    yield f"{_pair('model', first.usual.embedding)}  # change it to the model you use"
    yield from _knobs("embedding")
    for one, name in zip(together, _ids(together), strict=True):
        yield ""
        yield "[[embedding.dense.credentials]]"
        yield from _credential(one, name, "embedding")
    for one in [one for one in keys if one not in together]:
        yield ""
        yield from _apart(one, first)


def _apart(one: Found, first: Found) -> Iterator[str]:
    """Yield, as comments, a credential that was found but does not fit the chain."""
    if one.usual.embedding == first.usual.embedding:
        yield f"# {one.named} ({one.provider}) may join if its model is the same, {first.usual.embedding}: only you know that."
        yield '# Then move space = "..." up to [embedding.dense] and take the # away.'
    else:
        yield f"# {one.named} ({one.provider}) is no spare here: {one.usual.embedding} has a space of its own."
    yield "# [[embedding.dense.credentials]]"
    for text in _credential(one, one.provider, "embedding"):
        yield f"# {text}"
    yield f"# {_pair('model', one.usual.embedding)}"


def not_passed_on(one: Found) -> bool:
    """Return whether the gateway does not speak the wire of a provider's embeddings."""
    offer = one.usual.row.embeddings
    return offer is not None and offer.http_wire is None


def _credential(one: Found, name: str, family: Family, *, compatible: bool = False) -> Iterator[str]:
    row = one.usual.row
    moved = row.openai_base if compatible and not one.base and _format(one) != "openai" else None
    yield _pair("id", name)
    yield _pair("provider", "openai" if moved else one.provider)
    if family == "vlm":
        what = "the name of your deployment" if one.usual.keys.deployment else "the model you use"
        yield f"{_pair('model', one.model)}  # change it to {what}"
    if moved:
        yield _pair("api_base", moved)
    elif one.api_base:
        path = row.openai_path if family == "vlm" else ""
        yield _pair("api_base", one.api_base.rstrip("/") + path)
    if one.key:
        yield _pair("api_key", f"env:{one.key}")


def _knobs(family: Family) -> Iterator[str]:
    """Yield the main settings as comments, with defaults and meanings from their models."""
    fields = (VLMConfig if family == "vlm" else EmbeddingModelConfig).model_fields
    lines = [(f"# {name} = {_shown(name, fields[name].default)}", fields[name].description or "") for name in _KNOBS[family]]
    width = max(len(setting) for setting, _ in lines)
    for setting, meaning in lines:
        yield f"{setting:<{width}}  # {meaning.replace(' (see [failover](failover.md))', '')}"


def _shown(name: str, default: Any) -> str:
    if default is None:
        return _SHOWN_WITHOUT_DEFAULT[name]
    return f"{default:g}" if isinstance(default, float) else _pair(name, getattr(default, "value", default)).partition(" = ")[2]


def _pair(name: str, value: Any) -> str:
    return toml.dumps({name: value}).strip()


def _ids(keys: Iterable[Found]) -> list[str]:
    """Name credentials after their providers: `openai`, `openai-2`, ..."""
    names: list[str] = []
    for one in keys:
        number = 1 + sum(name.rpartition("-")[0] == one.provider or name == one.provider for name in names)
        names.append(one.provider if number == 1 else f"{one.provider}-{number}")
    return names
