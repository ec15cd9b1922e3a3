"""How a request is put to each kind of host."""

import json

import pytest

from sparekey import Secret
from sparekey.wire.request import Target, understand
from sparekey.wire.rewrite import UnsafePathError, rewrite

OPENAI = [(b"Authorization", b"Bearer placeholder"), (b"Content-Type", b"application/json"), (b"Host", b"sparekey.invalid")]
ANTHROPIC = [(b"X-Api-Key", b"placeholder"), (b"anthropic-version", b"2023-06-01")]
GEMINI = [(b"x-goog-api-key", b"placeholder")]
CHAT = b'{"messages": [],\n "model":"caller", "temperature": 1.0}'


def put(target, path, body=CHAT, headers=OPENAI, method="POST"):
    return rewrite(understand(method, path, headers, body), target)


def target(wire="openai", base="https://host.example/v1", **fields):
    return Target(wire, base, **{"api_key": Secret("real"), "model": "real-model", **fields})


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("https://api.openai.com/v1", b"/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
        ("https://ark.cn-beijing.volces.com/api/v3", b"/v1/chat/completions", "https://ark.cn-beijing.volces.com/api/v3/chat/completions"),
        ("https://api.deepseek.com", b"/v1/chat/completions", "https://api.deepseek.com/chat/completions"),
        ("https://host.example/v1", b"/api/v3/chat/completions?a=1&b=2", "https://host.example/v1/chat/completions?a=1&b=2"),
        ("https://host.example/v1", b"/openai/v1/responses", "https://host.example/v1/responses"),
        (
            "https://host.example/v1",
            b"/openai/deployments/d%20x/chat/completions?api-version=1",
            "https://host.example/v1/chat/completions",
        ),
        ("http://[::1]:8000/v1", b"/chat/completions", "http://[::1]:8000/v1/chat/completions"),
    ],
)
def test_the_address_is_the_credentials(base, path, url):
    """Whatever base URL the SDK believes in, the request goes below the credential's."""
    assert put(target(base=base), path).url == url


@pytest.mark.parametrize(
    ("fields", "path", "url"),
    [
        ({}, b"/v1/chat/completions", "https://r.example/openai/deployments/real-model/chat/completions?api-version=2024-10-21"),
        ({"api_version": "2025-01-01"}, b"/v1/responses", "https://r.example/openai/responses?api-version=2025-01-01"),
        (
            {"model": "a b/c"},
            b"/v1/chat/completions",
            "https://r.example/openai/deployments/a%20b%2Fc/chat/completions?api-version=2024-10-21",
        ),
        ({"base": "https://r.example/openai/v1"}, b"/v1/chat/completions", "https://r.example/openai/v1/chat/completions"),
        ({"base": "https://r.example/openai"}, b"/v1/files", "https://r.example/openai/files?api-version=2024-10-21"),
    ],
)
def test_azure_takes_deployments_and_versions(fields, path, url):
    """The model is the deployment in the path; the unified API is known by its base URL."""
    made = put(target("azure", **{"base": "https://r.example", **fields}), path)
    assert made.url == url
    assert dict(made.headers)[b"api-key"] == b"real"
    assert b"authorization" not in dict(made.headers)


@pytest.mark.parametrize(
    ("fields", "path", "url"),
    [
        ({}, b"/v1beta/models/caller:generateContent", "https://g.example/v1beta/models/real-model:generateContent"),
        (
            {"api_version": "v1"},
            b"/v1beta/models/caller:streamGenerateContent?alt=sse",
            "https://g.example/v1/models/real-model:streamGenerateContent?alt=sse",
        ),
        ({"base": "https://g.example/proxy/v1alpha"}, b"/v1beta/files/abc", "https://g.example/proxy/v1alpha/files/abc"),
        ({}, b"/upload/v1beta/files?upload_id=7", "https://g.example/upload/v1beta/files?upload_id=7"),
        ({"model": None}, b"/v1beta/models/caller:generateContent", "https://g.example/v1beta/models/caller:generateContent"),
        ({"model": "tunedModels/t"}, b"/v1beta/models/caller:generateContent", "https://g.example/v1beta/tunedModels/t:generateContent"),
        (
            {},
            b"/v1beta/models/caller:generateContent?key=placeholder",
            "https://g.example/v1beta/models/real-model:generateContent?key=real",
        ),
    ],
)
def test_gemini_takes_version_and_model_in_the_path(fields, path, url):
    """Version and model stand in the path, and the key where the caller's stood."""
    made = put(target("gemini", **{"base": "https://g.example", **fields}), path, b'{"contents": []}', GEMINI)
    assert made.url == url
    assert made.body == b'{"contents": []}'


def test_a_batch_of_gemini_embeddings_names_the_model_everywhere():
    """Each request of a batch repeats the model, so each is changed."""
    body = json.dumps({"requests": [{"model": "models/caller", "content": {}}, {"model": "models/caller"}]}).encode()
    made = put(target("gemini", "https://g.example", kind="embed"), b"/v1beta/models/caller:batchEmbedContents", body, GEMINI)
    assert [request["model"] for request in json.loads(made.body)["requests"]] == ["models/real-model"] * 2


