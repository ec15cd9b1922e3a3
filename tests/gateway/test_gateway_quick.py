"""The quick path and the engine agree on every byte, number and word; a counter says which of them served."""

import json
import socket
import sys
from pathlib import Path

import pytest
from agreement_kit import CHAT, CLOSE, RESET, SETTLED, Client, Pair, Provider, answer, chunked, cut, plain, request
from gateway_play import SETTINGS, Running, chain, question

import sparekey
from real_servers import wait_until

pytestmark = pytest.mark.quick
WELL = {
    "id": "c",
    "object": "chat.completion",
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Under the stone. \u00e9\u4e16"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12, "prompt_tokens_details": {"cached_tokens": 3}},
}
MESSAGE = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Under the stone."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 7, "output_tokens": 5},
}
CONTENT = {
    "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "Under the stone."}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 5},
}
TALK = [{"role": "user", "content": "Where is it? \u00e9\u4e16"}]
SDK = (
    *("Accept: application/json", "User-Agent: OpenAI/Python 2.9.0", "X-Stainless-Lang: python", "X-Stainless-Retry-Count: 0"),
    *("Authorization: Bearer sk-any", "x-stainless-async: false", "Accept-Encoding: gzip, deflate", "Connection: keep-alive"),
)
PARTS = [
    "X-Request-Id: r1",
    "Openai-Organization: o",
    "X-Ratelimit-Remaining-Requests: 9",
    "Set-Cookie: a=b",
    "Content-Type: application/json",
]
REFUSAL = {"error": {"message": "Incorrect API key provided", "type": "invalid_request_error", "code": "invalid_api_key"}}
LIMITED = {"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}


def body(model, **more):
    return {"model": model, "messages": TALK, **more}


def ask(**options):
    return lambda model: request(body(model), **options)


def text_of(model, **more):
    return json.dumps(body(model, **more), ensure_ascii=False)


REQUESTS = {
    "ordinary": (ask(), "taken"),
    "sdk": (ask(headers=SDK), "taken"),
    "letters": (lambda model: request(text_of(model).encode()), "taken"),
    "closes": (ask(headers=["Connection: close"]), "taken"),
    "query": (ask(path=f"{CHAT}?a=b"), "taken"),
    "key": (ask(path=f"{CHAT}?a=b&key=c"), "request"),
    "lower": (lambda model: ask()(model).replace(b"Content-Length", b"content-length"), "taken"),
    "mixed": (lambda model: ask()(model).replace(b"Content-Length", b"cOntent-length"), "head"),
    "deployment": (ask(path="/openai/deployments/deployment/chat/completions?api-version=1"), "taken"),
    "old": (ask(version="1.0"), "request"),
    "expects": (ask(headers=["Expect: 100-continue"]), "request"),
    "pieces": (
        lambda model: (
            request(b"", headers=["Transfer-Encoding: chunked"], length=False)
            + b"%x\r\n%b\r\n0\r\n\r\n" % (len(data := text_of(model).encode()), data)
        ),
        "head",
    ),
    "lengths": (ask(headers=["Content-Length: 5"]), "request"),
    "hosts": (ask(headers=["Host: other"]), "request"),
    "page": (ask(headers=["Origin: http://elsewhere"]), "request"),
    "forwarded": (ask(headers=["X-Forwarded-For: 1.2.3.4"]), "request"),
    "gzip": (ask(headers=["Content-Encoding: gzip"]), "request"),
    "tabs": (ask(headers=["X-A:  \tb\t "]), "taken"),
    "nonascii": (ask(headers=["X-A: \xe9"]), "taken"),
    "connection": (ask(headers=["Connection: keep-alive, x-a", "X-A: b"]), "taken"),
    "nojson": (lambda _: request(b"{"), "body"),
    "list": (lambda _: request([]), "body"),
    "half": (lambda model: request(text_of(model).encode().replace(b"\xc3", b"\xff")), "body"),
    "bom": (lambda model: request(b"\xef\xbb\xbf" + text_of(model).encode()), "body"),
    "spaces": (lambda model: request(text_of(model).replace('"model": ', ' "model" \n:\t ').encode()), "taken"),
    "twice": (lambda model: request(text_of(model)[:-1].encode() + b', "model": "%b"}' % model.encode()), "model"),
    "nested": (lambda model: request(body(model, metadata={"model": "x"})), "model"),
    "quoted": (lambda model: request(body(model, user='say "model": "x"')), "taken"),
    "escaped": (lambda model: request(text_of(model).replace('"model"', '"mod\\u0065l"').encode()), "model"),
    "unknown": (lambda _: request(body("nobody")), "chain"),
    "nameless": (lambda _: request({"messages": TALK}), "fields"),
    "number": (lambda _: request({"model": 1, "messages": TALK}), "body"),
    "wordless": (lambda model: request({"model": model}), "fields"),
    "words": (lambda model: request({"model": model, "messages": "hi"}), "fields"),
    "nan": (lambda model: request(text_of(model, seed="N").replace('"N"', "NaN").encode()), "body"),
    "untrue": (lambda model: request(body(model, stream=False)), "taken"),
    "yes": (lambda model: request(body(model, stream="yes")), "body"),
    "events": (lambda model: request(body(model, stream=True)), "taken"),
    "elsewhere": (ask(path="/v1/nothing"), "request"),
    "got": (ask(method="GET"), "request"),
    "noise": (lambda _: b"\x16\x03\x01 what is this\r\n\r\n", "head"),
}
"""Requests, and the counter that says who served them."""
ANSWERS = {
    "well": ([answer(WELL)], "taken"),
    "kept": ([answer(WELL, headers=PARTS)], "taken"),
    "chunks": ([chunked(WELL)], "taken"),
    "trailers": ([chunked(WELL, tail=b"X-Forged: yes\r\n")], "taken"),
    "ends": ([answer(WELL, length=False), CLOSE], "status"),
    "last": ([answer(WELL, headers=["Content-Type: application/json", "Connection: close"])], "taken"),
    "charset": ([answer(WELL, headers=["Content-Type: application/json; charset=utf-8"])], "type"),
    "typeless": ([answer(WELL, headers=[])], "type"),
    "page200": ([answer(b"<html>no</html>", headers=["Content-Type: text/html"])], "no answer"),
    "interim": ([b"HTTP/1.1 103 Early Hints\r\n\r\n", answer(WELL)], "status"),
    "nothing": ([b"HTTP/1.1 204 No Content\r\n\r\n"], "status"),
    "created": ([answer(WELL, status="201 Created")], "status"),
    "moved": ([answer(b"", status="302 Found", headers=["Location: /"])], "status"),
    "down": ([answer({"error": {"message": "internal"}}, status="500 Oops")], "status"),
    "limited": ([answer(LIMITED, status="429 Too Many", headers=["Retry-After: 7", "Content-Type: application/json"])], "status"),
    "refused": ([answer(REFUSAL, status="401 No")], "status"),
    "wrong": ([answer({"error": {"message": "messages must not be empty", "type": "invalid_request_error"}}, status="400 No")], "status"),
    "inner": ([answer(REFUSAL)], "no answer"),
    "empty": ([answer(b"")], "no answer"),
    "object": ([answer({})], "no answer"),
    "null": ([answer(b"null")], "no answer"),
    "bommed": ([answer(b"\xef\xbb\xbf" + json.dumps(WELL).encode())], "rewritten"),
    "streamed": (
        [
            answer(
                b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}'
                b"\n\ndata: [DONE]\n\n",
                headers=["Content-Type: text/event-stream"],
            )
        ],
        "rewritten",
    ),
    "packed": ([answer(WELL, headers=["Content-Type: application/json", "Content-Encoding: gzip"])], "headers"),
    "surplus": ([answer(WELL) + answer({"forged": 1})], "surplus"),
    "begins": ([answer(WELL) + b"HTTP/1.1 2"], "surplus"),
    "rubbish": ([answer(WELL) + b"\0\1\2"], "surplus"),
    "nohttp": ([b"what?\r\n\r\n", CLOSE], "no HTTP"),
    "cuts": ([answer(WELL)[:-20], CLOSE], "cut"),
    "resets": ([answer(WELL)[:-20], RESET], "cut"),
    "dies": ([RESET], "cut"),
    "leaves": ([CLOSE], "cut"),
    "huge": ([answer({**WELL, "pad": "x" * 1_500_000})], "a long answer"),
}
"""Answers of the first credential, and the counter."""
OTHERS = {
    "claude": ("/v1/messages", ("anthropic-version: 2023-06-01", "x-api-key: sk-any"), lambda model: body(model, max_tokens=9), MESSAGE),
    "claudenew": ("/v1/messages", (), lambda model: body(model, max_tokens=9), MESSAGE),
    "geminikey": (
        "/v1beta/models/geminikey:generateContent",
        ("x-goog-api-key: sk-any",),
        lambda _: {"contents": [{"parts": []}]},
        CONTENT,
    ),
    "geminiquery": ("/v1beta/models/geminiquery:generateContent?key=sk-any", (), lambda _: {"contents": [{"parts": []}]}, CONTENT),
}
SPELT = {"capital": '"Model": "x"', "capitals": '"MODEL": 1', "escape": '"m\\u006Fdel": "x"'}
PLAYS = ("pipelined", "twosome", "parked", "slow", "leaving", "calls", "halfclosed", "secret", SETTLED)
OPENAI = [*REQUESTS, *ANSWERS, *(f"cut{n}" for n in range(8)), *PLAYS, *SPELT]
OTHER = {"claude": ("anthropic", "claude-sonnet-4-5"), "gemini": ("gemini", "gemini-2.5-flash")}
KINDS = {**dict.fromkeys(OPENAI, ("openai", "gpt-4o-mini")), **{name: OTHER[name[:6]] for name in OTHERS}}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    provider = Provider(answer(WELL))
    found = Pair(tmp_path_factory.mktemp("quick"), provider, KINDS)
    yield found
    found.stop()
    provider.close()


