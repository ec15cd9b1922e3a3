"""The client of a drilled gateway: the official SDK of the chain's wire, without retries.

Its calls go over real sockets, and answers are read as a program would read them: what the SDK
takes for the end of an answer counts as its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.embedding.types import EmbedResult
from sparekey.errors import ContentFilteredError
from sparekey.lab.drill.in_process_gateway import KEY
from sparekey.types import Usage
from sparekey.vlm.factory import VLMFactory
from sparekey.wire.clients import end, end_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

BATCH: Final = 128
"""The number of texts in one embedding request."""
_SILENCE: Final = 600.0
"""The SDK's timeout in seconds: longer than any row, so that the gateway's limits act first."""


@dataclass(frozen=True, slots=True)
class SdkAnswer:
    """What an SDK's answer, or one event of its stream, says.

    Attributes:
        text: the text; of an event the further text.
        model: the model that is named; empty if there is none.
        usage: the tokens, where they are stated.
    """

    text: str = ""
    model: str = ""
    usage: Usage | None = None

    def __str__(self) -> str:
        return self.text


class SdkDialect(NamedTuple):
    """How one SDK is called, and how its answers are read.

    Attributes:
        root: the path of its base URL behind the gateway's address.
        ask: sends a question (client, model, prompt, whether to stream).
        read_answer: reads a whole answer.
        read_event: reads an event of a stream.
        embed: sends texts (client, model, texts); None if the wire has no embeddings.
        vectors: reads the answer to them.
        asynchronous: returns the part of an asynchronous client that has the methods.
    """

    root: str
    ask: Callable[[Any, str, str, bool], Any]
    read_answer: Callable[[Any], SdkAnswer]
    read_event: Callable[[Any], SdkAnswer]
    embed: Callable[[Any, str, list[str]], Any] | None = None
    vectors: Callable[[Any], list[list[float]]] = list
    asynchronous: Callable[[Any], Any] = lambda client: client


class SdkClient:
    """Calls a chain of a gateway, in threads or on event loops."""

    batch_size = BATCH

    def __init__(self, wire: str, url: str, chain: str) -> None:
        """Make the SDK's clients.

        Args:
            wire: the wire of the chain, which decides the SDK.
            url: the gateway's address.
            chain: the chain's name, which is sent as the model.

        Raises:
            MissingExtraError: the wire's SDK is not installed.
        """
        self._dialect, self._chain = SDK_DIALECTS[wire], chain
        given = {"provider": wire, "model": chain, "api_key": KEY, "api_base": url + self._dialect.root}
        self._clients: Any = VLMFactory.create({**given, "timeout": _SILENCE, "max_retries": 0})

    def get_completion(self, prompt: str) -> SdkAnswer:
        """Ask for a whole answer."""
        return self._dialect.read_answer(self._dialect.ask(self._clients.get_client(), self._chain, prompt, False))

    async def get_completion_async(self, prompt: str) -> SdkAnswer:
        """As `get_completion`."""
        return self._dialect.read_answer(await self._dialect.ask(self._asynchronous(), self._chain, prompt, False))

    def stream_completion(self, prompt: str) -> Iterator[SdkAnswer]:
        """Ask for a stream. Closing the iterator closes the connection."""
        stream = self._dialect.ask(self._clients.get_client(), self._chain, prompt, True)
        try:
            for event in stream:
                yield self._dialect.read_event(event)
        finally:
            end(stream)

    async def stream_completion_async(self, prompt: str) -> AsyncIterator[SdkAnswer]:
        """As `stream_completion`."""
        stream = await self._dialect.ask(self._asynchronous(), self._chain, prompt, True)
        try:
            async for event in stream:
                yield self._dialect.read_event(event)
        finally:
            await end_async(stream)

    def embed(self, text: str) -> EmbedResult:
        """Embed one text."""
        return self.embed_batch([text])[0]

    async def embed_async(self, text: str) -> EmbedResult:
        """As `embed`."""
        return (await self.embed_batch_async([text]))[0]

    def embed_batch(self, texts: Sequence[str]) -> list[EmbedResult]:
        """Embed texts, in requests of at most `BATCH`."""
        client, dialect = self._clients.get_client(), self._dialect
        return [one for part in _parts(texts) for one in self._results(_embed(dialect)(client, self._chain, part))]

    async def embed_batch_async(self, texts: Sequence[str]) -> list[EmbedResult]:
        """As `embed_batch`."""
        client, dialect = self._asynchronous(), self._dialect
        return [one for part in _parts(texts) for one in self._results(await _embed(dialect)(client, self._chain, part))]

    def close(self) -> None:
        """Close the blocking clients."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close all clients, those of this event loop too."""
        await self._clients.aclose()

    def _asynchronous(self) -> Any:
        return self._dialect.asynchronous(self._clients.get_async_client())

    def _results(self, answer: Any) -> list[EmbedResult]:
        return [EmbedResult(dense_vector=vector) for vector in self._dialect.vectors(answer)]


