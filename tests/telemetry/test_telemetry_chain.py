"""What the hooks make of real calls: a real chain, real SDKs, the simulator over real HTTP."""

import asyncio
import io
import json

import pytest
import structlog
from openai import OpenAI
from prometheus_client import generate_latest

from sparekey import AllCredentialsFailedError, Chain, Credential, Failover, Secret, Usage, VLMConfig, limits
from sparekey.lab.simulator import TEXT, Simulator, faults
from sparekey.telemetry import PrometheusHook, StructlogHook

KEY = "plain-key-of-no-known-shape"


@pytest.fixture
def simulator():
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def world(simulator, observe, registry):
    """A configured chain of two credentials with all three hooks: its providers, its instance, what OpenTelemetry got, the lines."""
    seen, file = observe(), io.StringIO()
    lines = structlog.wrap_logger(structlog.PrintLogger(file), processors=[structlog.processors.JSONRenderer()])
    providers = [simulator.provider(name, keys=(KEY,)) for name in ("first", "second")]
    rows = [{"id": p.name, "provider": "openai", "model": "gpt-5", "api_key": KEY, "api_base": p.base_url} for p in providers]
    config = VLMConfig(credentials=rows, max_retries=0, stream_recovery="error")
    vlm = config.get_vlm_instance()
    for hook in (seen.hook, PrometheusHook("chat", registry), StructlogHook("chat", logger=lines)):
        vlm.chain.add_hook(hook)
    yield providers, vlm, seen, lambda: [json.loads(line) for line in file.getvalue().splitlines()]
    config.close()


def outcomes(seen):
    """How the attempts ended, by credential."""
    return {s.attributes["sparekey.credential"]: s.attributes["sparekey.outcome"] for s in seen.spans if "sparekey.outcome" in s.attributes}


def test_a_failover_is_told_by_all_three(world, registry):
    """One request, two attempts, one switch; the chain is well again in no book but its own."""
    (first, _), vlm, seen, lines = world
    first.fail(faults.echo_key())
    with seen.caller():
        assert vlm.get_completion("hi") == TEXT
    failed, served, request = seen.spans
    assert outcomes(seen) == {"first": "failed", "second": "succeeded"}
    assert failed.parent.span_id == served.parent.span_id == request.context.span_id
    assert (failed.attributes["error.type"], failed.attributes["server.port"]) == (
        "invalid_key",
        int(first.base_url.split(":")[2].split("/")[0]),
    )
    assert {event.name for event in request.events} == {"sparekey.park", "sparekey.failover"}
    scraped = generate_latest(registry).decode()
    assert 'sparekey_active{chain="chat",credential="second"} 1.0' in scraped
    assert 'sparekey_credential_up{chain="chat",credential="first"} 0.0' in scraped
    assert [line["event"] for line in lines()] == [
        "attempt started",
        "attempt failed",
        "parked",
        "attempt started",
        "attempt succeeded",
        "failover",
    ]
    told = json.dumps(lines()) + scraped + "".join(span.to_json() for span in seen.spans)
    assert KEY not in told


def test_tasks_side_by_side_keep_their_spans(world):
    """Each attempt stands under the request that made it."""
    _, vlm, seen, _ = world

    async def ask(tracer):
        with tracer.start_as_current_span("request") as span:
            assert await vlm.get_completion_async("hi") == TEXT
        return span.context.span_id

    async def all_of_them():
        tracer = seen.tracing.get_tracer("caller")
        found = await asyncio.gather(*(ask(tracer) for _ in range(8)))
        await vlm.aclose()
        return found

    requests = asyncio.run(all_of_them())
    attempts = [span for span in seen.spans if span.name == "chat gpt-5"]
    assert sorted(span.parent.span_id for span in attempts) == sorted(requests)
    assert len({span.attributes["sparekey.call"] for span in attempts}) == 8


def test_a_slow_stream_that_another_overtook_is_told(world):
    """Both attempts, each once; the winner has its first content and its tokens."""
    (first, _), vlm, seen, _ = world
    first.fail(faults.hang(5))

    async def ask():
        with limits(first_content_limit=0.2):
            chunks = [str(chunk) async for chunk in vlm.stream_completion_async("hi")]
        await vlm.aclose()
        return "".join(chunks)

    assert asyncio.run(ask()) == TEXT
    assert outcomes(seen) == {"first": "failed", "second": "succeeded"}
    slow, served = sorted(seen.spans, key=lambda span: span.attributes["sparekey.attempt"])
    assert slow.attributes["error.type"] == "slow_start"
    assert served.attributes["gen_ai.request.stream"] is True
    assert served.attributes["gen_ai.usage.output_tokens"] == 60
    assert len(seen.points()["gen_ai.client.operation.time_to_first_chunk"]) == 1


def test_a_stream_that_breaks_failed(world):
    """Its first content came; a success it is not."""
    providers, vlm, seen, _ = world
    for provider in providers:
        provider.fail(faults.cut(after=3))
    with seen.caller(), pytest.raises(Exception, match=r"."):
        list(vlm.stream_completion("hi"))
    failed = seen.spans[0]
    assert (failed.attributes["sparekey.outcome"], failed.attributes["gen_ai.request.stream"]) == ("failed", True)


def test_a_stream_that_is_left_early_ends_its_span(world):
    """Nothing stays open behind a caller who went away."""
    _, vlm, seen, _ = world
    stream = vlm.stream_completion("hi")
    next(stream)
    stream.close()
    assert outcomes(seen) == {"first": "abandoned"}
    assert not seen.hook._open._spans


def test_an_exhausted_chain_is_told(world, registry):
    """The caller's error, an event of the caller's span, one more in the counter, one line."""
    providers, vlm, seen, lines = world
    for provider in providers:
        provider.fail(faults.quota())
    with seen.caller(), pytest.raises(AllCredentialsFailedError):
        vlm.get_completion("hi")
    assert outcomes(seen) == {"first": "failed", "second": "failed"}
    assert seen.spans[-1].events[-1].name == "sparekey.exhausted"
    assert 'sparekey_exhausted_total{chain="chat"} 1.0' in generate_latest(registry).decode()
    assert lines()[-1]["failures"] == {"first": "quota_exceeded", "second": "quota_exceeded"}


def test_a_way_back_is_told(simulator, observe, registry, clock):
    """Park, probe, recovery, failback: and the gauges with them; the ledger's tokens are counted."""
    seen, providers = observe(), [simulator.provider(name, keys=(KEY,)) for name in ("first", "second")]
    rows = [Credential(p.name, "openai", "gpt-5", endpoint=p.base_url, api_key=Secret(KEY)) for p in providers]
    failover = Failover(Chain(rows, clock=clock, hooks=[seen.hook, PrometheusHook("chat", registry)]))

    def ask(credential):
        with OpenAI(api_key=KEY, base_url=credential.endpoint, max_retries=0) as client:
            return client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "hi"}])

    def usage(answer):
        return Usage(answer.usage.prompt_tokens, answer.usage.completion_tokens)

    providers[0].fail(faults.auth(), times=1)
    served = []
    for _ in range(2):
        served.append(failover.run(ask, usage=usage).credential.id)
        clock.advance(700)
    assert served == ["second", "first"]
    assert [s.attributes["sparekey.probe"] for s in seen.spans] == [False, False, True]
    assert {"sparekey.probe", "sparekey.recovery", "sparekey.failback"} <= set(seen.points())
    scraped = generate_latest(registry).decode()
    assert 'sparekey_active{chain="chat",credential="first"} 1.0' in scraped
    assert 'sparekey_tokens_total{chain="chat",credential="second",kind="completion"} 60.0' in scraped