def played(pair, case, quick, requests, script, *, count=1, warm=True, well=None):
    """Play a case through one gateway; return all that must agree."""
    provider, running = pair.provider, pair.running[quick]
    first, before = well or answer(WELL), len(pair.told(quick, case, 0))
    provider.play(case, a=[[first], *script] if warm else script, b=[[first]] * 9)
    client = Client(running.port)
    if warm:
        client.write([requests(case)[0] if case in OTHERS else b"".join([request(body(case))])])
        client.answers(1)
    counts = running.gateway.quick.counts.copy() if quick else None
    client.write(requests(case))
    got, ended = client.answers(count)
    client.close()
    why = sorted(running.gateway.quick.counts - counts) if quick else None
    asked = got.count(b"HTTP/1.1 ") - got.count(b"HTTP/1.1 100")
    if (case in REQUESTS or case in SPELT) and b"HTTP/1.1 200" not in got:  # refused before its chain was known: of no chain's
        pair.settle(quick)
        asked = 0
    told = pair.told(quick, case, before + asked + warm)
    return why, (plain(got), ended, provider.asked[case], told, pair.metrics(quick, case), pair.state(quick, case))


def agreed(pair, case, requests, script, **options):
    """Play a case through both gateways; return who served it on the quick one."""
    why, quick = played(pair, case, True, requests, script, **options)
    _, engine = played(pair, case, False, requests, script, **options)
    for one, other in zip(quick, engine, strict=True):
        assert one == other
    return why


