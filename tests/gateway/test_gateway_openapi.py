"""The description at `/openapi.json`: complete, and true of a gateway that runs."""

import hashlib
import http.client
import json
from copy import deepcopy

import pytest
from gateway_play import SETTINGS, Running, chain
from hypothesis import HealthCheck, Phase, given, settings

from later import later
from searches import drawn
from sparekey.gateway.api import openapi, routes
from sparekey.lab.simulator import Simulator

schemathesis = later("schemathesis")

PATHS = openapi.described()["paths"]
ENDLESS = "/admin/api/events"
OPERATIONS = [(path, method) for path, methods in PATHS.items() for method in methods if path != ENDLESS]
FEW = drawn(3, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
CHAINS = {
    **dict.fromkeys(("/v1/messages", "/v1/messages/count_tokens", "/v1/complete"), "claude"),
    **dict.fromkeys(("/v1/embeddings", "/openai/deployments/{model}/embeddings"), "embedding"),
    **{f"/v1beta/models/{{model}}:{verb}": "gemini-embedding" for verb in ("embedContent", "batchEmbedContents")},
    **{f"/v1beta/models/{{model}}:{verb}": "gemini" for verb in ("generateContent", "streamGenerateContent", "countTokens")},
}
"""Which chain of the gateway below answers at a path; at the others it is `chat`."""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A gateway with a chain for every format."""
    with Simulator() as sim:
        first, claude, gemini = (sim.provider(wire, wire=wire) for wire in ("openai", "anthropic", "gemini"))
        file = tmp_path_factory.mktemp("openapi") / "sparekey.toml"
        file.write_text(
            chain("vlm", [first])
            + SETTINGS
            + chain("embedding.dense", [first], model="text-embedding-3-small")
            + chain("gateway.chat.claude", [claude], provider="anthropic", model="claude-sonnet-4-5")
            + chain("gateway.chat.gemini", [gemini], provider="gemini", model="gemini-2.5-flash")
            + chain("gateway.embedding.gemini-embedding", [gemini], provider="gemini", model="gemini-embedding-001")
        )
        one = Running(file)
        try:
            yield one
        finally:
            one.stop()


def narrowed(schema):
    """Let no further fields be made up within the messages of requests: making them takes most of the time."""
    if isinstance(schema, dict):
        if "parts" in schema.get("properties", {}) or "content" in schema.get("properties", {}) or "text" in schema.get("properties", {}):
            schema["additionalProperties"] = False
        for inner in schema.values():
            narrowed(inner)
    elif isinstance(schema, list):
        for inner in schema:
            narrowed(inner)
    return schema


@pytest.fixture(scope="module")
def schema(running):
    """What the gateway says of itself, as schemathesis reads it."""
    described = running.ask("GET", "/openapi.json")[2]
    for name in openapi.REQUESTS:
        narrowed(described["components"]["schemas"][name])
    return schemathesis.openapi.from_dict(described)


@pytest.fixture(scope="module")
def checked():
    """What is checked of every answer."""
    told = schemathesis.specs.openapi.checks
    return [
        *(schemathesis.checks.not_a_server_error, told.status_code_conformance, told.content_type_conformance),
        *(told.response_headers_conformance, told.response_schema_conformance),
    ]


def aimed(case):
    """Let a request go where somebody answers."""
    name = CHAINS.get(case.operation.path, "chat")
    if isinstance(case.body, dict) and "model" in case.body:
        case.body["model"] = name
    for part, value in (("model", name), ("chain", "chat"), ("credential", "openai")):
        if part in (case.path_parameters or {}):
            case.path_parameters[part] = value
    return case


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{method} {path}" for path, method in OPERATIONS])
def test_what_is_described_is_what_happens(running, schema, checked, path, method):
    """Requests that fit the description, aimed at a chain and not, and such that do not fit: no 5xx, and answers as they are described."""
    operation = schema[path][method.upper()]

    if path == "/readyz":  # a 503 is what it is for
        checked = checked[1:]

    def sent(case):
        case.call_and_validate(base_url=running.url, checks=checked)

    one = settings(FEW, max_examples=1)
    (one if "deployments" in path else FEW)(given(operation.as_strategy())(lambda case: sent(aimed(case))))()
    if "deployments" not in path and (operation.body or operation.path_parameters):  # Azure's paths differ in nothing else
        FEW(given(operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))(lambda case: sent(aimed(case))))()
        one(given(operation.as_strategy())(sent))()


def test_it_is_a_valid_description(schema):
    """Of OpenAPI 3.1."""
    schema.validate()


def test_every_route_is_in_it():
    """Whoever adds a route describes it."""
    from sparekey.gateway.api.admin import Admin

    assert {row.path for row in openapi.OPENAI} == routes.OPENAI
    assert {row.path.removeprefix("/v1/") for row in openapi.ANTHROPIC} == routes.ANTHROPIC
    assert {row.path.rpartition(":")[2] for row in openapi.GEMINI} == routes.GEMINI
    assert {row.path for row in openapi.OPENAI if row.sends.startswith("multipart")} == routes.FORMS
    admin = {route.path.replace(":path", "") for route in Admin._routes(Admin.__new__(Admin)) if not route.path.startswith("/console")}
    assert admin <= PATHS.keys()


def test_events_never_end(running):
    """What schemathesis would wait for for ever: the head says events, the first one is the state."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    connection.request("GET", ENDLESS)
    response = connection.getresponse()
    assert (response.status, response.getheader("content-type").partition(";")[0]) == (200, "text/event-stream")
    assert b"data:" in response.readline() + response.readline() + response.readline()
    connection.close()


def test_what_a_host_lacks_is_told_and_parks_nobody(running):
    """The host's own 404; the chain's own question is answered by the same credential as before."""
    status, _, body = running.ask(path="/v1/complete", body={"model": "claude", "prompt": "a"})
    assert (status, body["type"], body["sparekey"]["class"]) == (404, "error", "model_not_found")
    asked = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]}
    status, headers, _ = running.ask(path="/v1/messages", body=asked)
    assert (status, headers["x-sparekey-attempts"]) == (200, "1")


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/v1/chat/completions", 405, "POST"),
        ("DELETE", "/v1/messages", 405, "POST"),
        ("POST", "/v1/models", 405, "GET, HEAD"),
        ("PUT", "/v1beta/models/chat", 405, "GET, HEAD"),
        ("POST", "/healthz", 405, "GET, HEAD"),
        ("POST", "/openapi.json", 405, "GET, HEAD"),
        ("GET", "/v1/nothing", 404, None),
        ("GET", "/v1/models/nope", 404, None),
        ("HEAD", "/v1/models/chat", 200, None),
    ],
)
def test_another_method_says_which_one(running, method, path, status, allow):
    """405 names what is allowed; what is not there is 404 for every method."""
    found, headers, _ = running.ask(method, path)
    assert (found, headers.get("allow")) == (status, allow)


