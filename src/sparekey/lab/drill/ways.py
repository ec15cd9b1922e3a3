"""The ways into a chain in a case: the wrapper, an SDK over a transport, and a gateway."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sparekey.config.files import Config
from sparekey.engine import Chain
from sparekey.errors import AllCredentialsFailedError, describe_exception
from sparekey.lab.drill.adapters import WrapperAdapter
from sparekey.lab.drill.client import SDK_DIALECTS
from sparekey.lab.drill.in_process_gateway import BEARER, served_here, served_quickly, settings
from sparekey.transport import sdk_options
from sparekey.vlm.types import VLMChunk

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from sparekey.config import VLMConfig
    from sparekey.config.gateway import GatewayConfig
    from sparekey.core.events import Event
    from sparekey.lab.virtual_time import VirtualTime

ANSWER: Final = "A spare key lies under the old gate."
"""The answer of every healthy provider in a case."""
OTHER_ANSWER: Final = "Under the old gate lies a key, and it is a spare one."
"""The answer of the spares where they word their answers differently."""
ANSWERS: Final = frozenset({ANSWER, OTHER_ANSWER})
"""The whole answers; a mixture of both is none."""
_TEXT: Final = re.compile(r'"(?:content|text)":\s*"((?:[^"\\]|\\.)*)"')
_CHAIN: Final = re.compile(r"all_credentials_failed|\d+ credentials (?:of this \w+ )?failed")
"""The words by which an error shows that it is about a whole chain."""
_LONGEST: Final = 600.0
"""Seconds of virtual time after which a call is given up."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """What came of one call.

    Attributes:
        served: whether the whole answer came.
        words: everything that an error says; for a chain's error with the words of its causes.
        first: what a person sees first: the error's own text, without its causes.
        message: the message in the error's JSON; empty if there is none.
        status: the HTTP status of the error; 0 if it has none.
        chain: whether the error says that it is about the whole chain.
        headers: the headers of an error's answer, and of every answer of a gateway; None if there was none.
        recognizable: whether it is a whole answer, or the caller can tell that it is not: an exception, an error event, a missing end.
    """

    served: bool
    words: str = ""
    first: str = ""
    message: str = ""
    status: int = 0
    chain: bool = False
    headers: dict[str, str] | None = None
    recognizable: bool = True


def failed(exc: BaseException) -> CallResult:
    """Return what an exception says."""
    causes = [describe_exception(one.exception) for one in exc.errors] if isinstance(exc, AllCredentialsFailedError) else []
    response = getattr(exc, "response", None)
    status = int(getattr(response, "status_code", 0) or getattr(exc, "status_code", 0) or getattr(exc, "code", 0) or 0)
    headers = {str(k).lower(): str(v) for k, v in dict(getattr(response, "headers", {})).items()}
    text = str(exc)
    body = getattr(exc, "body", None)
    chain = isinstance(exc, AllCredentialsFailedError) or bool(_CHAIN.search(f"{text} {body}"))
    message = _message(body) or str(getattr(exc, "message", "") or "")
    return CallResult(False, " ".join([text, str(body or ""), *causes]), text, message, status, chain, headers)


def answered(text: str) -> CallResult:
    """Return the result of a call that brought a text and no error."""
    return CallResult(text in ANSWERS, text, text, recognizable=text in ANSWERS)


def _message(body: Any) -> str:
    """Return the message in an error's JSON, as SDKs keep it; empty if there is none."""
    error = body.get("error", body) if isinstance(body, dict) else None
    return str(error.get("message") or "") if isinstance(error, dict) else ""


