"""The gateway in front of strangers (FAULTS.md, rows X): those who only hold the door, send too much, or speak HTTP as nobody should."""

import contextlib
import json
import re
import time

import httpx
import pytest
from gateway_play import SETTINGS, chain, question
from test_gateway_protocol import closed, connected, everything, posted, told

ADMIN = "an-admin-key-that-is-long-enough"
CLIENT = "a-client-key-that-is-long-enough"
KEPT = '[[gateway.clients]]\nname = "one"\nkey = "env:STRANGERS_KEY"\n'
BODY = json.dumps(question()).encode()
REACHES = """
x-ratelimit-remaining-tokens anthropic-ratelimit-requests-reset retry-after retry-after-ms x-request-id request-id openai-processing-ms
openai-version x-groq-region apim-request-id x-ms-region etag content-encoding x-goog-request-id cf-ray ratelimit-reset
anthropic-fast-output-tokens-remaining x-envoy-upstream-service-time
"""
STAYS = """
refresh link access-control-allow-origin access-control-allow-credentials content-security-policy set-cookie location nel report-to
openai-organization openai-project anthropic-organization-id service-worker-allowed clear-site-data x-frame-options sourcemap alt-svc
x-sparekey-credential www-authenticate x-dns-prefetch-control
"""


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    """The keys are where the configurations say."""
    monkeypatch.setenv("STRANGERS_KEY", CLIENT)
    monkeypatch.setenv("STRANGERS_ADMIN", ADMIN)


def asked(running, **headers):
    return httpx.post(f"{running.url}/v1/chat/completions", json=question(), headers={"authorization": f"Bearer {CLIENT}", **headers})


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/console/login", b"Content-Length: 40\r\nContent-Type: application/x-www-form-urlencoded\r\n", b""),
        ("/v1/chat/completions", b"Content-Length: 40\r\n", b"{"),
        ("/v1/chat/completions", b"Content-Length: 400000\r\n", b"{"),
        ("/v1/chat/completions", b"Transfer-Encoding: chunked\r\n", b"5\r\n{"),
        ("/v1/chat/completions", b"Transfer-Encoding: chunked\r\n", b""),
    ],
)
def test_a_body_without_its_end_is_not_waited_for(serve, pair, path, headers, body):
    """Short, long or in chunks, for the API or the console: the connection ends within the limit, with a word."""
    running = serve(chain("vlm", pair) + SETTINGS + "body_timeout = 0.3\n")
    with connected(running) as one:
        one.sendall(b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\n%b\r\n%b" % (path.encode(), headers, body))
        answer = everything(one)
    assert answer.startswith(b"HTTP/1.1 408"), answer


def test_a_body_that_waits_behind_a_long_answer_has_its_time_afterwards(serve, pair):
    """A pipelined request is read when its turn comes; the answer before it is not cut short for it."""
    first, _ = pair
    running = serve(chain("vlm", pair) + SETTINGS + "body_timeout = 0.5\nheader_timeout = 0.5\n")
    from sparekey.lab.simulator import faults

    first.fail(faults.slow_start(1.2))
    whole = posted().replace(b"Connection: close\r\n", b"")
    with connected(running) as one:
        one.sendall(whole + whole[:-5])
        time.sleep(1.4)
        one.sendall(whole[-5:])
        answer = b""
        while answer.count(b"HTTP/1.1 200") < 2 or not answer.rstrip().endswith(b"}"):
            piece = one.recv(65536)
            assert piece, answer
            answer += piece


def test_strangers_make_room_for_each_other_and_for_who_is_known(serve, pair):
    """Half of the connections are all that those get who have shown no key; a known client is served all the while."""
    running = serve(chain("vlm", pair) + SETTINGS + "max_connections = 40\n" + KEPT)
    with contextlib.ExitStack() as stack, httpx.Client(headers={"authorization": f"Bearer {CLIENT}"}) as known:
        assert known.post(f"{running.url}/v1/chat/completions", json=question()).status_code == 200
        held = [stack.enter_context(connected(running)) for _ in range(20)]
        for one in held:
            one.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n")
        time.sleep(1.1)  # until nobody may be on his way any more
        assert asked(running).status_code == 200
        assert closed(held[0], 5), "the oldest stranger"
        assert known.post(f"{running.url}/v1/chat/completions", json=question()).status_code == 200


def test_pipelined_requests_are_bounded_and_the_rest_waits(running, pair):
    """Five thousand requests at once, none of whose answers is read: few reach a provider, and nothing piles up."""
    first, _ = pair
    request = posted().replace(b"Connection: close\r\n", b"")
    with connected(running) as one:
        one.settimeout(1)
        with contextlib.suppress(OSError):
            one.sendall(request * 5000)
        time.sleep(0.5)
        assert len(first.requests) < 200


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v1/chat/completions HTTP/1.1\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n",
        b"POST /v1/chat/completions HTTP/0.9\r\nHost: 127.0.0.1\r\n",
        b"POST /v1/chat/completions HTTP/2.0\r\nHost: 127.0.0.1\r\n",
    ],
)
def test_no_host_two_hosts_and_other_versions_are_refused(running, pair, head):
    """Which host was meant must not be a matter of taste."""
    answer = told(running, head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert not pair[0].requests


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "via", "x-real-ip", "X-Forwarded-Port", "x-rewrite-url", "fly-client-ip"])
def test_what_was_forwarded_needs_a_key(serve, pair, name):
    """A proxy on the same host makes nobody's request this machine's own: neither for the API nor for the console and its metrics."""
    running = serve(chain("vlm", pair) + SETTINGS)
    forwarded = {name: "203.0.113.7"}
    assert asked(running, **forwarded).status_code == 403
    assert [httpx.get(running.url + path, headers=forwarded).status_code for path in ("/console", "/admin/api/state")] == [403, 403]
    assert asked(running).status_code == 200


