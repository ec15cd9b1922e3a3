"""One face for five official SDKs, so that each behaviour is tested with all of them in the same words."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sparekey.lab.simulator import Provider

KEY = "sk-sim-1234"
HELLO = [{"role": "user", "content": "Where is the spare key?"}]
TOOL = {"name": "look", "description": "Looks under stones.", "parameters": {"type": "object", "properties": {}}}


@dataclass(frozen=True)
class Talk:
    """What a test asks an SDK for."""

    chat: Callable[[], str]
    stream: Callable[[], str]
    usage: Callable[[], tuple[int, int]]
    tool: Callable[[], str]
    prefill: Callable[[], str]
    embed: Callable[[list[str]], list[list[float]]] | None
    close: Callable[[], None]


@contextmanager
def talk(provider: Provider, key: str = KEY) -> Iterator[Talk]:
    """Open the SDK of the provider's wire on it, without retries, and close it again."""
    made = MAKERS[provider.wire.name](provider.base_url, key)
    try:
        yield made
    finally:
        made.close()


def openai_like(client: Any, embed: Callable[[list[str]], list[list[float]]]) -> Talk:
    """Talk to what has the OpenAI SDK's interface."""

    def create(**options: Any) -> Any:
        return client.chat.completions.create(**{"model": "sim-chat", "messages": HELLO, **options})

    def usage() -> tuple[int, int]:
        told = create().usage
        return told.prompt_tokens, told.completion_tokens

    def stream() -> str:
        return "".join(event.choices[0].delta.content or "" for event in create(stream=True) if event.choices)

    tools = [{"type": "function", "function": TOOL}]
    return Talk(
        chat=lambda: create().choices[0].message.content or "",
        stream=stream,
        usage=usage,
        tool=lambda: create(tools=tools).choices[0].message.tool_calls[0].function.name,
        prefill=lambda: create(messages=[*HELLO, {"role": "assistant", "content": "Under"}]).choices[0].message.content,
        embed=embed,
        close=client.close,
    )


def openai_talk(base_url: str, key: str) -> Talk:
    """Talk to the openai SDK."""
    from openai import OpenAI

    client = OpenAI(api_key=key, base_url=base_url, max_retries=0, timeout=10)
    return openai_like(client, lambda texts: [item.embedding for item in client.embeddings.create(model="sim-embed", input=texts).data])


def azure_talk(base_url: str, key: str) -> Talk:
    """Talk to the openai SDK's Azure client."""
    from openai import AzureOpenAI

    client = AzureOpenAI(api_key=key, azure_endpoint=base_url, api_version="2024-10-21", max_retries=0, timeout=10)
    return openai_like(client, lambda texts: [item.embedding for item in client.embeddings.create(model="sim-embed", input=texts).data])


def ark_talk(base_url: str, key: str) -> Talk:
    """Talk to the Ark SDK."""
    from volcenginesdkarkruntime import Ark

    client = Ark(api_key=key, base_url=base_url, max_retries=0, timeout=10)
    return openai_like(client, lambda texts: [item.embedding for item in client.embeddings.create(model="sim-embed", input=texts).data])


def anthropic_talk(base_url: str, key: str) -> Talk:
    """Talk to the anthropic SDK."""
    from anthropic import Anthropic

    client = Anthropic(api_key=key, base_url=base_url, max_retries=0, timeout=10)

    def create(**options: Any) -> Any:
        return client.messages.create(**{"model": "sim-chat", "max_tokens": 99, "messages": HELLO, **options})

    def text(message: Any) -> str:
        return "".join(block.text for block in message.content if block.type == "text")

    def stream() -> str:
        with client.messages.stream(model="sim-chat", max_tokens=99, messages=HELLO) as events:
            return "".join(events.text_stream)

    def usage() -> tuple[int, int]:
        told = create().usage
        return told.input_tokens, told.output_tokens

    return Talk(
        chat=lambda: text(create()),
        stream=stream,
        usage=usage,
        tool=lambda: create(tools=[{"name": TOOL["name"], "input_schema": TOOL["parameters"]}]).content[-1].name,
        prefill=lambda: text(create(messages=[*HELLO, {"role": "assistant", "content": "Under"}])),
        embed=None,
        close=client.close,
    )


def gemini_talk(base_url: str, key: str) -> Talk:
    """Talk to google-genai."""
    from google import genai
    from google.genai import types

    client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=base_url, timeout=10_000))

    def create(**options: Any) -> Any:
        return client.models.generate_content(**{"model": "sim-chat", "contents": HELLO[0]["content"], **options})

    def usage() -> tuple[int, int]:
        told = create().usage_metadata
        return told.prompt_token_count, told.candidates_token_count

    def stream() -> str:
        events = client.models.generate_content_stream(model="sim-chat", contents=HELLO[0]["content"])
        return "".join(event.text or "" for event in events)

    def embed(texts: list[str]) -> list[list[float]]:
        return [item.values for item in client.models.embed_content(model="sim-embed", contents=texts).embeddings]

    offered = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[types.FunctionDeclaration(**TOOL)])])
    begun = [types.UserContent(HELLO[0]["content"]), types.ModelContent("Under")]
    return Talk(
        chat=lambda: create().text or "",
        stream=stream,
        usage=usage,
        tool=lambda: create(config=offered).function_calls[0].name,
        prefill=lambda: create(contents=begun).text,
        embed=embed,
        close=client.close,
    )


MAKERS: dict[str, Callable[[str, str], Talk]] = {
    "openai": openai_talk,
    "azure": azure_talk,
    "anthropic": anthropic_talk,
    "gemini": gemini_talk,
    "ark": ark_talk,
}
