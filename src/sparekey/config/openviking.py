"""OpenViking's `ov.conf`: how to tell one, and what its defaults mean here.

It is JSON with the sections `vlm` and `embedding` among many that are no business of ours. Field names and defaults were
read from OpenViking's configuration guide (https://github.com/volcengine/OpenViking, docs/en/guides/01-configuration.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_OURS: Final = ("vlm", "embedding")
_SECTIONS: Final = frozenset(
    {
        *("server", "storage", "rerank", "retrieval", "memory", "log", "parsers", "encryption", "grep", "query_planner", "semantic"),
        *("queue_workers", "reindex", "parser_api", "compile_api", "connector", "git", "telemetry", "oauth", "prompts", "ingest", "cache"),
        *("service_name", "default_account", "default_user", "output_language_override", "allow_private_networks"),
        *("auto_generate_l0", "auto_generate_l1", "default_search_mode", "default_search_limit", "enable_memory_decay"),
        *("memory_decay_check_interval", "log_level", "log_format", "log_output"),
    }
)
"""Sections that only OpenViking has."""
_NAMING_A_MODEL: Final = ("model", "provider", "backend", "default_provider", "providers", "api_key", "api_base", "credentials", "backup")
"""A `vlm` section without any of these has only settings: OpenViking then runs without a chat model."""


def is_one(data: Mapping[str, Any], filename: str = "") -> bool:
    """Tell whether a configuration is OpenViking's: by the file's name, else by its other sections."""
    return filename.startswith("ov.conf") or not _SECTIONS.isdisjoint(data)


def ours(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections that concern us, with OpenViking's defaults written out where ours differ."""
    found = {name: data[name] for name in _OURS if data.get(name) is not None}
    if isinstance(found.get("vlm"), dict):
        found["vlm"] = {"temperature": 0.0, **found["vlm"]}
        if not any(found["vlm"].get(name) for name in _NAMING_A_MODEL):
            del found["vlm"]
    if isinstance(found.get("embedding"), dict):
        found["embedding"] = _embedding(found["embedding"])
    return found


def _embedding(section: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(section)
    kinds = [kind for kind in ("dense", "sparse", "hybrid") if isinstance(filled.get(kind), dict) and filled[kind]]
    for kind in kinds:
        filled[kind] = _chain(filled[kind])
    return filled if kinds else {**filled, "dense": {"provider": "local", "model": "bge-small-zh-v1.5-f16"}}


def _chain(chain: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(chain)
    if not filled.get("provider") and not filled.get("backend"):
        filled["provider"] = "volcengine"
    return filled
