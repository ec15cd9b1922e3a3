"""A caller's `Model` passed where the path names the chain, and no model was named to hosts that read it in the body."""

import json
from types import SimpleNamespace

import pytest
from gateway_play import Running

from sparekey.lab.drill.raw_host import ANSWER, RawHost, body_of, exchanged, posted, response, status_of

CHAT, AZURE = b'"messages":[{"role":"user","content":"hi"}]', "/openai/deployments/chat/"
CONTENT = {"candidates": [{"content": {"role": "model", "parts": [{"text": "four"}]}, "finishReason": "STOP"}]}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "content": [{"type": "text", "text": "four"}], "stop_reason": "end_turn"}
OUTPUT = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "four"}]}
ANSWERS = {
    "/messages": MESSAGE,
    "/responses": {"id": "r", "object": "response", "status": "completed", "output": [OUTPUT]},
    "/embeddings": {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5] * 1536}]},
    "/completions": {"choices": [{"text": "four", "message": {"role": "assistant", "content": "four"}, "finish_reason": "stop"}]},
    ":generateContent": CONTENT,
    ":countTokens": {"totalTokens": 3},
    ":embedContent": {"embedding": {"values": [0.5] * 3072}},
}
PATHS = {
    "chat": ("/v1/chat/completions", CHAT),
    "completions": ("/v1/completions", b'"prompt":"hi"'),
    "responses": ("/v1/responses", b'"input":"hi"'),
    "images": ("/v1/images/generations", b'"prompt":"a"'),
    "messages": ("/v1/messages", b'"max_tokens":9,' + CHAT),
    "embeddings": ("/v1/embeddings", b'"input":["hi"]'),
    "azure": (AZURE + "chat/completions?api-version=1", CHAT),
    "azure responses": ("/openai/responses?api-version=1", b'"input":"hi"'),
    "azure images": (AZURE + "images/generations", b'"prompt":"a"'),
    "azure embeddings": ("/openai/deployments/vectors/embeddings", b'"input":["hi"]'),
    "gemini": ("/v1beta/models/google:generateContent", b'"contents":[{"parts":[{"text":"hi"}]}]'),
    "gemini query": ("/v1beta/models/google:generateContent?key=k", b'"contents":[{"parts":[{"text":"hi"}]}]'),
    "gemini tokens": ("/v1beta/models/google:countTokens", b'"contents":[{"parts":[{"text":"hi"}]}]'),
    "gemini vectors": ("/v1beta/models/gvectors:embedContent", b'"content":{"parts":[{"text":"hi"}]}'),
}
NAMES = {"messages": "claude", "embeddings": "vectors", "azure embeddings": "vectors", "gemini vectors": "gvectors"}
REAL = {"chat": "gpt-4o-mini", "claude": "claude-sonnet-4-5", "vectors": "text-embedding-3-small", "google": "gemini-2.5-flash"}
REAL |= {"gvectors": "gemini-embedding-001"}
SPELLINGS = [b'"Model":"other"', b'"MODEL":"other"', b'"m\\u006fdEl":"other"', b'"\\u004dODEL":1']


def name_of(path):
    return NAMES.get(path) or ("google" if path.startswith("gemini") else "chat")


def in_path(path):
    """Whether the path names the chain."""
    return "deployments/" in PATHS[path][0] or path.startswith("gemini")


@pytest.fixture(scope="module", params=["quick", "engine", "aiohttp"])
def place(request, tmp_path_factory):
    """A gateway over one host for all its chains, and the host."""
    with RawHost(lambda number: [answered(host.requests[number])]) as host:
        root, seat = host.base_url.removesuffix("/v1"), '\n[[{}.credentials]]\napi_key = "sk-a-key-of-a-host-0000"\napi_base = "{}"\n'
        text = f"[gateway]\nport = 0\naccess_log = false\nquick = {str(request.param == 'quick').lower()}\n"
        text += f'upstream = "{"aiohttp" if request.param == "aiohttp" else "httptools"}"\n'
        for name, provider, base in (("chat", "openai", host.base_url), ("claude", "anthropic", root), ("google", "gemini", root)):
            section = f"gateway.chat.{name}"
            text += f'[{section}]\nprovider = "{provider}"\nmodel = "{REAL[name]}"\nmax_retries = 0' + seat.format(section, base)
        for name, provider, base in (("vectors", "openai", host.base_url), ("gvectors", "gemini", root)):
            section = f"gateway.embedding.{name}"
            text += f'[{section}]\nprovider = "{provider}"\nmodel = "{REAL[name]}"\nmax_retries = 0' + seat.format(section, base)
        file = tmp_path_factory.mktemp("models") / "sparekey.toml"
        file.write_text(text)
        running = Running(file)
        yield SimpleNamespace(url=running.url, host=host)
        running.stop()


