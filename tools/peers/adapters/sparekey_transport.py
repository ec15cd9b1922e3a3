"""sparekey under the unmodified `openai` SDK: `OpenAI(**sdk_options(...))`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openai import AsyncOpenAI, OpenAI

from peers.adapters import openai_sdk
from peers.adapters.sparekey_vlm import config
from sparekey import sdk_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peers.client_interface import Seat

PACKAGES = ("sparekey", "openai")
MODES = ("sync", "async")


class Client(openai_sdk.Client):
    """The SDK as in the plain adapter; only its options differ."""

    def __init__(self, seats: Sequence[Seat], mode: str) -> None:
        self._model = seats[0].model
        chain = config(seats)
        self._client = OpenAI(**sdk_options(chain)) if mode == "sync" else AsyncOpenAI(**sdk_options(chain, asynchronous=True))