@pytest.mark.parametrize("case", REQUESTS)
def test_requests_of_all_kinds_are_served_alike(pair, case):
    """Ordinary ones by the quick path, all others by the engine, before anything is sent."""
    made, why = REQUESTS[case]
    assert agreed(pair, case, lambda model: [made(model)], [], count=2 if case == "expects" else 1) == [why]


@pytest.mark.parametrize("case", ANSWERS)
def test_answers_of_all_kinds_are_judged_alike(pair, case):
    """What is odd is judged by the engine, with the attempt that was made: the provider is asked once."""
    pieces, why = ANSWERS[case]
    assert agreed(pair, case, lambda model: [request(body(model))], [pieces]) == [why]


@pytest.mark.parametrize("case", OTHERS)
def test_other_formats_are_served_alike(pair, case):
    """Anthropic's with and without its version, Gemini's with the key in a header; with the key in the query it is the engine's."""
    path, headers, made, well = OTHERS[case]
    asked = request(made(case), path=path, headers=headers)
    assert agreed(pair, case, lambda _: [asked], [[answer(well)]], well=answer(well)) == ["request" if "key=" in path else "taken"]


def test_a_client_that_ends_its_side_gets_its_answer(pair):
    """A half-closed connection is the engine's to look after."""
    case = "halfclosed"
    results = []
    for quick in (True, False):
        pair.provider.play(case, a=[[answer(WELL)], [b"", 0.2, answer(WELL)]], b=[])
        client = Client(pair.running[quick].port)
        client.write([request(body(case))])
        client.answers(1)
        client.write([request(body(case))])
        client.line.shutdown(socket.SHUT_WR)
        found, ended = client.answers(9)
        client.close()
        results.append((plain(found), ended, pair.told(quick, case, 2)))
    assert results[0] == results[1]
    assert b"Under the stone" in results[0][0]


