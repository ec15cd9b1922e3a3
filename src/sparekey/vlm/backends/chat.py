"""What all backends share: they build a request, send it and read the answer; retries and streams are run here.

A backend says how its client is made, how a `ChatQuestion` becomes the SDK's arguments, how they are sent,
and how the answer is had from the SDK as it came. `sparekey.wire` says what an answer is. Everything else is
here, once for threads and once for event loops.
"""

from __future__ import annotations

import asyncio
import json
from abc import abstractmethod
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sparekey.engine.closing import on_abandon
from sparekey.engine.retry import retry_async, retry_sync
from sparekey.errors import ConfigError, MissingExtraError
from sparekey.providers import find
from sparekey.vlm.assembly import Assembler, collect
from sparekey.vlm.base import CallingVLM
from sparekey.vlm.images import MAX_IMAGE_BYTES, Image, image_part
from sparekey.wire import answer
from sparekey.wire.clients import Clients, Gate, end, end_async, http_client, installed, interrupt
from sparekey.wire.event_stream import EventStream
from sparekey.wire.network import CONNECT_SECONDS
from sparekey.wire.request import WireRequest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence

    from sparekey.vlm.base import Messages, Tools
    from sparekey.vlm.types import VLMChunk, VLMResponse
    from sparekey.wire.event_stream import ReadEvent
    from sparekey.wire.format import EventSummary

_NOTHING: Final = object()
"""What stands behind the last event of a stream."""
MODES: Final = frozenset({"auto", "none", "required"})
"""The words of `tool_choice`; any other one is the name of a tool."""


@dataclass(frozen=True, slots=True)
class ChatQuestion:
    """One question, with every default filled in. `messages` and `tools` are in OpenAI's format."""

    messages: Messages
    tools: Tools | None
    tool_choice: str | dict[str, Any]
    thinking: bool
    max_tokens: int | None


