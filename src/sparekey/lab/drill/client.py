"""The caller of a drilled gateway: the official SDK of the chain's wire, its own retries off, over real sockets.

What comes is read as plainly as a program would: what the SDK takes for the end of an answer counts as its end.
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
"""Texts in one request for embeddings."""
_SILENCE: Final = 600.0
"""Seconds that the SDK waits: longer than any row, so that the gateway's limits are seen."""


@dataclass(frozen=True, slots=True)
class Said:
    """What an SDK's answer, or one event of its stream, says."""

    text: str = ""
    model: str = ""
    usage: Usage | None = None

    def __str__(self) -> str:
        return self.text


class Tongue(NamedTuple):
    """How one SDK is asked and understood.

    Attributes:
        root: what its base URL has behind the gateway's address.
        ask: sends a question, for a whole answer or a stream.
        said: reads an answer.
        outcome: reads an event.
        embed: sends texts.
        vectors: reads the answer to them.
        aside: the part of an asynchronous client that has the methods.
    """

    root: str
    ask: Callable[[Any, str, str, bool], Any]
    said: Callable[[Any], Said]
    outcome: Callable[[Any], Said]
    embed: Callable[[Any, str, list[str]], Any] | None = None
    vectors: Callable[[Any], list[list[float]]] = list
    aside: Callable[[Any], Any] = lambda client: client


class SdkClient:
    """Calls a chain of a gateway, in threads or on event loops."""

    batch_size = BATCH

    def __init__(self, wire: str, url: str, chain: str) -> None:
        """Take the wire, the gateway's address and the chain's name.

        Raises:
            MissingExtraError: the wire's SDK is not installed.
        """
        self._tongue, self._chain = TONGUES[wire], chain
        given = {"provider": wire, "model": chain, "api_key": KEY, "api_base": url + self._tongue.root}
        self._clients: Any = VLMFactory.create({**given, "timeout": _SILENCE, "max_retries": 0})

    def get_completion(self, prompt: str) -> Said:
        """Ask for a whole answer."""
        return self._tongue.said(self._tongue.ask(self._clients.get_client(), self._chain, prompt, False))

    async def get_completion_async(self, prompt: str) -> Said:
        """As `get_completion`."""
        return self._tongue.said(await self._tongue.ask(self._asynchronous(), self._chain, prompt, False))

    def stream_completion(self, prompt: str) -> Iterator[Said]:
        """Ask for a stream; whoever leaves it closes its connection."""
        stream = self._tongue.ask(self._clients.get_client(), self._chain, prompt, True)
        try:
            for event in stream:
                yield self._tongue.outcome(event)
        finally:
            end(stream)

    async def stream_completion_async(self, prompt: str) -> AsyncIterator[Said]:
        """As `stream_completion`."""
        stream = await self._tongue.ask(self._asynchronous(), self._chain, prompt, True)
        try:
            async for event in stream:
                yield self._tongue.outcome(event)
        finally:
            await end_async(stream)

    def embed(self, text: str) -> EmbedResult:
        """Embed one text."""
        return self.embed_batch([text])[0]

    async def embed_async(self, text: str) -> EmbedResult:
        """As `embed`."""
        return (await self.embed_batch_async([text]))[0]

    def embed_batch(self, texts: Sequence[str]) -> list[EmbedResult]:
        """Embed many texts, in requests of `BATCH`."""
        client, tongue = self._clients.get_client(), self._tongue
        return [one for part in _parts(texts) for one in self._results(_embed(tongue)(client, self._chain, part))]

    async def embed_batch_async(self, texts: Sequence[str]) -> list[EmbedResult]:
        """As `embed_batch`."""
        client, tongue = self._asynchronous(), self._tongue
        return [one for part in _parts(texts) for one in self._results(await _embed(tongue)(client, self._chain, part))]

    def close(self) -> None:
        """Close the clients."""
        self._clients.close()

    async def aclose(self) -> None:
        """Close the clients, this event loop's too."""
        await self._clients.aclose()

    def _asynchronous(self) -> Any:
        return self._tongue.aside(self._clients.get_async_client())

    def _results(self, answer: Any) -> list[EmbedResult]:
        return [EmbedResult(dense_vector=vector) for vector in self._tongue.vectors(answer)]


def _parts(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in batches; no text at all is a batch, too."""
    yield from (list(texts[start : start + BATCH]) for start in range(0, max(len(texts), 1), BATCH))


def _embed(tongue: Tongue) -> Callable[[Any, str, list[str]], Any]:
    assert tongue.embed is not None, "a chain of embeddings speaks OpenAI's wire or Gemini's"
    return tongue.embed


# ── OpenAI ──


def _openai_ask(client: Any, model: str, prompt: str, stream: bool) -> Any:
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": prompt}], **more)


def _openai_said(answer: Any) -> Said:
    return Said(answer.choices[0].message.content or "", answer.model, _usage(answer.usage, "completion_tokens"))


def _openai_heard(event: Any) -> Said:
    text = event.choices[0].delta.content if event.choices else None
    return Said(text or "", event.model, _usage(event.usage, "completion_tokens"))


def _openai_embed(client: Any, model: str, texts: list[str]) -> Any:
    return client.embeddings.create(model=model, input=texts, encoding_format="float")


# ── Anthropic ──


def _anthropic_ask(client: Any, model: str, prompt: str, stream: bool) -> Any:
    return client.messages.create(model=model, max_tokens=1024, messages=[{"role": "user", "content": prompt}], stream=stream)


def _anthropic_said(answer: Any) -> Said:
    return Said(
        "".join(block.text for block in answer.content if block.type == "text"), answer.model, _usage(answer.usage, "output_tokens")
    )


def _anthropic_heard(event: Any) -> Said:
    message = getattr(event, "message", None)
    return Said(
        getattr(getattr(event, "delta", None), "text", None) or "", message.model if message else "", _usage(event, "output_tokens")
    )


# ── Gemini ──


def _gemini_ask(client: Any, model: str, prompt: str, stream: bool) -> Any:
    return (client.models.generate_content_stream if stream else client.models.generate_content)(model=model, contents=prompt)


def _gemini_said(answer: Any) -> Said:
    if reason := getattr(answer.prompt_feedback, "block_reason", None):  # how this wire refuses; its SDK raises nothing
        raise ContentFilteredError(f"the prompt was blocked: {getattr(reason, 'value', reason)}")
    parts = [part for one in answer.candidates or () if one.content for part in one.content.parts or ()]
    used = _usage(answer.usage_metadata, "candidates_token_count")
    return Said("".join(part.text or "" for part in parts), answer.model_version or "", used)


def _gemini_embed(client: Any, model: str, texts: list[str]) -> Any:
    return client.models.embed_content(model=model, contents=texts)


def _usage(of: Any, name: str) -> Usage | None:
    """Return the tokens that were written, as an object of the SDK counts them: itself, or in its `usage`."""
    count = getattr(getattr(of, "usage", None) or of, name, None)
    return None if count is None else Usage(completion_tokens=count)


TONGUES: Final = {
    "openai": Tongue("/v1", _openai_ask, _openai_said, _openai_heard, _openai_embed, lambda a: [one.embedding for one in a.data]),
    "anthropic": Tongue("", _anthropic_ask, _anthropic_said, _anthropic_heard),
    "gemini": Tongue(
        "", _gemini_ask, _gemini_said, _gemini_said, _gemini_embed, lambda a: [one.values for one in a.embeddings], lambda c: c.aio
    ),
}
"""The SDKs by the wire of a chain."""