@pytest.mark.parametrize("base", ["https://a.example", "https://a.example/v1"])
def test_anthropic_takes_its_own_key_header(base):
    """The key is `x-api-key`; a base URL with or without the version means the same."""
    made = put(target("anthropic", base), b"/v1/messages?beta=true", CHAT, ANTHROPIC)
    assert made.url == "https://a.example/v1/messages?beta=true"
    assert dict(made.headers)[b"x-api-key"] == b"real"


def test_only_the_model_changes_in_a_body():
    """Every other byte of the body stays: spaces, line breaks, the writing of numbers."""
    assert put(target(), b"/v1/chat/completions").body == CHAT.replace(b'"caller"', b'"real-model"')


@pytest.mark.parametrize(
    ("fields", "path", "method"),
    [
        ({"model": None}, b"/v1/chat/completions", "POST"),
        ({"model": "caller"}, b"/v1/chat/completions", "POST"),
        ({}, b"/v1/embeddings", "POST"),
        ({}, b"/v1/images/generations", "POST"),
        ({}, b"/v1/chat/completions/id", "POST"),
    ],
)
def test_a_body_that_need_not_change_is_the_same_object(fields, path, method):
    """A request about something else than the chain's model, or for that very model, keeps its bytes."""
    assert put(target(**fields), path, method=method).body is CHAT


@pytest.mark.parametrize(
    "body",
    [
        b'{"metadata": {"model": "x"}, "model": "caller"}',
        b'{"messages": [{"content": "say \\"model\\": \\"x\\""}], "model": "caller"}',
        b'{"model": "first", "model" : "caller"}',
        '{"messages": "\\ud83d\\ude00 ключ", "model": "caller"}'.encode(),
    ],
)
def test_only_the_models_own_field_is_changed(body):
    """Fields of the same name further down, and texts that look like it, stay."""
    head, _, tail = body.rpartition(b'"caller"')
    assert put(target(), b"/v1/chat/completions", body).body == head + b'"real-model"' + tail


@pytest.mark.parametrize("body", [b"{", b"[1]", b"", b'{"model": 1}', b'{"messages": []}', b"\xff{", b"{" * 100_000])
def test_a_body_without_a_model_passes_unchanged(body):
    """What is no object with a model in it is the provider's to refuse."""
    assert put(target(), b"/v1/chat/completions", body).body is body


def test_further_fields_are_added_where_they_are_missing():
    """A credential's own fields come at the end; what the caller says himself wins."""
    made = put(target(model=None, body={"temperature": 0, "seed": 7}), b"/v1/chat/completions")
    assert made.body == CHAT[:-1] + b',"seed": 7}'
    assert json.loads(put(target(model=None, body={"seed": 7}), b"/v1/chat/completions", b"{ }").body) == {"seed": 7}


def test_nothing_that_belongs_to_the_callers_account_is_sent():
    """Keys of every wire, cookies, and organisations stay behind; the credential's own headers win."""
    foreign = [(name.encode(), b"mine") for name in ("X-Api-Key", "Api-Key", "Cookie", "OpenAI-Organization", "OpenAI-Project", "X-Team")]
    made = put(target(headers={"X-Team": "blue"}), b"/v1/chat/completions", headers=OPENAI + foreign)
    sent = dict(made.headers)
    assert b"mine" not in sent.values()
    assert b"Bearer placeholder" not in sent.values()
    assert sent[b"authorization"] == b"Bearer real"
    assert sent[b"x-team"] == b"blue"
    assert sent[b"host"] == b"host.example"
    assert sent[b"content-length"] == str(len(made.body)).encode()


def test_a_key_in_the_credentials_headers_replaces_the_usual_one():
    """A proxy's own way to take keys is configured as a header; then no second key is sent."""
    sent = dict(put(target(headers={"authorization": "Token t"}), b"/v1/chat/completions").headers)
    assert sent[b"authorization"] == b"Token t"
    sent = dict(put(target("anthropic", headers={"Authorization": "Token t"}), b"/v1/messages", CHAT, ANTHROPIC).headers)
    assert b"x-api-key" not in sent


@pytest.mark.parametrize("climb", [b"/v1/../admin", b"/v1/files/%2e%2E/x", b"/v1/files/%252e%252e/x", b"/v1/a\\..\\b", b"/v1/./x"])
def test_paths_that_climb_are_refused(climb):
    """No request leaves the base path, however the dots are written."""
    with pytest.raises(UnsafePathError):
        put(target(), climb)


def test_a_form_tells_its_model_and_its_stream():
    """Audio comes as a form: Azure needs the model for its path, the chain needs to know of the stream."""
    field = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    form = field % (b"model", b"whisper") + field % (b"stream", b"true") + b"--b--"
    call = understand("POST", b"/v1/audio/transcriptions", [(b"Content-Type", b"multipart/form-data; boundary=b")], form)
    assert (call.model, call.stream, call.kind) == ("whisper", True, "other")
    assert "/openai/deployments/whisper/audio/transcriptions?" in rewrite(call, target("azure", "https://r.example")).url


def test_keys_show_in_no_repr():
    """Neither a target nor a request shows keys, headers or the caller's words."""
    shown = repr(target(headers={"x": "hidden"})) + repr(understand("POST", b"/v1/chat/completions", OPENAI, b'{"messages": "hidden"}'))
    assert "hidden" not in shown
    assert "real'" not in shown
    assert "placeholder" not in shown
