"""The reference tables of docs/configuration.md, made from the models and tables themselves.

`python -m sparekey.config.docs docs/configuration.md` writes them between their markers; a test holds that they are current.
"""

from __future__ import annotations

import re
import sys
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

from sparekey.config.embedding import EmbeddingConfig, EmbeddingCredential, EmbeddingModelConfig
from sparekey.config.gateway import GatewayClient, GatewayConfig
from sparekey.config.knobs import Knobs
from sparekey.config.rules import RuleConfig
from sparekey.config.secrets import SecretRef
from sparekey.config.vlm import VLMConfig, VLMCredential, VLMMediaConfig
from sparekey.core.policy import KNOBS
from sparekey.providers import PROVIDERS, embedding_models
from sparekey.stores.address import StoreAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

    from sparekey.providers import Chat, Embeddings

_HEAD: Final = ("key", "type", "default", "meaning")
_MARKED: Final = re.compile(r"(<!-- table: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def written(text: str) -> str:
    """Return a page with every table between its markers made anew."""
    return _MARKED.sub(lambda m: f"{m.group(1)}\n{_TABLES[m.group(2)]()}\n\n{m.group(3)}", text)


def _credential() -> str:
    both = {**VLMCredential.model_fields, **EmbeddingCredential.model_fields}
    only = dict.fromkeys(VLMCredential.model_fields.keys() - EmbeddingCredential.model_fields.keys(), " (chat only)")
    only |= dict.fromkeys(EmbeddingCredential.model_fields.keys() - VLMCredential.model_fields.keys(), " (embeddings only)")
    names = ["id", *(name for name in both if name != "id")]
    return _grid(("key", "type", "meaning"), ((f"`{n}`", _type(both[n]), f"{both[n].description}{only.get(n, '')}") for n in names))


def _policy() -> str:
    rows = ((*_row(name, field), KNOBS[name].origin) for name, field in Knobs.model_fields.items())
    return _grid((*_HEAD, "where the default comes from"), rows)


def _own(model: type[BaseModel], *bases: type[BaseModel]) -> str:
    taken = {name for base in bases for name in base.model_fields}
    return _fields((name, field) for name, field in model.model_fields.items() if name not in taken)


def _fields(fields: Iterable[tuple[str, FieldInfo]]) -> str:
    return _grid(_HEAD, (_row(name, field) for name, field in fields))


def _row(name: str, field: FieldInfo) -> tuple[str, ...]:
    return f"`{name}`", _type(field), _default(field), field.description or ""


def _providers() -> str:
    rows = (
        (
            f"`{row.name}`",
            ", ".join(f"`{a}`" for a in row.aliases),
            "; or ".join((_use(row.chat), *(f"`{site}`" for site in row.sites))) if row.chat else "",
            f"{', '.join(row.embeddings.kinds)}: {_use(row.embeddings)}" if row.embeddings else "",
            ", ".join(f"`{name}`" for name in row.key_variables),
            ", ".join((_link(row.docs), *([f"[errors]({row.errors})"] if row.errors else []))),
        )
        for row in PROVIDERS.values()
    )
    head = ("provider", "also", "chat: needs, extra, base URL", "embeddings: kinds, needs, extra, base URL", "usual key variable", "source")
    return _grid(head, rows)


def _use(offer: Chat | Embeddings) -> str:
    needs = ", ".join(f"`{name}`" for name in offer.needs) or "nothing"
    extra = f"[{offer.extra}]" if offer.extra else "no extra"
    return "; ".join(filter(None, (needs, extra, f"`{offer.base}`" if offer.base else "")))


def _dimensions() -> str:
    rows = ((f"`{p}`", f"`{m}`", str(d.default), d.describe(), _link(d.source)) for p, m, d in embedding_models())
    return _grid(("provider", "model", "default", "can give", "source"), rows)


def _grid(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _link(url: str) -> str:
    return f"[{url.split('/')[2].removeprefix('www.')}]({url})"


_WORDS: Final[dict[Any, str]] = {
    str: "text",
    bool: "true, false",
    int: "whole number",
    float: "number",
    SecretRef: "key",
    StoreAddress: "text",
    date: "date",
}


def _type(field: FieldInfo) -> str:
    annotation = next((arg for arg in get_args(field.annotation) if arg is not type(None)), None) if _optional(field) else field.annotation
    if get_origin(annotation) is Literal:
        return ", ".join(f'`"{option}"`' for option in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return ", ".join(f'`"{option}"`' for option in annotation)
    annotation = get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation
    if get_origin(annotation) is list:
        inner = get_args(annotation)[0]
        return "list of names" if hasattr(inner, "__metadata__") else "list of tables"
    return _WORDS.get(annotation, "table")


def _optional(field: FieldInfo) -> bool:
    return type(None) in get_args(field.annotation)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None or field.default is None:
        return ""
    return (
        f'`"{field.default}"`'
        if isinstance(field.default, str)
        else f"{field.default:g}"
        if isinstance(field.default, float)
        else str(field.default).lower()
    )


_TABLES: Final[dict[str, Callable[[], str]]] = {
    "credential": _credential,
    "policy": _policy,
    "rules": lambda: _own(RuleConfig),
    "vlm": lambda: _own(VLMConfig, VLMCredential, Knobs),
    "media": lambda: _own(VLMMediaConfig),
    "embedding-model": lambda: _own(EmbeddingModelConfig, EmbeddingCredential, Knobs),
    "embedding": lambda: _own(EmbeddingConfig),
    "gateway": lambda: _own(GatewayConfig),
    "gateway-client": lambda: _own(GatewayClient),
    "providers": _providers,
    "dimensions": _dimensions,
}


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")