class WrapperWay:
    """The wrapper `MultiCredentialVLM` over the official SDKs, blocking or asynchronous."""

    def __init__(self, config: VLMConfig, clock: VirtualTime, dice: Callable[[], float], hook: Callable[[Event], None], mode: str) -> None:
        """Build the chain and its wrapper; `mode` is `sync` or `async`."""
        self._within = WrapperAdapter(config, "chat", clock, dice, hook, None)  # type: ignore[arg-type]  # a clock too
        self.chain, self._mode = self._within.chain, mode

    async def ask(self, prompt: str, *, stream: bool) -> CallResult:
        """Make one call."""
        try:
            if self._mode == "sync":
                text = await asyncio.get_running_loop().run_in_executor(None, self._blocking, prompt, stream)
            else:
                text = await self._whole(prompt, stream=stream)
        except Exception as exc:  # noqa: BLE001 - whatever the caller would get
            return failed(exc)
        return answered(text)

    async def _whole(self, prompt: str, *, stream: bool) -> str:
        model = self._within.model
        if not stream:
            return str(await model.get_completion_async(prompt))
        async with aclosing(model.stream_completion_async(prompt)) as chunks:
            return "".join([str(chunk) async for chunk in chunks if isinstance(chunk, VLMChunk)])

    def _blocking(self, prompt: str, stream: bool) -> str:
        model = self._within.model
        return "".join(map(str, model.stream_completion(prompt))) if stream else str(model.get_completion(prompt))

    async def close(self) -> None:
        """Close the clients."""
        with suppress(Exception):  # errors on closing are not what rows look at
            await self._within.model.aclose()


class SdkWay:
    """The official SDK of a wire, over the transport that `sdk_options` puts under it."""

    def __init__(self, config: VLMConfig, clock: VirtualTime, dice: Callable[[], float], hook: Callable[[Event], None], wire: str) -> None:
        """Build the chain and the SDK's client."""
        self.chain = Chain(
            config.engine_credentials(),
            config.policy(),
            clock=clock,
            random=dice,
            pace=clock.scale,
            classify=config.classifier(),
            hooks=[hook],
        )
        options = sdk_options(self.chain, sdk=wire, asynchronous=True)  # type: ignore[arg-type]  # the wires are called as their SDKs
        self._dialect, self._client = SDK_DIALECTS[wire], client(wire, options)
        self._model = str(config.credentials[0].model)

    async def ask(self, prompt: str, *, stream: bool) -> CallResult:
        """Make one call."""
        try:
            text = await text_from_sdk(self._dialect, self._client, self._model, prompt, stream=stream)
        except Exception as exc:  # noqa: BLE001 - whatever the caller would get
            return failed(exc)
        return answered(text)

    async def close(self) -> None:
        """Close the client."""
        with suppress(Exception):  # as above
            await self._client.close()


def client(wire: str, options: dict[str, Any]) -> Any:
    """Return the asynchronous client of a wire's SDK; Gemini's client has both sides."""
    if wire == "openai":
        from openai import AsyncOpenAI  # noqa: PLC0415 - an extra

        return AsyncOpenAI(**options)
    if wire == "anthropic":
        from anthropic import AsyncAnthropic  # noqa: PLC0415 - as above

        return AsyncAnthropic(**options)
    from google.genai import Client  # noqa: PLC0415 - as above

    return Client(**options)


async def text_from_sdk(dialect: Any, client: Any, model: str, prompt: str, *, stream: bool) -> str:
    """Ask through an SDK; return the text of the whole answer."""
    answer = await dialect.ask(dialect.asynchronous(client), model, prompt, stream)
    if not stream:
        return str(dialect.read_answer(answer))
    return "".join([str(dialect.read_event(event)) async for event in answer])


