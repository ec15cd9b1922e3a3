"""A moment of what `make fuzz-http` does for ten minutes: mutated requests, and mutated answers to many clients at once."""

import pytest

fuzz_http = pytest.importorskip("fuzz_http", reason="the extra `gateway` is not installed")


@pytest.mark.parametrize(("side", "upstream"), [("requests", "httptools"), ("answers", "httptools"), ("answers", "aiohttp")])
def test_nothing_is_found(side, upstream):
    """The same cases each time."""
    fuzz = fuzz_http.Fuzz(side, upstream, 7_000)
    fuzz.run(60, most=80)
    assert fuzz.cases >= 80
    assert fuzz.findings == []


@pytest.mark.quick
def test_both_paths_agree():
    """Mutated requests and answers in random cuts, with and without the quick path; some of them are served by it."""
    fuzz = fuzz_http.Both(9_000)
    fuzz.run(60, most=24)
    assert fuzz.findings == []
    assert fuzz.counts["taken"] > 0


def test_what_must_not_reach_a_provider_is_known():
    """The check of requests finds what it is there for."""
    sound = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer %b\r\ncontent-length: 24\r\n\r\n%b"
    sound %= fuzz_http.PROVIDER_KEY.encode(), b'{"model": "gpt-4o-mini"}'
    assert fuzz_http.wrong_with(sound) == ""
    broken = (
        sound.replace(b"host: a\r\n", b"host: a\r\nHost: b\r\n"),
        sound.replace(b"host: a\r\n", b"host: a\r\nx: y\rz\r\n"),
        sound.replace(b"content-length: 24\r\n", b""),
        sound.replace(b"content-length", b"transfer-encoding: chunked\r\ncontent-length"),
        sound.replace(b"gpt-4o-mini", b"other"),
        sound.replace(b'"model"', b'"Model": 1, "model"'),
        sound.replace(b"Bearer ", fuzz_http.BEARER.encode() + b", Bearer "),
        sound.replace(b"/v1/", b"http://evil.example/v1/"),
    )
    assert all(fuzz_http.wrong_with(one) for one in broken)