def _parts(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in batches of `BATCH`; no texts make one empty batch."""
    yield from (list(texts[start : start + BATCH]) for start in range(0, max(len(texts), 1), BATCH))


def _embed(dialect: SdkDialect) -> Callable[[Any, str, list[str]], Any]:
    assert dialect.embed is not None, "a chain of embeddings speaks OpenAI's wire or Gemini's"
    return dialect.embed


# ── OpenAI ──


def _openai_ask(client: Any, model: str, prompt: str, stream: bool) -> Any:
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": prompt}], **more)


def _openai_answer(answer: Any) -> SdkAnswer:
    return SdkAnswer(answer.choices[0].message.content or "", answer.model, _usage(answer.usage, "completion_tokens"))


def _openai_event(event: Any) -> SdkAnswer:
    text = event.choices[0].delta.content if event.choices else None
    return SdkAnswer(text or "", event.model, _usage(event.usage, "completion_tokens"))


def _openai_embed(client: Any, model: str, texts: list[str]) -> Any:
    return client.embeddings.create(model=model, input=texts, encoding_format="float")


# ── Anthropic ──


def _anthropic_ask(client: Any, model: str, prompt: str, stream: bool) -> Any:
    return client.messages.create(model=model, max_tokens=1024, messages=[{"role": "user", "content": prompt}], stream=stream)


def _anthropic_answer(answer: Any) -> SdkAnswer:
    return SdkAnswer(
        "".join(block.text for block in answer.content if block.type == "text"), answer.model, _usage(answer.usage, "output_tokens")
    )


def _anthropic_event(event: Any) -> SdkAnswer:
    message = getattr(event, "message", None)
    return SdkAnswer(
        getattr(getattr(event, "delta", None), "text", None) or "", message.model if message else "", _usage(event, "output_tokens")
    )


# ── Gemini ──


def _gemini_ask(client: Any, model: str, prompt: str, stream: bool) -> Any:
    return (client.models.generate_content_stream if stream else client.models.generate_content)(model=model, contents=prompt)


def _gemini_answer(answer: Any) -> SdkAnswer:
    if reason := getattr(answer.prompt_feedback, "block_reason", None):  # this wire's refusal; its SDK raises nothing
        raise ContentFilteredError(f"the prompt was blocked: {getattr(reason, 'value', reason)}")
    parts = [part for one in answer.candidates or () if one.content for part in one.content.parts or ()]
    used = _usage(answer.usage_metadata, "candidates_token_count")
    return SdkAnswer("".join(part.text or "" for part in parts), answer.model_version or "", used)


def _gemini_embed(client: Any, model: str, texts: list[str]) -> Any:
    return client.models.embed_content(model=model, contents=texts)


def _usage(of: Any, name: str) -> Usage | None:
    """Return the completion tokens that an SDK's object states, in itself or in its `usage`."""
    count = getattr(getattr(of, "usage", None) or of, name, None)
    return None if count is None else Usage(completion_tokens=count)


SDK_DIALECTS: Final = {
    "openai": SdkDialect("/v1", _openai_ask, _openai_answer, _openai_event, _openai_embed, lambda a: [one.embedding for one in a.data]),
    "anthropic": SdkDialect("", _anthropic_ask, _anthropic_answer, _anthropic_event),
    "gemini": SdkDialect(
        "", _gemini_ask, _gemini_answer, _gemini_answer, _gemini_embed, lambda a: [one.values for one in a.embeddings], lambda c: c.aio
    ),
}
"""How the SDKs are called, by wire."""