def answered(request):
    path = request.split(b" ")[1].decode().partition("?")[0]
    found = next((one for end, one in ANSWERS.items() if path.endswith(end)), None)
    return response(json.dumps(found).encode() if found else ANSWER)


def said(place, data):
    """Send a request; return the status, the error's code and what reached the host."""
    before = len(place.host.requests)
    answer = exchanged(place.url, data)
    try:
        error = json.loads(body_of(answer)).get("error")
    except ValueError:
        error = None
    return status_of(answer), error, place.host.requests[before:]


@pytest.mark.parametrize("path", PATHS)
def test_a_model_in_another_spelling_reaches_nobody(place, path):
    """Alone or beside the right one, before it or behind it."""
    at, rest = PATHS[path]
    name = b'"model":"%b"' % name_of(path).encode()
    for spelling in SPELLINGS:
        for fields in ([spelling, rest], [rest, spelling], [name, rest, spelling], [spelling, name, rest]):
            status, error, sent = said(place, posted(b"{" + b",".join(fields) + b"}", "Content-Type: application/json", path=at))
            assert (status, sent) == (400, []), (fields, status, sent)
            assert "model" in error["message"]
    status, _, sent = said(place, posted(b"{" + b",".join([name, rest, name]) + b"}", path=at))
    assert (status, sent) == (400, [])


@pytest.mark.parametrize(
    ("path", "named"),
    [
        *((path, named) for path in PATHS for named in (b'"model":"%b"', b'"mod\\u0065l" :  "%b"')),
        *((path, named) for path in PATHS if in_path(path) for named in (None, b'"model":null', b'"model":"other"')),
    ],
)
def test_hosts_are_asked_for_the_models_of_their_credentials_alone(place, path, named):
    """Whatever the body says where the path names the chain; a host that has no model in its path finds it in the body."""
    at, rest = PATHS[path]
    chain = name_of(path)
    fields = [rest] if named is None else [named.replace(b"%b", chain.encode()), rest]
    _, _, (sent, *_) = said(place, posted(b"{" + b",".join(fields) + b"}", path=at))
    head, _, body = sent.partition(b"\r\n\r\n")
    models = [value for key, value in json.loads(body, object_pairs_hook=list) if key.lower() == "model"]
    if path.startswith("gemini"):
        assert f"/models/{REAL[chain]}:".encode() in head.split(b" ")[1]
        assert all(model in (None, f"models/{REAL[chain]}") for model in models)
    else:
        assert models == [REAL[chain]]


@pytest.mark.parametrize("field", ["generateContentRequest", "generate_content_request"])
def test_a_request_within_a_request_names_the_same_model(place, field):
    """Gemini's tokens are counted of a whole request, which names its model; another spelling of it is refused."""
    path = "/v1beta/models/google:countTokens"
    _, _, (sent,) = said(place, posted(json.dumps({field: {"model": "models/other", "contents": []}}).encode(), path=path))
    assert json.loads(sent.partition(b"\r\n\r\n")[2])[field]["model"] == "models/gemini-2.5-flash"
    status, _, sent = said(place, posted(json.dumps({field: {"Model": "models/other", "contents": []}}).encode(), path=path))
    assert (status, sent) == (400, [])


@pytest.mark.parametrize("kind", [(), ("application/x-www-form-urlencoded",), ("application/json; charset=utf-7",), ("text/plain", "a/b")])
def test_a_body_of_json_is_called_json(place, kind):
    """A host that reads it as a form would find `&model=other` in it."""
    body = b'{"model":"chat","user":"&model=other&",' + CHAT + b"}"
    _, _, (sent,) = said(place, posted(body, *(f"Content-Type: {one}" for one in kind)))
    lines = sent.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    assert [line for line in lines if line.startswith(b"content-type")] == [b"content-type: application/json"]


def test_a_form_to_a_deployment_names_its_model(place):
    """The path has named it; a host of another kind reads it in the form."""
    file = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF\r\n--b--\r\n'
    form, path = "Content-Type: multipart/form-data; boundary=b", AZURE + "audio/transcriptions"
    _, _, (sent,) = said(place, posted(file, form, path=path))
    assert sent.endswith(b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-4o-mini\r\n' + file)
    other = b'--b\r\nContent-Disposition: form-data; name="Model"\r\n\r\nother\r\n'
    assert said(place, posted(other + file, form, path=path))[::2] == (400, [])
    assert said(place, posted(file, form, form, path=path))[::2] == (400, [])