class ChatBackend(CallingVLM):
    """A chat and vision model on an SDK."""

    module: ClassVar[str]
    """The module of the SDK."""
    extra: ClassVar[str]
    """The extra of sparekey that brings it."""
    default_provider: ClassVar[str] = "openai"
    """The provider that is asked where the configuration names none."""
    max_image_bytes: ClassVar[int] = MAX_IMAGE_BYTES
    wire: ClassVar[WireRequest] = WireRequest("openai", "POST", "chat/completions", kind="chat")
    """What it asks for, in the words of `sparekey.wire`: the format and the resource of its requests."""
    client_per_thread: ClassVar[bool] = False
    """Whether the SDK's blocking client must not be shared by threads."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Read the configuration.

        Besides the fields of `VLMBase`: `stream` (ask for streams even for whole answers) and `max_concurrent` (calls at the same
        time, of all threads and of each event loop; without it no limit).

        Raises:
            MissingExtraError: the SDK is not installed.
            ConfigError: no model is given and the provider has no default.
        """
        super().__init__({**config, "provider": config.get("provider") or config.get("backend") or self.default_provider})
        if not installed(self.module):
            raise MissingExtraError(f"provider {self.provider!r}", self.extra)
        row = find(self.provider)
        if row and row.chat:
            self.model, self.api_base = row.chat.named(self.model), row.chat.address(self.api_base)
        if not self.model:
            raise ConfigError(f"provider {self.provider!r} needs a model: give 'model'")
        self.stream = bool(config.get("stream"))
        self._gate = Gate(config.get("max_concurrent"))
        self._clients = Clients(
            self._make_client, self._make_async_client, self._close_client, self._close_async_client, per_thread=self.client_per_thread
        )

    # What a backend says about its SDK.

    @abstractmethod
    def _make_client(self) -> Any:
        """Return a client for threads, its own retries off."""

    @abstractmethod
    def _make_async_client(self) -> Any:
        """Return a client for one event loop, its own retries off."""

    @abstractmethod
    def _request(self, ask: ChatQuestion) -> dict[str, Any]:
        """Return the SDK's arguments."""

    @abstractmethod
    def _send(self, client: Any, request: dict[str, Any], *, stream: bool) -> Any:
        """Send it; return what `_body`, or `_pieces`, can read."""

    async def _send_async(self, client: Any, request: dict[str, Any], *, stream: bool) -> Any:
        """As `_send`; most SDKs only differ in what has to be awaited."""
        return await self._send(client, request, stream=stream)

    def _body(self, sent: Any) -> Any:
        """Return a whole answer as it came: its bytes, or its JSON where the SDK keeps the bytes to itself."""
        return sent.http_response.content

    def _pieces(self, stream: Any) -> Iterator[Any]:
        """Yield a stream as it comes: bytes, or the JSON of its events."""
        return stream.response.iter_bytes()  # type: ignore[no-any-return]

    def _pieces_async(self, stream: Any) -> AsyncIterator[Any]:
        """As `_pieces`."""
        return stream.response.aiter_bytes()  # type: ignore[no-any-return]

    def _http(self, kind: Any) -> Any:
        """Return an HTTP client for the SDK; what a blocking one reads can be broken off, however the SDK wraps it."""
        hooks = {} if hasattr(kind, "aclose") else {"event_hooks": {"response": [_breakable]}}
        return http_client(kind, self.timeout, **hooks)

    def _patience(self, kind: Any) -> Any:
        """Return the timeouts: a host that cannot be connected to is given up sooner than one that is silent."""
        return kind(self.timeout, connect=min(self.timeout, CONNECT_SECONDS))

    def _close_client(self, client: Any) -> None:
        end(client)

    async def _close_async_client(self, client: Any) -> None:
        await end_async(client)

    # What callers see.

    def get_client(self) -> Any:
        """Return the SDK's client for blocking calls; closed by `close`."""
        return self._clients.sync

    def get_async_client(self) -> Any:
        """Return the SDK's client of the running event loop; closed by `close`."""
        return self._clients.asynchronous

    def stream_completion(self, prompt: str = "", *, images: Sequence[Image] | None = None, **options: Any) -> Iterator[VLMChunk]:  # noqa: D102 - as in VLMBase
        ask = self._ask(prompt, images, **options)
        return self._stream(ask, retries=self.max_retries)

    async def stream_completion_async(  # noqa: D102 - as in VLMBase
        self, prompt: str = "", *, images: Sequence[Image] | None = None, **options: Any
    ) -> AsyncIterator[VLMChunk]:
        ask = await self._ask_async(prompt, images, **options)
        async with aclosing(self._stream_async(ask, retries=self.max_retries)) as chunks:
            async for chunk in chunks:
                yield chunk

    def close(self) -> None:  # noqa: D102 - as in VLMBase
        self._clients.close()

    async def aclose(self) -> None:  # noqa: D102 - as in VLMBase
        await self._clients.aclose()

    # How calls run.

    def _call(self, method: str, options: dict[str, Any]) -> VLMResponse:
        del method  # images or none, the request is the same
        return retry_sync(partial(self._once, self._ask(**options)), max_retries=self.max_retries)

    async def _call_async(self, method: str, options: dict[str, Any]) -> VLMResponse:
        del method
        ask = await self._ask_async(**options)
        return await retry_async(partial(self._once_async, ask), max_retries=self.max_retries)

    async def _ask_async(self, prompt: str, images: Sequence[Image] | None = None, **options: Any) -> ChatQuestion:
        """As `_ask`; images may be files, and those are read in a thread."""
        if images:
            return await asyncio.to_thread(self._ask, prompt, images, **options)
        return self._ask(prompt, **options)

    def _ask(
        self,
        prompt: str,
        images: Sequence[Image] | None = None,
        thinking: bool | None = None,
        tools: Tools | None = None,
        tool_choice: str | None = None,
        messages: Messages | None = None,
        max_tokens: int | None = None,
    ) -> ChatQuestion:
        if not messages:
            parts = [image_part(image, max_bytes=self.max_image_bytes) for image in images or ()]
            messages = [{"role": "user", "content": [*parts, {"type": "text", "text": prompt}] if parts else prompt}]
        return ChatQuestion(
            messages=messages,
            tools=tools or None,
            tool_choice=tool_choice or "auto",
            thinking=self.thinking if thinking is None else thinking,
            max_tokens=self.max_tokens if max_tokens is None else max_tokens,
        )

    def _once(self, ask: ChatQuestion) -> VLMResponse:
        if self.stream:
            return collect(self._stream(ask, retries=0))
        with self._gate:
            return self._whole(self._send(self.get_client(), self._request(ask), stream=False))

    async def _once_async(self, ask: ChatQuestion) -> VLMResponse:
        if self.stream:
            return collect([chunk async for chunk in self._stream_async(ask, retries=0)])
        async with self._gate:
            return self._whole(await self._send_async(self.get_async_client(), self._request(ask), stream=False))

    def _whole(self, sent: Any) -> VLMResponse:
        parts = Assembler()
        value = self._body(sent)
        with answer.as_library_errors():
            summary = answer.read(self.wire, value, in_full=True).summary if isinstance(value, bytes) else answer.judge(self.wire, value)
            parts.feed(summary)
        self._count(parts)
        return parts.response()

    def _stream(self, ask: ChatQuestion, *, retries: int) -> Iterator[VLMChunk]:
        """Retries end with the first event: what was handed out cannot be taken back."""
        request, parts = self._request(ask), Assembler()
        with self._gate:
            stream, events = retry_sync(partial(self._open, request), max_retries=retries)
            try:
                for event in events:
                    if not (chunk := parts.feed(event)).is_empty:
                        yield chunk
                yield parts.finish()
            finally:
                self._count(parts)
                end(stream)

    async def _stream_async(self, ask: ChatQuestion, *, retries: int) -> AsyncGenerator[VLMChunk]:
        request, parts = self._request(ask), Assembler()
        async with self._gate:
            stream, events, event = await retry_async(partial(self._open_async, request), max_retries=retries)
            try:
                while event is not _NOTHING:
                    if not (chunk := parts.feed(event)).is_empty:
                        yield chunk
                    event = await anext(events, _NOTHING)
                yield parts.finish()
            finally:
                self._count(parts)
                await end_async(stream)

    def _open(self, request: dict[str, Any]) -> tuple[Any, Iterator[EventSummary]]:
        """Return the stream and its events, the first of which is here: some SDKs connect no sooner."""
        stream = self._send(self.get_client(), request, stream=True)
        events = self._read(stream)
        try:
            first = list(islice(events, 1))
        except BaseException:
            end(stream)
            raise
        return stream, chain(first, events)

    async def _open_async(self, request: dict[str, Any]) -> tuple[Any, AsyncIterator[Any], Any]:
        stream = await self._send_async(self.get_async_client(), request, stream=True)
        events = self._read_async(stream)
        try:
            return stream, events, await anext(events, _NOTHING)
        except BaseException:
            await end_async(stream)
            raise

    def _read(self, stream: Any) -> Iterator[EventSummary]:
        events = EventStream(self.wire._replace(stream=True, query="alt=sse"))
        with answer.as_library_errors():
            try:
                for piece in self._pieces(stream):
                    yield from _summaries(events.feed(_bytes_of(piece)))
            except Exception:
                if not events.complete:  # what comes behind a complete answer is no fault
                    raise
            yield from _summaries(events.end())

    async def _read_async(self, stream: Any) -> AsyncGenerator[EventSummary]:
        events = EventStream(self.wire._replace(stream=True, query="alt=sse"))
        with answer.as_library_errors():
            try:
                async for piece in self._pieces_async(stream):
                    for one in _summaries(events.feed(_bytes_of(piece))):
                        yield one
            except Exception:
                if not events.complete:
                    raise
            for one in _summaries(events.end()):
                yield one

    def _count(self, parts: Assembler) -> None:
        if parts.usage is not None:
            self._record(parts.usage)


def _bytes_of(piece: Any) -> bytes:
    """Return the bytes of a piece of a stream; an SDK that keeps them to itself gives the JSON of an event."""
    return piece if isinstance(piece, bytes) else b"data: %b\n\n" % json.dumps(piece).encode()


def _summaries(steps: Iterable[list[ReadEvent]]) -> Iterator[EventSummary]:
    return (part.summary for parts in steps for part in parts if part.value is not None)


def _breakable(response: Any) -> None:
    """Allow a response to be broken off while it is read; afterwards its connection may serve another call."""

    def break_off() -> None:
        if not response.is_closed:
            interrupt(response)

    on_abandon(break_off)
