"""What is measured: each way in as `ask(text, stream)`, which returns the whole answer or raises. Everything is left at its defaults."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Seats = list[dict[str, Any]]
_PATIENT = 600.0


async def asked(client: Any, model: str, text: str, *, stream: bool) -> str:
    """Ask through the official SDK."""
    answer = await client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], stream=stream)
    if not stream:
        return str(answer.choices[0].message.content)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in answer if chunk.choices])


async def embedded(client: Any, model: str, text: str) -> str:
    """Ask for a vector; it says which request it answers."""
    answer = await client.embeddings.create(model=model, input=text, encoding_format="float")
    return str(int(answer.data[0].embedding[0]))


def _chain(seats: Seats, more: dict[str, Any]) -> dict[str, Any]:
    keys = ("id", "model", "account", "api_key", "api_base")
    return {"provider": "openai", "credentials": [{key: seat[key] for key in keys} for seat in seats], **more}


class Sdk:
    """The transport under the unmodified SDK."""

    def __init__(self, seats: Seats, kind: str, **more: Any) -> None:
        from openai import AsyncOpenAI

        from sparekey import EmbeddingModelConfig, VLMConfig, sdk_options

        config = EmbeddingModelConfig(dimension=2, **_chain(seats, more)) if kind == "embed" else VLMConfig(**_chain(seats, more))
        self._client, self._kind, self._model = AsyncOpenAI(**sdk_options(config, asynchronous=True)), kind, seats[0]["model"]

    async def ask(self, text: str, *, stream: bool) -> str:
        if self._kind == "embed":
            return await embedded(self._client, self._model, text)
        return await asked(self._client, "chat", text, stream=stream)


class Wrapper:
    """`MultiCredentialVLM`."""

    def __init__(self, seats: Seats, kind: str, **more: Any) -> None:
        from sparekey import VLMConfig

        del kind
        self._vlm: Any = VLMConfig(**_chain(seats, more)).get_vlm_instance()

    async def ask(self, text: str, *, stream: bool) -> str:
        if stream:
            return "".join([str(piece) async for piece in self._vlm.stream_completion_async(text)])
        return str(await self._vlm.get_completion_async(text))


class Gateway:
    """`sparekey serve` on this loop, with the SDK in front of it."""

    def __init__(self, seats: Seats, kind: str, **more: Any) -> None:
        self._kind, self._stack = kind, contextlib.AsyncExitStack()
        chain = _chain(seats, more)
        chains = {"embedding": {"dense": {**chain, "dimension": 2}}} if kind == "embed" else {"vlm": chain}
        self._config = {"gateway": {"port": 0, "store": "memory", "access_log": False}, **chains}

    async def start(self) -> None:
        from openai import AsyncOpenAI

        from sparekey.gateway.process import draining, server

        async def idle(this: Any) -> None:  # a week of looking whether to stop, ten times a second, is dear
            while not this.should_exit:
                await asyncio.sleep(3600)

        draining.Server.main_loop, server.LOOK_SECONDS = idle, 3600.0  # type: ignore[method-assign, misc]
        file = Path(self._stack.enter_context(tempfile.TemporaryDirectory())) / "sparekey.json"
        file.write_text(json.dumps(self._config))
        _, _, url = await self._stack.enter_async_context(server.running(server.ServeSettings(file)))
        self._client = AsyncOpenAI(base_url=f"{url}/v1", api_key="-", max_retries=0, timeout=_PATIENT)

    async def ask(self, text: str, *, stream: bool) -> str:
        if self._kind == "embed":
            return await embedded(self._client, "embedding", text)
        return await asked(self._client, "chat", text, stream=stream)


class Loop:
    """What people write: one after the other; whoever fails rests for a minute."""

    def __init__(self, seats: Seats, kind: str) -> None:
        from openai import AsyncOpenAI

        self._kind = kind
        self._seats = [(AsyncOpenAI(base_url=s["api_base"], api_key=s["api_key"], max_retries=0, timeout=30.0), s["model"]) for s in seats]
        self._rests: dict[int, float] = {}

    async def ask(self, text: str, *, stream: bool) -> str:
        import openai

        now, fault = asyncio.get_running_loop().time(), None
        for number, (client, model) in sorted(enumerate(self._seats), key=lambda one: self._rests.get(one[0], 0.0) > now):
            try:
                return await (embedded(client, model, text) if self._kind == "embed" else asked(client, model, text, stream=stream))
            except openai.BadRequestError:
                raise
            except Exception as exc:
                self._rests[number], fault = asyncio.get_running_loop().time() + 60, exc
        assert fault is not None
        raise fault


class LiteLLM:
    """The Router: one group in three orders, with cooldowns."""

    def __init__(self, seats: Seats, kind: str) -> None:
        import litellm
        from litellm import Router

        litellm.suppress_debug_info, litellm.telemetry, self._kind = True, False, kind
        given = [
            {"model": f"openai/{s['model']}", "api_base": s["api_base"], "api_key": s["api_key"], "order": n}
            for n, s in enumerate(seats, 1)
        ]
        models = [{"model_name": "chat", "litellm_params": one} for one in given]
        self._router = Router(model_list=models, num_retries=0, allowed_fails=0, cooldown_time=60, timeout=30, stream_timeout=30)

    async def ask(self, text: str, *, stream: bool) -> str:
        if self._kind == "embed":
            answer: Any = await self._router.aembedding("chat", [text])
            return str(int(answer.data[0]["embedding"][0]))
        answer = await self._router.acompletion("chat", [{"role": "user", "content": text}], stream=stream)
        if not stream:
            return str(answer.choices[0].message.content)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in answer if chunk.choices])


class LangChain:
    """`ChatOpenAI(...).with_fallbacks([...])`."""

    def __init__(self, seats: Seats, kind: str) -> None:
        from langchain_openai import ChatOpenAI

        del kind
        first, *rest = [
            ChatOpenAI(model=s["model"], base_url=s["api_base"], api_key=s["api_key"], max_retries=0, timeout=30) for s in seats
        ]
        self._model = first.with_fallbacks(rest)

    async def ask(self, text: str, *, stream: bool) -> str:
        if stream:
            return "".join([str(piece.content) async for piece in self._model.astream(text)])
        return str((await self._model.ainvoke(text)).content)


OURS = ("sparekey gateway", "sparekey SDK", "sparekey VLM")
SYSTEMS: dict[str, Callable[[Seats, str], Any]] = {
    "sparekey gateway": Gateway,
    "sparekey SDK": Sdk,
    "sparekey VLM": Wrapper,
    "sparekey SDK, buffer": lambda seats, kind: Sdk(seats, kind, stream_recovery="buffer"),
    "a loop with a rest of 60 s": Loop,
    "LiteLLM Router": LiteLLM,
    "LangChain with_fallbacks": LangChain,
}
"""The last two where `make peers` has installed them."""
INTERPRETERS = {"LiteLLM Router": ".peers/litellm/bin/python", "LangChain with_fallbacks": ".peers/langchain/bin/python"}
CHAT_ONLY = frozenset({"sparekey VLM", "LangChain with_fallbacks"})
