"""The public names as users write them. It is never run: `make lint` reads it with mypy, and each line must mean what it says here.

A `type: ignore` marks a mistake that a type checker must find: mypy tells when it no longer does.
"""

# ruff: noqa: T201, TC001, TC003
from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, assert_type

from sparekey import (
    AllCredentialsFailedError,
    Answer,
    AsyncFailover,
    AsyncFailoverTransport,
    Attempt,
    Chain,
    CircuitBreaker,
    Config,
    Credential,
    DenseEmbedderBase,
    EmbedderBase,
    EmbeddingConfig,
    EmbedResult,
    ErrorClass,
    Failover,
    FailoverEmbedder,
    FailoverTransport,
    Failure,
    MultiCredentialVLM,
    Policy,
    Secret,
    VLMBase,
    VLMChunk,
    VLMConfig,
    VLMResponse,
    classify,
    classify_api_error,
    limits,
    load_config,
    retry_async,
    retry_sync,
    sdk_options,
    truncate_and_normalize,
)
from sparekey.core.events import Event
from sparekey.lab.simulator import Provider, Simulator, faults

chain = Chain([Credential("team", "openai", "m", api_key=Secret("k")), Credential("spare", model="m")], Policy(deadline=30))


# ── any callable ──


def length(credential: Credential) -> int:
    return len(credential.id)


async def later(credential: Credential) -> bytes:
    return credential.id.encode()


def pieces(credential: Credential) -> Iterator[str]:
    yield credential.id


async def later_pieces(credential: Credential) -> AsyncIterator[str]:
    yield credential.id


def blocking() -> None:
    failover = Failover(chain)
    assert_type(failover.call(length), int)
    answer = failover.run(length, eligible=lambda credential: credential.model == "m")
    assert_type(answer, Answer[int])
    assert_type(answer.value, int)
    assert_type(answer.credential, Credential)
    assert_type([attempt.reason for attempt in answer.attempts], list[str])
    for piece in failover.stream(pieces, is_content=bool):
        assert_type(piece, str)
    for attempt in chain.attempts():
        with attempt:
            assert_type(attempt.credential, Credential)
    assert_type(Failover([Credential("team")], Policy(max_retries=0)).call(lambda _: "text"), str)


async def asynchronous() -> None:
    failover = AsyncFailover(chain)
    assert_type(await failover.call(later), bytes)
    assert_type((await failover.run(later)).value, bytes)
    async for piece in failover.stream(later_pieces):
        assert_type(piece, str)
    async for attempt in failover.attempts():
        with attempt:
            assert_type(attempt.credential.id, str)
    await failover.call(length)  # type: ignore[arg-type]  # what is called must be awaitable


def bounded() -> None:
    with limits(deadline=5, first_content_limit=1):
        Failover(chain).call(length)
    with limits(dead_line=5):  # type: ignore[call-arg]  # no limit is called so
        pass
    Policy(dead_line=5)  # type: ignore[call-arg]
    Credential()  # type: ignore[call-arg]  # it has a name


def watched(told: list[Event]) -> None:
    chain.add_hook(told.append)
    assert_type(chain.active_id, str)
    assert_type(chain.active_index, int)
    for one in chain.status().credentials:
        assert_type(one.id, str)
        assert_type(one.returns_in, float | None)


# ── errors ──


def read(exc: Exception) -> None:
    failure = classify(exc)
    assert_type(failure, Failure)
    assert_type(failure.error_class, ErrorClass)
    assert_type(failure.retry_after, float | None)
    assert_type(classify_api_error(exc), str)
    try:
        Failover(chain).call(length)
    except AllCredentialsFailedError as error:
        for attempt in error.attempts:
            assert_type(attempt, Attempt)


def retried(work: Callable[[], int], later_work: Callable[[], Awaitable[int]]) -> None:
    assert_type(retry_sync(work, max_retries=2), int)

    async def again() -> None:
        assert_type(await retry_async(later_work, max_retries=2), int)

    breaker = CircuitBreaker(failure_threshold=3)
    breaker.check()
    print(again)


# ── configuration and wrappers ──


def configured() -> None:
    config = load_config("sparekey.toml")
    assert_type(config, Config)
    assert_type(config.vlm, VLMConfig | None)
    assert_type(config.embedding, EmbeddingConfig | None)
    if config.vlm is not None:
        assert_type(config.vlm.get_vlm_instance(), VLMBase)
    if config.embedding is not None:
        assert_type(config.embedding.get_embedder(), EmbedderBase)


def chatting(vlm: VLMBase) -> None:
    answer = vlm.get_completion("Why do programs need spare keys?")
    assert_type(answer, VLMResponse)
    assert_type(answer.usage["total_tokens"], int)
    assert_type(str(answer), str)
    for chunk in vlm.stream_completion("hello", max_tokens=9):
        assert_type(chunk, VLMChunk)
    assert_type(vlm.get_vision_completion("What is it?", images=["cat.png", b"..."]), VLMResponse)
    vlm.get_completion(7)  # type: ignore[arg-type]  # a prompt is text


async def chatting_later(vlm: VLMBase) -> None:
    assert_type(await vlm.get_completion_async("hello"), VLMResponse)
    async for chunk in vlm.stream_completion_async("hello"):
        assert_type(chunk, VLMChunk)


def around_instances(first: VLMBase, second: VLMBase) -> None:
    vlm = MultiCredentialVLM([first, second], ["team", "spare"])
    assert_type(vlm.active_credential_id, str)
    chatting(vlm)


def embedding(first: DenseEmbedderBase, second: DenseEmbedderBase) -> None:
    embedder = FailoverEmbedder([first, second], ["team", "spare"])
    assert_type(embedder.embed("text"), EmbedResult)
    assert_type(embedder.embed("text").dense_vector, list[float] | None)
    assert_type(embedder.embed_batch(["a", "b"]), list[EmbedResult])
    assert_type(embedder.get_dimension(), int)
    assert_type(truncate_and_normalize([0.1, 0.2], 1), list[float])


# ── under SDKs ──


def under_sdks() -> None:
    assert_type(sdk_options("chat"), dict[str, Any])
    sdk_options(chain, sdk="anthropic", asynchronous=True)
    sdk_options(chain, sdk="anthropics")  # type: ignore[arg-type]  # no SDK is called so
    print(FailoverTransport(chain), AsyncFailoverTransport(chain))


# ── tests with the simulator ──


def simulated() -> None:
    with Simulator(time_scale=0.1) as simulator:
        first = simulator.provider("first", wire="openai", keys=["k"])
        assert_type(first, Provider)
        first.fail(faults.rate_limit(retry_after=3), times=1)
        assert_type(first.base_url, str)
        assert_type(len(first.requests), int)
