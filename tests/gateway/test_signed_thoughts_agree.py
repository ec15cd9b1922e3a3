"""A06: signed or encrypted thoughts of an account that is dead: the session goes on without them, over SDK transports and the gateway."""

import json

import httpx2
import pytest
from gateway_play import SETTINGS, Running
from json_host import JSON, JsonHost, hosting
from odd_answers import TEXT, chat, content, events, item, message, response

from sparekey import Chain, Credential, Secret
from sparekey.transport.libraries import HTTPX2

ASKED = {"role": "user", "content": "hi"}
USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "1"}]}
CALL = {"functionCall": {"name": "f", "args": {}}}


def by(account):
    """The thoughts that an account made, for each format: what the second turn of a session brings back."""
    signed = {"type": "thinking", "thinking": "hm", "signature": f"sig-{account}"}
    sealed = {"id": f"rs_{account}00", "type": "reasoning", "summary": [], "encrypted_content": f"enc-{account}"}
    said = {**item(TEXT), "id": f"msg_{account}00"}
    return {
        "messages": {"messages": [ASKED, {"role": "assistant", "content": [signed, {"type": "text", "text": "a"}]}, ASKED]},
        "messages amid tools": {
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "messages": [ASKED, {"role": "assistant", "content": [signed, USE]}, RESULT],
        },
        "contents": {
            "contents": [
                {"role": "user", "parts": [{"text": "hi"}]},
                {"role": "model", "parts": [{**CALL, "thoughtSignature": f"sig-{account}"}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
            ]
        },
        "responses": {"input": [ASKED, sealed, said, ASKED]},
        "chat": {
            "messages": [
                ASKED,
                {"role": "assistant", "content": "a", "reasoning_details": [{"type": "reasoning.encrypted", "data": f"enc-{account}"}]},
                ASKED,
            ]
        },
    }


FORMS = {
    "messages": ("anthropic", "/v1/messages", "claude-sonnet-4-5"),
    "messages amid tools": ("anthropic", "/v1/messages", "claude-sonnet-4-5"),
    "contents": ("gemini", "/v1beta/models/MODEL:generateContent", "gemini-3-pro"),
    "responses": ("openai", "/v1/responses", "gpt-5"),
    "chat": ("openai", "/v1/chat/completions", "gpt-5"),
}
HEADERS = {"anthropic": {"anthropic-version": "2023-06-01"}, "gemini": {"x-goog-api-key": "x"}, "openai": {"authorization": "Bearer x"}}
REFUSAL = {"error": {"type": "invalid_request_error", "message": "Invalid `signature` or encrypted content in `thinking` block"}}


class Account(JsonHost):
    """`/NAME/FORM/...`: an account reads its own thoughts alone; the first one is dead as long as the server says so."""

    def reply(self, path, raw):
        body, (name, form, *_) = raw.decode(), path
        form = form.replace("-", " ")
        self.server.asked.append((name, json.loads(body)))
        other = "b" if name == "a" else "a"
        if name in self.server.dead:
            return 401, {"error": {"type": "authentication_error", "message": "invalid api key", "code": "invalid_api_key"}}, JSON
        if f"sig-{other}" in body or f"enc-{other}" in body or f"_{other}00" in body:
            return 400, REFUSAL, JSON
        if "amid" in form and "thinking" in json.loads(body) and '"signature"' not in body:
            return 400, {"error": {"type": "invalid_request_error", "message": "the last turn must begin with a thinking block"}}, JSON
        own = {"id": f"rs_{name}00", "type": "reasoning", "summary": [], "encrypted_content": f"enc-{name}"}
        made = {
            "anthropic": message({"type": "text", "text": "HELLO"}),
            "gemini": content({"text": "HELLO"}),
            "openai": response(own, item(TEXT)) if form == "responses" else chat({"content": "HELLO"}),
        }[FORMS[form][0]]
        stream = json.loads(body).get("stream") or "stream" in self.path
        return 200, events([made], form if form == "responses" else FORMS[form][0]) if stream else made, JSON


@pytest.fixture(scope="module")
def host():
    with hosting(Account, []) as server:
        server.dead = set()
        yield server


@pytest.fixture(autouse=True)
def alive(host):
    host.dead.clear()
    host.asked.clear()


def base(host, name, form):
    tail = "/v1" if FORMS[form][0] == "openai" else ""
    return f"http://127.0.0.1:{host.server_port}/{name}/{form.replace(' ', '-')}{tail}"


def put(client, url, form, body, *, stream=False):
    """Ask as the wire's SDK does; return the status and the text of the answer."""
    wire, path, model = FORMS[form]
    if wire == "gemini":
        path = path.replace("MODEL", body.pop("model", model)).replace("generate", "streamGenerate" if stream else "generate")
        path, more = path.replace("streamGenerateContent", "streamGenerateContent?alt=sse"), {}
    else:
        more = {"model": body.get("model", model), "max_tokens": 9, **({"stream": True} if stream else {})}
    answer = client.post(url + path, json={**body, **more}, headers=HEADERS[wire])
    return answer.status_code, answer.text


@pytest.fixture(scope="module")
def gateway(host, tmp_path_factory):
    def section(form, stream):
        wire, _, model = FORMS[form]
        table = f'gateway.chat."{form.replace(" ", "-")}{stream:d}"'
        rows = ""
        for seat in "ab":
            where = base(host, seat, form)
            rows += f'[[{table}.credentials]]\nid = "{seat}"\napi_key = "sk-{seat}-0123456789"\napi_base = "{where}"\n'
        return f'[{table}]\nprovider = "{wire}"\nmodel = "{model}"\n' + rows

    file = tmp_path_factory.mktemp("signed") / "sparekey.toml"
    file.write_text(SETTINGS + "".join(section(form, stream) for form in FORMS for stream in (False, True)))
    made = Running(file)
    yield made
    made.stop()


@pytest.fixture(params=["transport", "gateway"])
def ask(request, host):
    """Ask in one of the ways in; each call is a turn of one session."""
    with httpx2.Client(timeout=20) as plain:
        if request.param == "gateway":
            made = request.getfixturevalue("gateway")
            yield lambda form, body, stream: put(
                plain, made.url, form, {**body, "model": f"{form.replace(' ', '-')}{stream:d}"}, stream=stream
            )
            return
        clients = {}

        def over(form, body, stream):
            wire, _, model = FORMS[form]
            if form not in clients:
                rows = [Credential(s, wire, model, api_key=Secret("k"), endpoint=base(host, s, form)) for s in "ab"]
                clients[form] = httpx2.Client(transport=HTTPX2.transport(Chain(rows)), timeout=20)
            return put(clients[form], "http://any.example", form, dict(body), stream=stream)

        yield over
        for client in clients.values():
            client.close()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("form", FORMS)
def test_a_session_outlives_its_account(host, ask, form, stream):
    """While its owner lives, thoughts go to it as they are; then the next one gets the talk without them, refused once and never again."""
    status, text = ask(form, by("a")[form], stream)
    assert (status, "HELLO" in text) == (200, True)
    assert [name for name, _ in host.asked] == ["a"]
    host.dead.add("a")
    for turn in range(2):
        host.asked.clear()
        status, text = ask(form, by("a")[form], stream)
        assert (status, "HELLO" in text) == (200, True), text
        assert len([name for name, _ in host.asked if name == "b"]) <= 2 - turn


def test_what_an_account_keeps_goes_nowhere_else(host, ask):
    """A talk that the dead account alone has (`previous_response_id`) cannot go on: nobody gets half of it."""
    ask("responses", {"input": "hi"}, stream=False)
    host.dead.add("a")
    status, _ = ask("responses", {"input": [by("a")["responses"]["input"][1]], "previous_response_id": "resp_1"}, stream=False)
    assert status >= 400