def test_who_may_read_it(serve, sim):
    """With client keys, a client and the admin; nobody else."""
    keys = "spk-client-0123456789abcdef", "spk-admin-0123456789abcdef"
    client, admin = (hashlib.sha256(key.encode()).hexdigest() for key in keys)
    more = f'admin_key_sha256 = "{admin}"\n[[gateway.clients]]\nname = "app"\nkey_sha256 = "{client}"\n'
    guarded = serve(chain("vlm", [sim.provider("first")]) + SETTINGS + more)
    found = [guarded.ask("GET", "/openapi.json", authorization=f"Bearer {key}")[0] for key in (*keys, "wrong")]
    assert [*found, guarded.ask("GET", "/openapi.json")[0]] == [200, 200, 401, 401]
    assert guarded.ask("GET", "/v1/models", authorization=f"Bearer {keys[1]}")[0] == 401


def test_each_refusal_is_described(running):
    """Each shape of an error is the one that the description promises, with the gateway's own object."""
    import jsonschema_rs  # which schemathesis brings

    schemas = {"components": deepcopy(openapi.described()["components"])}
    asked = {"/v1/chat/completions": "OpenAIError", "/v1/messages": "AnthropicError", "/v1beta/models/nope:generateContent": "GeminiError"}
    for path, name in asked.items():
        for body in (b"not json", json.dumps({"model": "nope"}).encode(), b"[]", b""):
            status, _, answer = running.ask(path=path, body=body)
            assert 400 <= status < 405
            jsonschema_rs.validate({"$ref": f"#/components/schemas/{name}", **schemas}, answer)
            assert answer["sparekey"]["request_id"]