class GatewayWay:
    """A gateway on this event loop.

    Its clients speak plain HTTP, so that a crowd is cheap and every byte is seen.
    """

    def __init__(self, wire: str) -> None:
        """Take the wire of the chain; `begin` serves."""
        self._wire, self._stack = wire, AsyncExitStack()

    async def begin(
        self, config: VLMConfig, clock: VirtualTime, dice: Callable[[], float], hook: Callable[[Event], None], given: GatewayConfig | None
    ) -> None:
        """Serve a chain; `given` are the gateway's settings."""
        whole = Config.model_construct(vlm=config, embedding=None, gateway=settings(given), rules=[])
        self._gateway, self.url = await self._stack.enter_async_context(
            served_here(whole, clock, dice, lambda served: served.chain.add_hook(hook))
        )
        served = next(iter(self._gateway.chains.values()))
        self.chain, self.model, self._netloc = served.chain, served.name, urlsplit(self.url).netloc

    async def ask(self, prompt: str, *, stream: bool) -> CallResult:
        """Make one call."""
        path, body = request(self._wire, self.model, prompt, stream=stream)
        try:
            status, headers, text, ended = await post(self._netloc, path, json.dumps(body).encode())
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as exc:
            return CallResult(False, describe_exception(exc), str(exc))
        if self._gateway.quick is not None:
            self._gateway.quick.batch.flush()  # hooks then know of it, as they would from the engine
        answer = "".join(json.loads(f'"{piece}"') for piece in _TEXT.findall(text)) if status == 200 else ""
        if answer in ANSWERS and ended:
            return CallResult(True, answer, answer, headers=headers)
        recognizable = not ended or status != 200 or '"error"' in text
        return CallResult(False, text + _read(text), text, "", status, bool(_CHAIN.search(text)), headers, recognizable)

    @property
    def served_quickly(self) -> Counter[str]:
        """How many requests the gateway served on its quick path (`taken`), and why it did not serve others there."""
        return served_quickly(self._gateway)

    async def close(self) -> None:
        """Stop serving."""
        with suppress(Exception):  # the case is over, and its result is known
            await asyncio.wait_for(self._stack.aclose(), 30)


def _read(text: str) -> str:
    """Return a JSON text with its escapes decoded, so that words of any script are found in it."""
    with suppress(ValueError):
        return json.dumps(json.loads(text), ensure_ascii=False)
    return ""


def request(wire: str, model: str, prompt: str, *, stream: bool) -> tuple[str, dict[str, Any]]:
    """Return the path and the body of a question on a wire."""
    messages = [{"role": "user", "content": prompt}]
    if wire == "anthropic":
        return "/v1/messages", {"model": model, "max_tokens": 99, "messages": messages, "stream": stream}
    if wire == "gemini":
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/v1beta/models/{model}:{method}", {"contents": [{"role": "user", "parts": [{"text": prompt}]}]}
    return "/v1/chat/completions", {"model": model, "messages": messages, "stream": stream}


async def post(netloc: str, path: str, body: bytes) -> tuple[int, dict[str, str], str, bool]:
    """Post to a gateway over a new connection.

    Return the status, the headers, the text of the answer, and whether the answer ended properly.
    """
    host, _, port = netloc.partition(":")
    async with asyncio.timeout(_LONGEST):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            head = f"POST {path} HTTP/1.1\r\nHost: {netloc}\r\nAuthorization: {BEARER}\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            rest, ended = await _until_closed(reader)
        finally:
            writer.close()
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    chunked = headers.get("transfer-encoding", "").lower() == "chunked"
    ended = ended and (rest.endswith(b"0\r\n\r\n") if chunked else len(rest) >= int(headers.get("content-length", 0)))
    return int(lines[0].split()[1]), headers, (_unchunked(rest) if chunked else rest).decode("utf-8", "replace"), ended


async def _until_closed(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """Return what comes until the connection is closed, and whether it was closed and not reset."""
    found = []
    try:
        while piece := await reader.read(65536):
            found.append(piece)
    except ConnectionError:
        return b"".join(found), False
    return b"".join(found), True


def _unchunked(data: bytes) -> bytes:
    """Return the body that chunks carry; a cut-off chunk is left out."""
    parts = []
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        if not length:
            break
        parts.append(data[:length])
        data = data[length + 2 :]
    return b"".join(parts)
