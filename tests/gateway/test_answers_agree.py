"""A01: what an answer is, and what none: wrappers, SDK transports and the gateway judge alike, whatever was asked for and whatever came."""

import asyncio
import json

import pytest
from gateway_play import SETTINGS
from json_host import JSON, JsonHost, hosting
from odd_answers import LONG, ODD, RAW, STREAMS, content, events, item, message, response, said

from sparekey import Chain, Credential, Secret
from sparekey.transport import sdk_options
from sparekey.vlm.factory import VLMFactory
from sparekey.vlm.multi import MultiCredentialVLM

MODELS = {"openai": "gpt-4o-mini", "responses": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash"}
PROVIDERS = {"openai": "openai", "responses": "openai", "anthropic": "anthropic", "gemini": "gemini"}
CASES = {name.replace(" ", "-"): (wire, value, answer) for name, wire, value, answer in [*ODD, *STREAMS, *RAW]}
STREAMED = {name.replace(" ", "-") for name, *_ in STREAMS}
PACKAGES = {"openai": "openai", "responses": "openai", "anthropic": "anthropic", "gemini": "google.genai"}
SPARE = {
    "openai": json.loads(json.dumps(said()).replace("HELLO", "SPARE")),
    "responses": response(item({"type": "output_text", "text": "SPARE", "annotations": []})),
    "anthropic": message({"type": "text", "text": "SPARE"}),
    "gemini": content({"text": "SPARE"}),
}
MESSAGES = [{"role": "user", "content": "hi"}]


class Host(JsonHost):
    """`/CASE/SEAT/...`: seat `a` says what the case has, seat `b` is well and says SPARE, always as a whole."""

    def reply(self, path, raw):
        name, seat, *_ = path
        wire, value, _ = CASES[name]
        self.server.asked.add((name, seat))
        value = value if seat == "a" else SPARE[wire]
        streamed = seat == "a" and name in STREAMED
        return 200, events(value, wire) if streamed else value, "text/event-stream" if streamed else JSON


@pytest.fixture(scope="module")
def host():
    with hosting(Host, set()) as server:
        yield server


def base(host, name, seat):
    tail = "/v1" if PROVIDERS[CASES[name][0]] == "openai" else ""
    return f"http://127.0.0.1:{host.server_port}/{name}/{seat}{tail}"


def through_wrapper(host, name, stream, asynchronous):
    """The text that the wrapper gives; what it raises is for others to test."""
    wire = CASES[name][0]
    fields = {"provider": wire, "model": MODELS[wire], "api_key": "sk-0123456789", "max_retries": 0}
    vlm = MultiCredentialVLM([VLMFactory.create({**fields, "api_base": base(host, name, seat)}) for seat in "ab"], ["a", "b"])

    async def asked():
        async with vlm:
            if not stream:
                return str(await vlm.get_completion_async("hi"))
            return "".join([str(chunk) async for chunk in vlm.stream_completion_async("hi")])

    if asynchronous:
        return asyncio.run(asked())
    with vlm:
        return "".join(map(str, vlm.stream_completion("hi"))) if stream else str(vlm.get_completion("hi"))


def chain_of(host, name):
    wire = CASES[name][0]
    return Chain([Credential(s, PROVIDERS[wire], MODELS[wire], api_key=Secret("k"), endpoint=base(host, name, s)) for s in "ab"])


def client_of(wire, asynchronous, **options):
    package = pytest.importorskip(PACKAGES[wire], reason=f"the SDK {PACKAGES[wire]} is not installed")
    if wire == "gemini":
        return package.Client(**options)
    return getattr(package, ("Async" if asynchronous else "") + ("Anthropic" if wire == "anthropic" else "OpenAI"))(**options)


def put(wire, client, model, stream):
    if wire == "gemini":
        return (client.generate_content_stream if stream else client.generate_content)(model=model, contents="hi")
    if wire == "anthropic":
        return client.messages.create(model=model, max_tokens=9, messages=MESSAGES, stream=stream)
    if wire == "responses":
        return client.responses.create(model=model, input="hi", stream=stream)
    return client.chat.completions.create(model=model, messages=MESSAGES, stream=stream)


def text_of(wire, answer):
    """The text of an answer, or of one event of a stream."""
    if wire == "gemini":
        parts = (answer.candidates[0].content.parts or []) if answer.candidates and answer.candidates[0].content else []
        return "".join(part.text or "" for part in parts if not part.thought)
    if wire == "anthropic":
        if hasattr(answer, "content"):
            return "".join(block.text for block in answer.content if block.type == "text")
        return getattr(getattr(answer, "delta", None), "text", "")
    if wire == "responses":
        if hasattr(answer, "output_text"):
            return answer.output_text
        return answer.delta if answer.type == "response.output_text.delta" else ""
    choice = answer.choices[0] if answer.choices else None
    return (getattr(choice, "message", None) or choice.delta).content or "" if choice else ""


def ask(wire, model, stream, asynchronous, **options):
    """Ask with the wire's own SDK; return the text."""

    async def asked():
        made = client_of(wire, True, **options)
        try:
            answer = await put(wire, made.aio.models if wire == "gemini" else made, model, stream)
            return "".join([text_of(wire, event) async for event in answer]) if stream else text_of(wire, answer)
        finally:
            await (made.aio.aclose() if wire == "gemini" else made.close())

    if asynchronous:
        return asyncio.run(asked())
    made = client_of(wire, False, **options)
    try:
        answer = put(wire, made.models if wire == "gemini" else made, model, stream)
        return "".join(text_of(wire, event) for event in answer) if stream else text_of(wire, answer)
    finally:
        made.close()


def through_transport(host, name, stream, asynchronous):
    """The text that an SDK over a chain gives."""
    wire = CASES[name][0]
    options = sdk_options(chain_of(host, name), sdk=PROVIDERS[wire], asynchronous=asynchronous)
    return ask(wire, "chain", stream, asynchronous, **options)


@pytest.fixture(scope="module")
def gateway(host, tmp_path_factory):
    """One gateway with two chains for each case, as each is asked twice and remembers."""
    from gateway_play import Running

    def section(name, time):
        wire, table = CASES[name][0], f'gateway.chat."{name}~{time}"'
        rows = [
            f'[[{table}.credentials]]\nid = "{seat}"\napi_key = "sk-{seat}-0123456789"\napi_base = "{base(host, name, seat)}"\n'
            for seat in "ab"
        ]
        return f'[{table}]\nprovider = "{PROVIDERS[wire]}"\nmodel = "{MODELS[wire]}"\n' + "".join(rows)

    file = tmp_path_factory.mktemp("agree") / "sparekey.toml"
    file.write_text(SETTINGS + "".join(section(name, time) for name in CASES for time in range(2)))
    made = Running(file)
    yield made
    made.stop()


def through_gateway(host, name, stream, asynchronous, gateway):
    """The text that an SDK at the gateway gives; its chain is a fresh one each time."""
    del host
    wire = CASES[name][0]
    if wire == "gemini":
        options = {"api_key": "x", "http_options": {"base_url": gateway.url, "retry_options": {"attempts": 1}}}
    else:
        options = {"api_key": "x", "base_url": gateway.url + ("" if wire == "anthropic" else "/v1"), "max_retries": 0}
    return ask(wire, f"{name}~{stream:d}", stream, asynchronous, **options)


WAYS = {"wrapper": through_wrapper, "transport": through_transport, "gateway": through_gateway}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("turn", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wire", MODELS)
def test_all_ways_in_agree(host, gateway, wire, way, stream, turn):
    """What is an answer reaches the caller as he asked for it; what is none, the spare answers.

    The cases are asked asynchronously by turns: one half in this turn, the other half in the next.
    """
    if way == "wrapper" and wire == "responses":
        pytest.skip("the wrappers do not speak it")
    if way == "gateway" and turn:
        pytest.skip("each of its chains is asked once")
    wrong = []
    for at, (name, (its_wire, value, answer)) in enumerate(CASES.items()):
        if its_wire != wire:
            continue
        asynchronous = (at + turn) % 2 == 1
        host.asked.clear()
        more = {"gateway": gateway} if way == "gateway" else {}
        try:
            text = WAYS[way](host, name, stream, asynchronous, **more)
        except Exception as exc:  # a refusal of the content is one; who was asked is what counts
            text = f"{type(exc).__name__}: {exc}"
        took = (name, "b") not in host.asked
        written = value.decode(errors="replace") if isinstance(value, bytes) else json.dumps(value)
        says = LONG if LONG in written else "HELLO" if "HELLO" in written or (name in STREAMED and "HEL" in written) else ""
        if took is not answer or (answer and says and text.rpartition("</think>")[2].strip() != says):
            wrong.append((name, f"answer: {answer}, taken: {took}, says: {text[:200]}"))
        elif not answer and text.rpartition("</think>")[2].strip() != "SPARE":
            wrong.append((name, f"the spare was asked, and: {text[:200]}"))
    assert wrong == []
