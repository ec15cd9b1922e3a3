"""How long the vectors of known embedding models are, as data with its source.

`known(provider, model)` answers None for a model that is not in the table: no dimension is ever made up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Dimensions:
    """The vector lengths of one model.

    Attributes:
        default: the length when the request names none.
        allowed: the lengths a request may name; empty: the length is fixed.
        at_most: any length from 1 to this may be named (providers that take every length); None: only `allowed`.
        source: the page the row was read from.
        space: models with the same non-empty space put their vectors into one space; empty: a space of its own.
    """

    default: int
    allowed: tuple[int, ...] = ()
    at_most: int | None = None
    source: str = ""
    space: str = ""

    @property
    def longest(self) -> int:
        """The longest vector that can be had."""
        return self.at_most or max(self.default, *self.allowed, 0)

    def takes(self, dimension: int) -> bool:
        """Tell whether a request may ask for `dimension`."""
        if self.at_most is not None and 1 <= dimension <= self.at_most:
            return True
        return dimension == self.default or dimension in self.allowed

    def describe(self) -> str:
        """Return the lengths that may be asked for, in words."""
        if self.at_most is not None:
            return f"1 to {self.at_most}"
        return ", ".join(str(n) for n in sorted({self.default, *self.allowed}))


_OPENAI: Final = "https://platform.openai.com/docs/guides/embeddings"
_ARK: Final = "https://www.volcengine.com/docs/82379/1409291"
_ARK_TEXT: Final = "https://www.volcengine.com/docs/82379/1302003"
_JINA: Final = "https://jina.ai/models/"
_VOYAGE: Final = "https://docs.voyageai.com/docs/embeddings"
_GEMINI: Final = "https://ai.google.dev/gemini-api/docs/embeddings"
_COHERE: Final = "https://docs.cohere.com/docs/cohere-embed"
_DASHSCOPE: Final = "https://docs.qwencloud.com/api-reference/text-embedding/openai-embedding"
_DASHSCOPE_MM: Final = "https://docs.qwencloud.com/api-reference/multimodal-embedding/dashscope-multimodal-embedding"
_MINIMAX: Final = "https://platform.minimaxi.com/document/guides/Embeddings"
_OLLAMA: Final = "https://ollama.com/library"
_BGE: Final = "https://huggingface.co/BAAI/bge-small-zh-v1.5"

_VOYAGE_STEPS: Final = (256, 512, 1024, 2048)
_V4: Final = Dimensions(1024, _VOYAGE_STEPS, source=_VOYAGE, space="voyage-4")

_TABLE: Final[dict[str, dict[str, Dimensions]]] = {
    "openai": {
        "text-embedding-3-small": Dimensions(1536, at_most=1536, source=_OPENAI),
        "text-embedding-3-large": Dimensions(3072, at_most=3072, source=_OPENAI),
        "text-embedding-ada-002": Dimensions(1536, source=_OPENAI),
    },
    "volcengine": {
        "doubao-embedding-vision": Dimensions(2048, (1024,), source=_ARK),
        "doubao-embedding-vision-250328": Dimensions(2048, source=_ARK),
        "doubao-embedding-vision-241215": Dimensions(3072, source=_ARK),
        "doubao-embedding-large-text-250515": Dimensions(2048, (256, 512, 1024), source=_ARK_TEXT),
        "doubao-embedding-large-text-240915": Dimensions(4096, (512, 1024, 2048), source=_ARK_TEXT),
        "doubao-embedding-text-240715": Dimensions(2560, (512, 1024, 2048), source=_ARK_TEXT),
    },
    "jina": {
        "jina-embeddings-v5-text-small": Dimensions(1024, at_most=1024, source=_JINA),
        "jina-embeddings-v5-text-nano": Dimensions(768, at_most=768, source=_JINA),
        "jina-embeddings-v4": Dimensions(2048, at_most=2048, source=_JINA),
        "jina-embeddings-v3": Dimensions(1024, at_most=1024, source=_JINA),
        "jina-clip-v2": Dimensions(1024, at_most=1024, source=_JINA),
        "jina-code-embeddings-1.5b": Dimensions(1536, at_most=1536, source=_JINA),
        "jina-code-embeddings-0.5b": Dimensions(896, at_most=896, source=_JINA),
    },
    "voyage": {
        "voyage-4-large": _V4,
        "voyage-4": _V4,
        "voyage-4-lite": _V4,
        "voyage-3-large": Dimensions(1024, _VOYAGE_STEPS, source=_VOYAGE),
        "voyage-3.5": Dimensions(1024, _VOYAGE_STEPS, source=_VOYAGE),
        "voyage-3.5-lite": Dimensions(1024, _VOYAGE_STEPS, source=_VOYAGE),
        "voyage-3": Dimensions(1024, source=_VOYAGE),
        "voyage-3-lite": Dimensions(512, source=_VOYAGE),
        "voyage-code-3": Dimensions(1024, _VOYAGE_STEPS, source=_VOYAGE),
        "voyage-context-3": Dimensions(1024, _VOYAGE_STEPS, source=_VOYAGE),
        "voyage-multimodal-3.5": Dimensions(1024, _VOYAGE_STEPS, source=_VOYAGE),
        "voyage-multimodal-3": Dimensions(1024, source=_VOYAGE),
        "voyage-finance-2": Dimensions(1024, source=_VOYAGE),
        "voyage-law-2": Dimensions(1024, source=_VOYAGE),
    },
    "gemini": {
        "gemini-embedding-001": Dimensions(3072, at_most=3072, source=_GEMINI),
        "gemini-embedding-2": Dimensions(3072, at_most=3072, source=_GEMINI),
        "gemini-embedding-2-preview": Dimensions(3072, at_most=3072, source=_GEMINI),
        "text-embedding-004": Dimensions(768, at_most=768, source=_GEMINI),
    },
    "cohere": {
        "embed-v4.0": Dimensions(1536, (256, 512, 1024), source=_COHERE),
        "embed-multilingual-v3.0": Dimensions(1024, source=_COHERE),
        "embed-english-v3.0": Dimensions(1024, source=_COHERE),
        "embed-multilingual-light-v3.0": Dimensions(384, source=_COHERE),
        "embed-english-light-v3.0": Dimensions(384, source=_COHERE),
    },
    "dashscope": {
        "text-embedding-v4": Dimensions(1024, (64, 128, 256, 512, 768, 1536, 2048), source=_DASHSCOPE),
        "text-embedding-v3": Dimensions(1024, (512, 768), source=_DASHSCOPE),
        "qwen3-vl-embedding": Dimensions(2560, (256, 512, 768, 1024, 1536, 2048), source=_DASHSCOPE_MM),
        "qwen2.5-vl-embedding": Dimensions(1024, (512, 768, 2048), source=_DASHSCOPE_MM),
        "tongyi-embedding-vision-plus": Dimensions(1152, (64, 128, 256, 512, 1024), source=_DASHSCOPE_MM),
        "tongyi-embedding-vision-flash": Dimensions(768, (64, 128, 256, 512), source=_DASHSCOPE_MM),
        "multimodal-embedding-v1": Dimensions(1024, source=_DASHSCOPE_MM),
    },
    "minimax": {"embo-01": Dimensions(1536, source=_MINIMAX)},
    "ollama": {
        "nomic-embed-text": Dimensions(768, source=_OLLAMA),
        "mxbai-embed-large": Dimensions(1024, source=_OLLAMA),
        "all-minilm": Dimensions(384, source=_OLLAMA),
        "snowflake-arctic-embed": Dimensions(1024, source=_OLLAMA),
        "bge-m3": Dimensions(1024, source=_OLLAMA),
        "embeddinggemma": Dimensions(768, source=_OLLAMA),
        "qwen3-embedding:0.6b": Dimensions(1024, source=_OLLAMA),
        "qwen3-embedding:4b": Dimensions(2560, source=_OLLAMA),
        "qwen3-embedding:8b": Dimensions(4096, source=_OLLAMA),
    },
    "local": {"bge-small-zh-v1.5-f16": Dimensions(512, source=_BGE)},
}

_SAME_MODELS: Final = {"azure": "openai"}
"""Providers that offer another provider's models under the same names."""

