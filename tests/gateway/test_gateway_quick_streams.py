"""Streams on the quick path: whatever comes and however it is cut, everybody sees what the engine would have made of it."""

import json
import random
import socket
import sys
from pathlib import Path

import pytest
from agreement_kit import CLOSE, RESET, SETTLED, Client, Pair, Provider, answer, cut, request

import sparekey
from real_servers import wait_until

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
TALK = [{"role": "user", "content": "Where is it? \u00e9\u4e16"}]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nX-Request-Id: r1\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"
WORDS = ("Under ", "the ", "stone. ", "\u00e9\u4e16")


def event(value, name=""):
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value)}\n\n".encode()


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def delta(finish=None, index=0, **fields):
    choices = [{"index": index, "delta": fields, "logprobs": None, "finish_reason": finish}]
    return event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, "usage": None})


def counted(**more):
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    return event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage, **more})


ROLE, STOP = delta(role="assistant", content=""), delta("stop")
TEXT = [delta(content=word) for word in WORDS]
WELL = [ROLE, *TEXT, STOP, counted(), DONE]
OTHER = [ROLE, delta(content="Over "), delta(content="there."), STOP, DONE]
REFUSAL = event({"error": {"message": "The server had an error", "type": "server_error", "code": None}})
CALL = [
    delta(tool_calls=[{"index": 0, "id": "t", "type": "function", "function": {"name": "look", "arguments": ""}}]),
    delta(tool_calls=[{"index": 0, "function": {"arguments": '{"where":'}}]),
    delta(tool_calls=[{"index": 0, "function": {"arguments": ' "here"}'}}]),
    delta("tool_calls"),
]
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None, "stop_sequence": None}


def typed(kind, **fields):
    return event({"type": kind, **fields}, kind)