def test_no_secret_of_a_head_is_kept(pair):
    """Neither its key nor a cookie."""
    case, secret = "secret", "sk-of-a-client-0123456789"
    asked = request(body(case), headers=[f"Authorization: Bearer {secret}", f"Cookie: {secret}"])
    pair.provider.play(case, a=[], b=[])
    client = Client(pair.running[True].port)
    for _ in range(2):
        client.write([asked])
        client.answers(1)
    client.close()
    assert secret not in repr(pair.running[True].gateway.quick._heads)


@pytest.mark.parametrize("seed", range(8))
def test_cuts_change_nothing(pair, seed):
    """Request and answer come in pieces of any length."""
    whole = chunked(WELL, headers=PARTS) if seed % 2 else answer(WELL, headers=PARTS)
    asked = request(body(f"cut{seed}"))
    agreed(pair, f"cut{seed}", lambda _: cut(asked, seed), [cut(whole, seed + 100)])


def test_a_body_that_comes_behind_its_head_is_waited_for(pair):
    """As SDKs send it."""
    head, _, rest = request(body("twosome")).partition(b"\r\n\r\n")
    assert agreed(pair, "twosome", lambda _: [head + b"\r\n\r\n", rest[:9], rest[9:]], []) == ["taken"]


def test_pipelined_requests_are_answered_in_order(pair):
    """They are the engine's, whether they come together or while one is out."""
    one = request(body("pipelined"))
    assert "pipelined" in agreed(pair, "pipelined", lambda _: [one, one + one], [], count=3)


def test_a_parked_first_credential_costs_no_quick_path(pair):
    """While the first one is out of order, requests to the second are ordinary, and count towards the failback."""
    script = [[answer(REFUSAL, status="401 No")]]
    assert agreed(pair, "parked", lambda model: [request(body(model))], script) == ["status"]
    counts = pair.running[True].gateway.quick.counts
    before = counts["taken"]
    assert agreed(pair, "parked", lambda model: [request(body(model))], [], warm=False) == ["taken"]
    assert counts["taken"] == before + 1


@pytest.mark.parametrize("case", SPELT)
def test_another_spelling_of_the_model_is_the_engines(pair, case):
    """A provider may take it for the name of the model."""
    asked = text_of(case)[:-1].encode() + f", {SPELT[case]}}}".encode()
    assert agreed(pair, case, lambda _: [request(asked)], []) in (["model"], ["chain"])


def test_a_slow_answer_is_the_engines(pair):
    """When the limit of its wait comes near, the engine takes over, and asks the other credential beside it."""
    case = "slow"
    provider = pair.provider
    results = []
    for quick in (True, False):
        running = pair.running[quick]
        provider.play(case, a=[[answer(WELL)], [b"", 2.0, answer(WELL)]], b=[[answer(WELL)]] * 9)
        client = Client(running.port)
        for _ in range(2):
            client.write([request(body(case))])
            client.answers(1)
        client.close()
        results.append((pair.told(quick, case, 2), sorted(seat for seat, *_ in provider.asked[case])))
    assert results[0] == results[1]
    assert pair.running[True].gateway.quick.counts["slow"] == 1


