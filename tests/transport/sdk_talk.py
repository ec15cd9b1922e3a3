"""Real SDKs over a chain: one question each, sync, on asyncio or on trio, whole or as a stream."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import pytest
import trio

from sparekey import Credential, Secret
from sparekey.transport import sdk_options

QUESTION = [{"role": "user", "content": "Where is the spare key?"}]
PACKAGES = {"openai": "openai", "azure": "openai", "anthropic": "anthropic", "gemini": "google.genai"}
SDKS = ("openai", "anthropic", "gemini")
RUNS = {"asyncio": lambda main: asyncio.run(main()), "trio": trio.run}


def credentials(*providers, **fields):
    """One credential a provider, in order; its model is `model-NAME`, its key `key-NAME`."""
    return [credential(provider, **fields) for provider in providers]


def credential(provider, **fields):
    usual = {"model": f"model-{provider.name}", "api_key": Secret(f"key-{provider.name}"), "endpoint": provider.base_url}
    return Credential(provider.name, provider.wire.name, **{**usual, **fields})


def client(sdk, source, mode="sync", **options):
    """The SDK's own client over a chain."""
    package = pytest.importorskip(PACKAGES[sdk], reason=f"the SDK {PACKAGES[sdk]} is not installed")
    made = sdk_options(source, sdk=sdk, asynchronous=mode != "sync", **options)
    if sdk == "gemini":
        return package.Client(**made)
    name = {"openai": "OpenAI", "azure": "AzureOpenAI", "anthropic": "Anthropic"}[sdk]
    return getattr(package, name if mode == "sync" else f"Async{name}")(**made)


def ask(sdk, source, *, mode="sync", stream=False, **options):
    """Ask the question with a client of its own, which is closed; return the whole text of the answer."""
    if mode == "sync":
        return _ask(sdk, source, stream, options)
    return RUNS[mode](partial(_ask_async, sdk, source, mode, stream, options))


def _ask(sdk, source, stream, options):
    with client(sdk, source, **options) as made:
        answer = _put(sdk, made, stream)
        return "".join(_text(sdk, event) for event in answer) if stream else _text(sdk, answer)


async def _ask_async(sdk, source, mode, stream, options):
    async with AsyncExitStack() as stack:
        made = client(sdk, source, mode, **options)
        if sdk == "gemini":
            stack.callback(made.close)
            stack.push_async_callback(made.aio.aclose)
            made = made.aio
        else:
            await stack.enter_async_context(made)
        answer = await _put(sdk, made, stream)
        return "".join([_text(sdk, event) async for event in answer]) if stream else _text(sdk, answer)


def _put(sdk, made, stream):
    if sdk == "gemini":
        models = made.models
        return (models.generate_content_stream if stream else models.generate_content)(model="chain", contents="Where is the spare key?")
    if sdk == "anthropic":
        return made.messages.create(model="chain", max_tokens=99, messages=QUESTION, stream=stream)
    return made.chat.completions.create(model="chain", messages=QUESTION, stream=stream)


def _text(sdk, answer):
    """The text of an answer, or of one event of a stream."""
    if sdk == "gemini":
        return answer.text or ""
    if sdk == "anthropic":
        if hasattr(answer, "content"):
            return "".join(block.text for block in answer.content)
        return getattr(getattr(answer, "delta", None), "text", "")
    choice = answer.choices[0] if answer.choices else None
    return (getattr(choice, "message", None) or choice.delta).content or "" if choice else ""
