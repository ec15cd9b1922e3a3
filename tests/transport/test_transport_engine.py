"""The engine pyreqwest: what the SDK sees does not depend on who makes the connections."""

import httpx2
import pytest
from sdk_talk import ask, client, credentials
from test_transport_failover import STREAMED, WHOLE

from sparekey import Chain, ConfigError, FailoverTransport, Policy, VLMConfig
from sparekey.lab.simulator import faults
from sparekey.lab.simulator.answers import TEXT

pytest.importorskip("pyreqwest", reason="the extra fast (pyreqwest) is not installed")
pyreqwest_engine = pytest.importorskip("sparekey.transport.pyreqwest_engine")
FAST = {"upstream": "pyreqwest"}


@pytest.fixture(autouse=True)
def no_certificates_of_ones_own(monkeypatch):
    """The engine refuses to start where the environment brings its own."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def connections_are_idle_for_a_moment_only(monkeypatch):
    """Each test ends when no connection is open; the engine closes some of them no sooner than when they have been idle."""
    monkeypatch.setattr(pyreqwest_engine, "_IDLE_SECONDS", 0.2)


@pytest.mark.parametrize("mode", ["sync", "asyncio", "trio"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_the_engine_gives_the_same_answer(provide, sdk, stream, mode):
    """The answer arrives word for word, and connections are closed afterwards; async clients work as before."""
    (first,) = provide("first", wire=sdk)
    assert ask(sdk, credentials(first), mode=mode, stream=stream, **FAST) == TEXT


@pytest.mark.parametrize(("stream", "fault"), [(False, f) for f in WHOLE.values()] + [(True, f) for f in STREAMED.values()])
def test_the_engine_fails_over_like_the_librarys_own(provide, stream, fault):
    """Whatever the first provider does before its first content, the second one answers."""
    first, second = provide("first", "second")
    first.fail(fault)
    assert ask("openai", credentials(first, second), stream=stream, **FAST) == TEXT
    assert len(second.requests) == 1


def test_a_stream_is_not_held_back(provide):
    """The first event is there while the provider is still silent about the rest; leaving then closes the connection."""
    (first,) = provide("first")
    first.fail(faults.slow(each=0.5))
    with client("openai", credentials(first), **FAST) as made:
        stream = made.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}], stream=True)
        next(iter(stream))
        stream.close()
    assert first.wait_for(lambda p: p.abandoned)


def test_silence_is_a_read_timeout_and_no_failure_to_connect(provide):
    """A limit that runs out before the response blames the endpoint: a ReadTimeout, although pyreqwest calls it otherwise."""
    (first,) = provide("first")
    first.fail(faults.hang())
    one = {"provider": "openai", "model": f"model-{first.name}", "api_key": f"key-{first.name}", "api_base": first.base_url}
    made = FailoverTransport(VLMConfig(credentials=[one], max_retries=0), **FAST)
    with httpx2.Client(transport=made, timeout=0.3) as http, pytest.raises(httpx2.ReadTimeout):
        http.post("https://any.example/v1/chat/completions", json={"model": "m", "messages": []})


def test_nobody_reached_is_a_connect_error_that_parks_nobody(provide):
    """A refused connection is the library's ConnectError, so that the fault is seen as our own network's."""
    first, second = provide("first", "second")
    first.unplug()
    second.unplug()
    chain = Chain(credentials(first, second), Policy(egress_patience=0))
    with httpx2.Client(transport=FailoverTransport(chain, **FAST)) as http, pytest.raises(httpx2.ConnectError):
        http.post("https://any.example/v1/chat/completions", json={"model": "m", "messages": []})
    assert all(row.returns_in is None for row in chain.status().credentials)


def test_compressed_answers_are_decoded_once(provide, gzip_proxy):
    """The engine passes encoded bytes on as they are; the SDK decodes them."""
    (first,) = provide("first")
    (made,) = credentials(first, endpoint=gzip_proxy(first.base_url))
    assert ask("openai", [made], **FAST) == TEXT


def test_what_the_engine_cannot_do_is_refused_at_once(provide, monkeypatch):
    """An unknown engine, and certificates of one's own, are configuration errors before any request."""
    (first,) = provide("first")
    with pytest.raises(ConfigError, match="no engine is called 'curl'"):
        FailoverTransport(credentials(first), upstream="curl")
    monkeypatch.setenv("SSL_CERT_FILE", "own.pem")
    with pytest.raises(ConfigError, match="SSL_CERT_"):
        FailoverTransport(credentials(first), **FAST)


def test_many_different_limits_go_through_the_librarys_own(provide):
    """More time limits than clients are kept for still work, and leave no connection open."""
    (first,) = provide("first")
    with httpx2.Client(transport=FailoverTransport(credentials(first), **FAST)) as http:
        for i in range(10):
            body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            assert http.post("https://any.example/v1/chat/completions", json=body, timeout=20 + i).status_code == 200
    assert len(first.requests) == 10