def test_a_forwarded_request_with_a_key_is_served_and_the_provider_learns_nothing_of_it(serve, pair):
    """Who forwarded it, for whom, and the admin's key end here."""
    first, _ = pair
    running = serve(chain("vlm", pair) + SETTINGS + KEPT)
    more = {"via": "1.1 a", "x-forwarded-for": "203.0.113.7", "true-client-ip": "203.0.113.7", "cf-connecting-ip": "203.0.113.7"}
    more |= {"x-forwarded-prefix": "/a", "x-original-host": "a", "cdn-loop": "a", "x-http-method-override": "GET"}
    assert asked(running, **more, **{"x-original-url": "/secret", "x-sparekey-admin-key": ADMIN}).status_code == 200
    sent = {name.lower() for name in dict(first.requests[-1].headers)}
    assert not sent & {*more, "x-original-url", "x-sparekey-admin-key"}


def test_a_key_in_the_query_is_geminis_alone(serve, pair):
    """Elsewhere a query stands in logs, and no SDK puts its key there."""
    running = serve(chain("vlm", pair) + SETTINGS + KEPT)
    assert httpx.post(f"{running.url}/v1/chat/completions?key={CLIENT}", json=question()).status_code == 401
    assert httpx.get(f"{running.url}/v1beta/models?key={CLIENT}").status_code == 200