def test_what_clients_write_is_not_kept_for_good(pair):
    """Neither the names of models that no chain has, nor long heads."""
    case = "kept"
    pair.provider.play(case, a=[], b=[])
    quick = pair.running[True].gateway.quick
    client = Client(pair.running[True].port)
    client.write([request(body("x" * 400))])
    client.answers(1)
    before = len(quick._heads)
    for number in range(20):
        client.write([request(body(f"{number}" + "x" * 400)), request(body(case), headers=[f"X-A: {'y' * 9000}{number}"])])
        client.answers(2)
    client.close()
    assert len(quick._heads) == before
    assert not any("xxx" in model for head in quick._heads.values() if head for plans in head.plans for model in plans)


def test_a_client_that_leaves_is_noticed(pair):
    """The call is broken off as the engine breaks it off, and blames nobody."""
    case = "leaving"
    results = []
    for quick in (True, False):
        running = pair.running[quick]
        pair.provider.play(case, a=[[answer(WELL)], [b"", 1.0, answer(WELL)]], b=[])
        client = Client(running.port)
        client.write([request(body(case))])
        client.answers(1)
        client.write([request(body(case))])
        assert wait_until(lambda: len(pair.provider.asked[case]) == 2, 5)
        client.close()
        results.append((pair.told(quick, case, 2), pair.state(quick, case)))
        assert wait_until(lambda running=running: running.gateway.running == 0, 5)
    assert results[0] == results[1]
    assert pair.running[True].gateway.quick.counts.keys() & {"client left", "half closed"}


def test_an_ordinary_request_costs_few_calls(pair):
    """The quick path is quick: at most 90 calls of Python functions a request, with statistics and metrics; the engine takes 280."""
    case, package, counted = "calls", str(Path(sparekey.__file__).parent), []
    pair.provider.play(case, a=[], b=[])
    client, running = Client(pair.running[True].port), pair.running[True]

    def profile(frame, event, _argument):
        if event == "call" and frame.f_code.co_filename.startswith(package):
            counted.append(frame.f_code.co_filename)

    def asked(times):
        for _ in range(times):
            client.write([request(body(case), headers=SDK)])
            client.answers(1)

    asked(12)  # until enough is known of the credential, each answer changes the state
    running.do(running.gateway.quick.batch.flush)  # what is told of those is not counted
    running.do(lambda: sys.setprofile(profile))
    asked(20)
    running.do(running.gateway.quick.batch.flush)
    running.do(lambda: sys.setprofile(None))
    client.close()
    assert len(counted) / 20 <= 90
    assert len(set(counted)) <= 36


def test_a_reload_is_seen_at_once(tmp_path, sim):
    """The next request goes where the new configuration says, by the quick path again."""
    first, second = sim.provider("first"), sim.provider("second")
    running = Running(write(tmp_path / "reload.toml", chain("vlm", [first]) + SETTINGS))
    try:
        for _ in range(3):
            assert running.ask(body=question())[1]["x-sparekey-credential"] == "first"
        running.write(chain("vlm", [second]) + SETTINGS)
        for _ in range(3):
            assert running.ask(body=question())[1]["x-sparekey-credential"] == "second"
        assert running.gateway.quick.counts["taken"] == 4
    finally:
        running.stop()


def test_it_can_be_switched_off(tmp_path, sim, caplog):
    """By its own setting, and by those that need to see every request in the engine, which the log tells."""
    provider = sim.provider("first")
    caplog.set_level("INFO")
    for setting, told in {"quick = false": "", 'upstream = "aiohttp"': "the quick path is off: gateway.upstream is not httptools"}.items():
        running = Running(write(tmp_path / "off.toml", chain("vlm", [provider]) + SETTINGS + setting + "\n"))
        try:
            assert running.gateway.quick is None
            assert running.ask(body=question())[0] == 200
            assert told in caplog.text
        finally:
            running.stop()


def write(file, text):
    file.write_text(text)
    return file
