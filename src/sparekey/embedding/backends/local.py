"""A GGUF model on this machine through llama-cpp-python: no key, no network.

The model is the file at `model_path`, or `<model>.gguf` in `cache_dir` (default: `~/.cache/sparekey/models`). Nothing is downloaded:
a missing file is an error that says where it belongs. `query_param` and `document_param` are put before the text, as such models ask.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sparekey.embedding.backends.base import EmbeddingBackend, Prepared, as_texts, load_sdk
from sparekey.embedding.base import DenseEmbedderBase
from sparekey.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_MODEL: Final = "bge-small-zh-v1.5-f16"
_CACHES: Final = ("~/.cache/sparekey/models", "~/.cache/openviking/models")
"""Where models are looked for; the second is where the older configuration kept them."""
_SOURCES: Final = {DEFAULT_MODEL: "https://huggingface.co/CompendiumLabs/bge-small-zh-v1.5-gguf"}
_QUERY_PREFIXES: Final = {"bge-small-zh": "为这个句子生成表示以用于检索相关文章\uff1a"}  # the model's own instruction, with its wide colon
_TOKENS_AT_ONCE: Final = 2048


class LocalEmbedder(EmbeddingBackend, DenseEmbedderBase):
    """Dense vectors from a local GGUF model; one inference at a time, as the library is not thread-safe."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Read the configuration: `model_path` or `cache_dir` and `model`; `extra_body` goes to `llama_cpp.Llama`.

        Raises:
            MissingExtraError: llama-cpp-python is not installed.
            ConfigError: the model's file is not there.
        """
        self._sdk: Any = load_sdk("llama_cpp", "embedding with a local GGUF model", "local")
        super().__init__({**config, "provider": config.get("provider") or "local", "model": config.get("model") or DEFAULT_MODEL})
        self.model_path = find_model(self.model_name, self.config.get("model_path"), self.config.get("cache_dir"))
        prefix = next((text for stem, text in _QUERY_PREFIXES.items() if self.model_name.startswith(stem)), None)
        self.query_param = self._side("query_param", prefix)
        self._busy = threading.Lock()

    def _make_sync(self) -> Any:
        size = {"n_ctx": 0, "n_batch": _TOKENS_AT_ONCE, "n_ubatch": _TOKENS_AT_ONCE}  # 0: the model's own window
        return self._sdk.Llama(**{"model_path": str(self.model_path), "embedding": True, "verbose": False, **size, **self.extra_body})

    def _request(self, inputs: Prepared, is_query: bool) -> list[str]:
        prefix = (self.query_param if is_query else self.document_param) or ""
        return [prefix + text for text in as_texts(inputs)]

    def _send(self, request: list[str]) -> Any:
        with self._busy:
            return self._clients.sync.create_embedding(request)

    async def _asend(self, request: list[str]) -> Any:
        return await asyncio.to_thread(self._send, request)

    def _body(self, response: Any) -> Any:
        return response


def find_model(model: str, model_path: str | None, cache_dir: str | None) -> Path:
    """Return the model's file.

    Raises:
        ConfigError: there is none; the message says where it was looked for and where to get it.
    """
    if model_path:
        places = [Path(model_path).expanduser()]
    else:
        folders = (cache_dir,) if cache_dir else _CACHES
        places = [Path(folder).expanduser() / f"{model.removesuffix('.gguf')}.gguf" for folder in folders]
    for place in places:
        if place.is_file():
            return place
    source = f"; get it from {_SOURCES[model]}" if not model_path and model in _SOURCES else ""
    raise ConfigError(f"the local model {model!r} is not there: no file {' or '.join(map(str, places))}{source}")