_DATED: Final = ("doubao-embedding-vision", "tongyi-embedding-vision-plus", "tongyi-embedding-vision-flash")
"""Models whose names may end in a release date; a row of the dated name wins."""


_FIXED: Final = re.compile(
    r"(?:^|/)(?:bge|e5|multilingual-e5|gte|bce|m3e|text2vec|paraphrase|all-minilm|all-mpnet|labse|sentence-t5|gtr|instructor|stella"
    r"|nomic-embed-text-v1(?!\.5)|text-embedding-ada)(?:$|[-_.:/])"
)
"""Models whose vectors have one length, and whose hosts refuse a request that names one.

vLLM: https://docs.vllm.ai/en/latest/models/pooling_models.html#matryoshka-embeddings; SiliconFlow:
https://docs.siliconflow.cn/cn/api-reference/embeddings/create-embeddings.
"""


def rows() -> list[tuple[str, str, Dimensions]]:
    """Return the whole table as (provider, model, dimensions), for documentation and tests."""
    return [(provider, model, dims) for provider, models in _TABLE.items() for model, dims in models.items()]


def known(provider: str | None, model: str | None) -> Dimensions | None:
    """Return what is known about a model's vectors, or None.

    Args:
        provider: the provider's own name (`openai`), not an alias.
        model: the model's name as sent; letter case does not matter, nor a `:latest` or `models/` around it.
    """
    rows_of = _TABLE.get(_SAME_MODELS.get(provider or "", provider or ""), {})
    name = (model or "").strip().lower().removesuffix(":latest").removeprefix("models/")
    if name in rows_of:
        return rows_of[name]
    return next((rows_of[stem] for stem in _DATED if stem in rows_of and name.startswith(stem + "-")), None)


def takes_length(provider: str | None, model: str | None) -> bool:
    """Tell whether a request may name the length of its vectors; of a model that nobody knows it may."""
    row = known(provider, model)
    if row is not None:
        return bool(row.allowed) or row.at_most is not None
    return _FIXED.search((model or "").lower()) is None