def test_a_session_ends_with_the_logout(serve, pair):
    """The cookie that a browser had lets nobody in again."""
    running = serve(chain("vlm", pair) + SETTINGS + 'admin_key = "env:STRANGERS_ADMIN"\n')
    with httpx.Client(base_url=running.url) as browser:
        assert browser.post("/console/login", data={"key": ADMIN}).status_code == 303
        cookie = dict(browser.cookies)
        assert browser.get("/admin/api/state").status_code == 200
        browser.post("/console/logout")
    assert httpx.get(f"{running.url}/admin/api/state", cookies=cookie).status_code == 401


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("text/html; charset=utf-8", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("application/xhtml+xml", "application/octet-stream"),
        ("text/javascript", "application/octet-stream"),
        ("application/json; charset=utf-8", "application/json; charset=utf-8"),
        ("application/problem+json", "application/problem+json"),
        ("text/event-stream", "text/event-stream"),
        ("audio/mpeg", "audio/mpeg"),
        ("image/png", "image/png"),
    ],
)
def test_a_provider_sends_no_page(sent, kept):
    """The console's origin is the API's, too: what a browser would run is bytes."""
    from sparekey.gateway.api.response_headers import handed_on

    found = dict(handed_on([(b"content-type", sent.encode())]))
    assert found == {b"content-type": kept.encode(), b"x-content-type-options": b"nosniff"}


def test_only_what_an_api_says_reaches_the_client():
    """Limits, request numbers and times do; rules for browsers, cookies, accounts and inventions do not."""
    from sparekey.gateway.api.response_headers import handed_on

    kept, gone = REACHES.split(), STAYS.split()
    found = {name for name, _ in handed_on([(name.encode(), b"1") for name in kept + gone])}
    assert found == {name.encode() for name in kept} | {b"x-content-type-options"}


def test_a_status_that_no_table_knows_is_handed_on(running, pair):
    """A provider may invent one; the gateway does not fall over it."""
    from sparekey.gateway.http.cycle import status_line

    assert [re.match(rb"HTTP/1\.1 (\d+) ", status_line(status))[1] for status in (200, 299, 599, 799)] == [b"200", b"299", b"599", b"799"]


# ── web pages of other origins ──

PAGE, OTHER = "https://app.example.com", "https://evil.example.com"


def preflight(running, origin):
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization, content-type"}
    return httpx.options(f"{running.url}/v1/chat/completions", headers={"origin": origin, **asks})


@pytest.mark.parametrize("clients", [KEPT, ""], ids=["with keys", "without"])
def test_a_listed_page_may_ask_and_no_other(serve, pair, clients):
    """Its browser is told so before it asks, and in every answer, an error too; cookies are never allowed, nor what a provider allows."""
    running = serve(chain("vlm", pair) + SETTINGS + f'cors_origins = ["{PAGE}"]\n' + clients)
    asks = preflight(running, PAGE)
    assert (asks.status_code, asks.headers["access-control-allow-origin"]) == (204, PAGE)
    assert asks.headers["access-control-allow-headers"] == "authorization, content-type"
    answer = asked(running, origin=PAGE)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    assert answer.headers["vary"] == "origin"
    wrong = httpx.post(f"{running.url}/v1/nothing", json={}, headers={"origin": PAGE})
    assert wrong.headers["access-control-allow-origin"] == PAGE
    refused = preflight(running, OTHER)
    assert refused.status_code >= 400
    assert not any("access-control" in name for one in (refused, asked(running, origin=OTHER)) for name in one.headers)
    assert "access-control-allow-credentials" not in {*asks.headers, *answer.headers}
    assert asked(running, origin=OTHER).status_code == (200 if clients else 403)


def test_every_page_may_ask_only_where_keys_are_asked_for(serve, pair):
    """Else any page that somebody here opens could use the keys of this machine."""
    from sparekey import ConfigError

    everybody = SETTINGS + 'cors_origins = ["*"]\n'
    assert preflight(serve(chain("vlm", pair) + everybody + KEPT), OTHER).headers["access-control-allow-origin"] == "*"
    with pytest.raises(ConfigError, match="needs `clients`"):
        serve(chain("vlm", pair) + everybody)


def test_without_the_setting_nobody_is_told_anything(running):
    """A browser then keeps the answer from every page of another origin."""
    asks = preflight(running, PAGE)
    assert asks.status_code >= 400
    assert not any("access-control" in name or name == "vary" for name in (*asks.headers, *asked(running).headers))