CLAUDE = [
    typed("message_start", message={**MESSAGE, "usage": {"input_tokens": 7, "output_tokens": 1}}),
    typed("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    typed("ping"),
    *(typed("content_block_delta", index=0, delta={"type": "text_delta", "text": one}) for one in WORDS),
    typed("content_block_stop", index=0),
    typed("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 5}),
    typed("message_stop"),
]


def candidate(text, **more):
    return event({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": text}]}, **more.pop("of", {})}], **more})


GEMINI = [
    *map(candidate, WORDS),
    candidate(".", of={"finishReason": "STOP"}, usageMetadata={"promptTokenCount": 7, "candidatesTokenCount": 5}),
]


def streamed(events, *, end=True, head=HEAD):
    """A whole stream, one piece of bytes for each event."""
    return [head, *map(chunk, events), *([END] if end else [])]


def together(events, **options):
    return [b"".join(streamed(events, **options))]


def body(model, **more):
    return {"model": model, "messages": TALK, "stream": True, **more}


def ask(**more):
    return lambda model: request(body(model, **more))


REQUESTS = {
    "plain": (ask(), ["taken"]),
    "counts": (ask(stream_options={"include_usage": True}), ["taken"]),
    "uncounted": (ask(stream_options={"include_usage": False}), ["fields"]),
    "emptyoptions": (ask(stream_options={}), ["fields"]),
    "nulloptions": (ask(stream_options=None), ["fields"]),
    "textoptions": (ask(stream_options="yes"), ["body"]),
    "one": (ask(n=1), ["taken"]),
    "two": (ask(n=2), ["fields"]),
    "closes": (lambda model: request(body(model), headers=["Connection: close"]), ["taken"]),
    "spaces": (lambda model: request(json.dumps(body(model), indent=1).encode() + b"\n \n"), ["taken"]),
    "last": (lambda model: request(json.dumps({"messages": TALK, "stream": True, "model": model}).encode()), ["taken"]),
    "whole": (lambda model: request({**body(model), "stream": False}), ["rewritten"]),
}
"""Requests, and who serves them."""
ANSWERS = {
    "pieces": (streamed(WELL), ["taken"]),
    "together": (together(WELL), ["taken"]),
    "twice": ([HEAD + chunk(WELL[0] + WELL[1]), chunk(b"".join(WELL[2:])) + END], ["taken"]),
    "nodone": (streamed(WELL[:-1]), ["taken"]),
    "nocounts": (streamed([*WELL[:-2], DONE]), ["taken"]),
    "comments": (streamed([b": OPENROUTER PROCESSING\n\n", WELL[0], b": x\n\n", *WELL[1:]]), ["taken"]),
    "crlf": (streamed([one.replace(b"\n\n", b"\r\n\r\n") for one in WELL]), ["taken"]),
    "lines": (streamed([one.replace(b'"object"', b'\ndata: "object"') for one in WELL]), ["taken"]),
    "stray": (streamed([*WELL[:3], b"data: null\n\n", b"data: {}\n\n", *WELL[3:]]), ["taken"]),
    "thoughts": (streamed([ROLE, delta(reasoning_content="hm"), delta(reasoning_content=" so"), *TEXT, STOP, DONE]), ["taken"]),
    "call": (streamed([ROLE, *CALL, counted(), DONE]), ["taken"]),
    "length": (streamed([ROLE, *TEXT, delta("length"), DONE]), ["taken"]),
    "trailers": ([*streamed(WELL, end=False), b"0\r\nX-Forged: yes\r\n\r\n"], ["taken"]),
    "closing": (streamed(WELL, head=HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")), ["taken"]),
    "surplus": ([*streamed(WELL, end=False), END + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"], ["taken"]),
    "rubbish": ([*streamed(WELL, end=False), END + b"\0\1\2"], ["taken"]),
    "sized": ([answer(b"".join(WELL), headers=["Content-Type: text/event-stream"])], ["taken"]),
    "asjson": ([answer(b"".join(WELL))], ["taken"]),
    "object": (
        [answer({"id": "c", "object": "chat.completion", "model": "m", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Under the stone."}, "finish_reason": "stop"}]})], ["taken"]),
    "errorbehind": (streamed([*WELL[:-1], REFUSAL]), ["taken"]),
    "endless": ([*streamed(WELL, end=False), CLOSE], ["cut"]),
    "endreset": ([*streamed(WELL, end=False), RESET], ["cut"]),
    "unframed": ([b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", *WELL, CLOSE], ["status"]),
    "down": ([answer({"error": {"message": "internal"}}, status="500 Oops")], ["status"]),
    "refused": ([answer({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}, status="401 No")], ["status"]),
    "nothing": (streamed([]), ["no answer"]),
    "role": (streamed([ROLE]), ["no answer"]),
    "onlydone": (streamed([ROLE, DONE]), ["no answer"]),
    "silent": (streamed([ROLE, STOP, DONE]), ["no answer"]),
    "errorfirst": (streamed([REFUSAL]), ["no answer"]),
    "errorsecond": (streamed([ROLE, REFUSAL]), ["no answer"]),
    "words": (streamed([b"try again later"]), ["no answer"]),
    "cutfirst": ([HEAD, chunk(ROLE), CLOSE], ["cut"]),
    "resetfirst": ([HEAD, chunk(ROLE), RESET], ["cut"]),
    "dies": ([RESET], ["cut"]),
    "cut": ([*streamed(WELL[:3], end=False), CLOSE], ["cut"]),
    "reset": ([*streamed(WELL[:3], end=False), RESET], ["cut"]),
    "ends": (streamed(WELL[:3]), ["odd event"]),
    "endsdone": (streamed([*WELL[:3], DONE]), ["odd event"]),
    "error": (streamed([*WELL[:3], REFUSAL]), ["odd event"]),
    "errortogether": (together([*WELL[:3], REFUSAL]), ["odd event"]),
    "nojson": (streamed([*WELL[:3], b"data: {nothing\n\n"]), ["odd event"]),
    "message": (streamed([*WELL[:3], event({"message": "overloaded"})]), ["odd event"]),
    "fault": (streamed([*WELL[:3], delta("error")]), ["odd event"]),
    "cutcall": (streamed([ROLE, *CALL[:2], CALL[3], DONE]), ["odd event"]),
    "nohttp": ([*streamed(WELL[:3], end=False), b"what?\r\n"], ["no HTTP"]),
    "nohttptogether": ([HEAD + chunk(ROLE), chunk(TEXT[0]) + b"what?\r\n"], ["no HTTP"]),
}  # fmt: skip
"""Streams of the first credential, and who served them; the second one says the same, well."""
DIFFERS = ("cut", "reset", "error", "nojson", "ends")
"""Streams for which the second credential says something else: they break."""
GOOGLES = "/v1beta/models/gemini{}:streamGenerateContent?alt=sse"
WIRES = {
    "claude": (MESSAGES, ("anthropic-version: 2023-06-01",), lambda model: body(model, max_tokens=9), CLAUDE),
    "gemini": (GOOGLES, ("x-goog-api-key: sk-any",), lambda _: {"contents": [{"parts": []}]}, GEMINI),
}
MODELS = {"claude": ("anthropic", "claude-sonnet-4-5"), "gemini": ("gemini", "gemini-2.5-flash")}
OVERLOADED = typed("error", error={"type": "overloaded_error", "message": "no"})
SHAPES = {
    "well": (streamed, ["taken"]),
    "once": (together, ["taken"]),
    "cut": (lambda events: [*streamed(events[:4], end=False), CLOSE], ["cut"]),
    "ends": (lambda events: streamed(events[:4]), ["odd event"]),
    "error": (lambda events: streamed([*events[:4], OVERLOADED]), ["odd event"]),
}
PLAYS = ("silent-first", "quiet", "tail", "leaves", "halfclosed", "slow", "pipelined", "parked", "calls", SETTLED)
SEEDS = range(12)
OPENAI = [*REQUESTS, *ANSWERS, *(f"{name}-differs" for name in DIFFERS), *PLAYS, *(f"random{seed}" for seed in SEEDS)]
KINDS = dict.fromkeys(OPENAI, ("openai", "gpt-4o-mini")) | {f"{wire}{one}": kind for wire, kind in MODELS.items() for one in SHAPES}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    provider = Provider(b"".join(streamed(WELL)))
    found = Pair(tmp_path_factory.mktemp("streams"), provider, KINDS, limits="first_content_limit = 1.0\nidle_limit = 1.0")
    yield found
    metrics = [found.metrics(quick) for quick in (True, False)]
    found.stop()
    provider.close()
    assert metrics[0] == metrics[1]


def agreed(pair, case, asked, pieces, *, well=None, others=(), warm=None, count=1):
    """Play a case through both gateways; return who served it on the quick one."""
    well, warm = well or together(WELL), warm or ask()(case)
    (why, quick), (_, engine) = (
        pair.played(case, on, asked, [well, *([pieces] if pieces else [])], warm=warm, others=[list(one) for one in others], count=count)
        for on in (True, False)
    )
    for one, other in zip(quick, engine, strict=True):
        assert one == other
    return why


@pytest.mark.parametrize("case", REQUESTS)
def test_requests_for_streams_are_served_alike(pair, case):
    """Where the engine would ask for the tokens upstream, the quick path does, and leaves them out again."""
    made, why = REQUESTS[case]
    assert agreed(pair, case, [made(case)], []) == why


@pytest.mark.parametrize("case", ANSWERS)
def test_streams_of_all_kinds_are_judged_alike(pair, case):
    """What is odd is the engine's, which goes on behind what the client has seen; nothing is sent twice."""
    pieces, why = ANSWERS[case]
    assert agreed(pair, case, [ask()(case)], pieces) == why


@pytest.mark.parametrize("case", DIFFERS)
def test_streams_that_nobody_continues_break_alike(pair, case):
    """The second credential says something else: the client gets an error event, and no end."""
    pieces, why = ANSWERS[case]
    assert agreed(pair, f"{case}-differs", [ask()(f"{case}-differs")], pieces, others=[together(OTHER)] * 3) == why


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("wire", WIRES)
def test_streams_of_other_wires_are_served_alike(pair, wire, shape):
    """Anthropic's and Gemini's."""
    path, headers, made, events = WIRES[wire]
    pieces, why = SHAPES[shape]
    asked = request(made(f"{wire}{shape}"), path=path.format(shape), headers=headers)
    assert agreed(pair, f"{wire}{shape}", [asked], pieces(events), well=together(events), warm=asked) == why


def random_stream(dice):
    """Events of all kinds in any order, cut anywhere, perhaps broken off."""
    kinds = [ROLE, *TEXT, *CALL, STOP, DONE, counted(), REFUSAL, b": x\n\n", b"data: {}\n\n", b"data: [1]\n\n", b"\n", b"data: {\n\n"]
    kinds += [delta(content="x", index=1), delta("length"), event({"detail": "no"}), event({"choices": None}), b"\0\n\n"]
    events = [ROLE, *TEXT[: dice.randrange(5)], *dice.choices(kinds, k=dice.randrange(4)), *WELL[5:]]
    data = b"".join(events)
    chunks = b"".join(map(chunk, cut(data, dice.random())))
    whole = HEAD + chunks + dice.choice([END, END, b"", b"\0"])
    whole = whole[: len(whole) - dice.choice([0, 0, 0, dice.randrange(200)])]
    ends = [] if whole.endswith(END) else [dice.choice([CLOSE, RESET])]  # a connection that waits for more is not closed meanwhile
    return [*cut(whole, dice.random()), *ends]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_streams_agree(pair, seed):
    """Whatever comes."""
    case, dice = f"random{seed}", random.Random(seed)
    agreed(pair, case, [ask()(case)], random_stream(dice), others=[together(dice.choice([WELL, OTHER]))] * 3)


@pytest.mark.parametrize(("case", "pieces", "why"), [
    ("silent-first", [HEAD, chunk(ROLE), 2.0, *streamed(WELL[1:])[1:]], "slow"),
    ("quiet", [HEAD, *map(chunk, WELL[:3]), 2.0, *streamed(WELL[3:])[1:]], "slow"),
    pytest.param("tail", [*streamed(WELL, end=False), 3.0, END], "slow", marks=pytest.mark.slow),
])  # fmt: skip
def test_a_silent_stream_is_the_engines(pair, case, pieces, why):
    """When a limit comes near: it waits that out, and asks the other credential, or ends a complete answer."""
    assert agreed(pair, case, [ask()(case)], pieces) == [why]


def test_streams_behind_a_parked_credential_are_ordinary(pair):
    """They count towards the failback."""
    case = "parked"
    refused = [answer({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}, status="401 No")]
    assert agreed(pair, case, [ask()(case)], refused) == ["status"]
    for count in (1, 2):
        quick, engine = (pair.played(case, on, [ask()(case)], [together(WELL)], warm=ask()(case)) for on in (True, False))
        assert quick[0] == ["taken"]
        assert quick[1] == engine[1]
        assert quick[1][-1][3] == 2 * count


def test_a_request_that_follows_too_early_is_answered_behind_the_stream(pair):
    """A client that sends the next request while a stream goes on has the engine."""
    case = "pipelined"
    slow = [HEAD, *map(chunk, WELL[:3]), 0.1, *streamed(WELL[3:])[1:]]
    asked = [ask()(case), ask()(case)]
    assert "pipelined" in agreed(pair, case, asked, slow, count=2)


def test_a_client_that_leaves_its_stream_is_noticed(pair):
    """The provider's connection is cut, nobody is blamed, and nothing is left running."""
    for case in ("leaves", "halfclosed"):
        told = []
        for quick in (True, False):
            running, before = pair.running[quick], len(pair.told(quick, case, 0))
            pair.provider.play(case, a=[together(WELL), [HEAD, *map(chunk, WELL[:3]), 0.5, *streamed(WELL[3:])[1:]]], b=[])
            client = Client(running.port)
            client.write([ask()(case)])
            client.answers(1)
            client.write([ask()(case)])
            seen = b""
            while b"the " not in seen:
                seen += client.line.recv(65536)
            client.line.shutdown(socket.SHUT_WR) if case == "halfclosed" else client.reset()
            told.append((pair.told(quick, case, before + 2), pair.state(quick, case)))
            client.close()
            assert wait_until(lambda running=running: running.gateway.running == 0, 5)
        assert told[0] == told[1]
        assert told[0][0][-1][7], "the client left"


def test_a_slow_client_makes_the_host_wait(pair):
    """The rest of a stream that its client does not read stays where it is; once the client reads, it gets all of it."""
    case, whole = "slow", []
    long = [delta(content="x" * 60_000)] * 200
    for quick in (True, False):
        pair.provider.play(case, a=[together(WELL), streamed([ROLE, *long, STOP, DONE])], b=[])
        client = Client(pair.running[quick].port)
        client.write([ask()(case)])
        client.answers(1)
        client.write([ask()(case)])
        assert wait_until(lambda: pair.provider.blocked(case), 30)
        found = []
        while not (found and found[-1].endswith(END)):
            found.append(client.line.recv(1 << 20))
        whole.append(sum(one.count(b"x") for one in found))
        client.close()
    assert whole[0] == whole[1] > 60_000 * len(long)
    counts = pair.running[True].gateway.quick.counts
    assert counts["slow client"] + counts["much at once"] == 1


def test_an_event_costs_few_calls(pair):
    """At most 25 calls of Python functions an event, from the host's bytes to the client's."""
    case, package, called = "calls", str(Path(sparekey.__file__).parent), []
    events = [delta(content=f"word{number} ") for number in range(100)]
    answers = [together(WELL), [HEAD, chunk(ROLE + TEXT[0]), *map(chunk, events), *streamed([STOP, DONE])[1:]]]

    def profile(frame, event, _argument):
        if event == "call" and frame.f_code.co_filename.startswith(package):
            called.append(frame.f_code)

    for quick, running in pair.running.items():
        pair.provider.play(case, a=answers, b=[])
        client = Client(running.port)
        client.write([ask()(case)])
        client.answers(1)
        running.do(lambda quick=quick: sys.setprofile(profile if quick else None))
        client.write([ask()(case)])
        client.answers(1)
        running.do(lambda: sys.setprofile(None))
        client.close()
    assert len(called) / len(events) <= 25
