"""The systems that are compared, in the order of the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
PEERS: Final = ROOT / ".peers"
HERE: Final = Path(__file__).parent


class System(NamedTuple):
    """One system.

    Attributes:
        name: its name on the command line and in the results; sparekey's own begin with `sparekey`.
        title: its name in the tables.
        adapter: the module that sets it up.
        home: its environment under `.peers/`; None: the one that runs this program.
        has_first: whether it has a limit for the first token that is off by default; it is then
            played once more with that limit.
    """

    name: str
    title: str
    adapter: str
    home: str | None = None
    has_first: bool = False


SYSTEMS: Final = (
    System("sparekey-vlm", "sparekey `MultiCredentialVLM`", "sparekey_vlm"),
    System("sparekey-sdk", "sparekey under `openai`", "sparekey_transport"),
    System("sparekey-call", "sparekey `Failover`", "sparekey_call"),
    System("litellm", "LiteLLM Router", "litellm_router", "litellm", has_first=True),
    System("langchain", "LangChain `with_fallbacks`", "langchain_fallbacks", "langchain"),
    System("pydantic-ai", "pydantic-ai `FallbackModel`", "pydantic_ai_fallback", "pydantic-ai", has_first=True),
    System("openai", "`openai` alone", "openai_sdk", "openai"),
)
