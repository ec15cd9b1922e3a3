"""A04: what is no vector of the chain's is never handed on, and one in another encoding is encoded anew.

Library, transports and gateway do so alike.
"""

import base64
import json
import struct

import httpx2
import pytest
from gateway_play import SETTINGS, Running
from json_host import JSON, JsonHost, hosting

from sparekey import Chain, Credential, FailoverTransport, Secret
from sparekey.config import EmbeddingModelConfig
from sparekey.embedding import DenseEmbedderBase, EmbedResult, FailoverEmbedder
from sparekey.embedding.factory import build_model
from sparekey.errors import VectorSpaceError
from sparekey.lab.simulator import faults

GOOD, SPARE = [0.5, -0.25, 0.125], [0.25, 0.5, 1.0]


def packed(*numbers):
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def answer(*vectors, index=None):
    data = [{"object": "embedding", "index": i if index is None else index, "embedding": v} for i, v in enumerate(vectors)]
    return json.dumps({"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 2, "total_tokens": 2}})


def indexed(*places):
    return json.dumps({"data": [{"embedding": GOOD} | ({} if at is None else {"index": at}) for at in places]})


NAN = float("nan")
GIVEN = {
    "floats": (answer(GOOD, GOOD), True),
    "base64": (answer(packed(*GOOD), packed(*GOOD)), True),
    "nan": (answer(GOOD, [NAN, 1.0, 1.0]), False),
    "null": (answer(GOOD, [None, 1.0, 1.0]), False),
    "huge": (answer(GOOD, [1.0, 1.0, 1.0]).replace("1.0]", "1e999]"), False),
    "nan-base64": (answer(packed(*GOOD), packed(NAN, 1.0, 1.0)), False),
    "zeros": (answer([0.0, 0.0, 0.0], [0, -0.0, 0e0]), False),
    "zeros-base64": (answer(packed(*GOOD), packed(0, 0, 0)), False),
    "half-a-number": (answer(GOOD, "AAAAAAA="), False),
    "index": (answer(GOOD, GOOD, index=0), False),
    "index-and-more": (answer(GOOD, GOOD, index=0).replace('"object": "list"', '"object": "list", "index": 9'), False),
    "index-out-of-range": (indexed(0, 5), False),
    "index-below-zero": (indexed(-1, 0), False),
    "index-from-one": (indexed(1, 2), False),
    "index-as-text": (indexed("0", "1"), False),
    "index-of-one-only": (indexed(0, None), False),
    "index-true": (indexed(False, True), False),
    "index-left-out": (indexed(None, None), True),
    "no-32-bit-float": (answer(GOOD, [1e39, 1.0, 1.0]), False),
    "no-32-bit-float-in-digits": (answer(GOOD, [-(10**39), 1.0, 1.0]), False),
    "largest-float": (answer(GOOD, GOOD).replace("0.5,", "0.5e+00,"), True),
    "zeros-as-32-bit-floats": (answer(GOOD, [1e-320, -1e-50, 0.0]), False),
    "zeros-in-digits": (answer(GOOD, [0, 0, 0]).replace("[0,", f"[0.{'0' * 60}1,"), False),
    "lists": (answer([GOOD], [GOOD]), False),
    "words": (answer(GOOD, ["0.5", "-0.25", "0.125"]), False),
    "booleans": (answer(GOOD, [True, False, True]), False),
    "object": (json.dumps({"data": {"embedding": GOOD}}), False),
    "one-too-few": (answer(GOOD), False),
    "longer": (answer(GOOD, [*GOOD, 1.0]), False),
    "empty": (answer(GOOD, []), False),
    "detail": (json.dumps({"detail": "Unauthorized"}), False),
    "braces": ("{}", False),
    "no-data": (json.dumps({"object": "list", "data": [], "model": "m"}), False),
}


class Host(JsonHost):
    """`/CASE/SEAT/...`: seat `a` says what the case has, seat `b` gives good vectors, as floats."""

    def reply(self, path, raw):
        body, (name, seat, *_) = json.loads(raw), path
        self.server.asked.append((seat, body))
        given = body.get("input")
        if name == "floats" and not given:
            return 400, {"error": {"message": "overloaded?", "type": "server_error"}}, JSON
        count = len(given) if isinstance(given, list) else 1
        return 200, (GIVEN[name][0] if seat == "a" else answer(*[SPARE] * count)).encode(), JSON


@pytest.fixture(scope="module")
def host():
    with hosting(Host, []) as server:
        yield server


def base(host, name, seat):
    return f"http://127.0.0.1:{host.server_port}/{name}/{seat}/v1"


@pytest.fixture(scope="module")
def gateway(host, tmp_path_factory):
    """One gateway with two chains for each case: it remembers what it was told."""

    def section(name, form):
        table = f'gateway.embedding."{name}-{form}"'
        rows = [
            f'[[{table}.credentials]]\nid = "{seat}"\napi_key = "sk-{seat}-0123456789"\napi_base = "{base(host, name, seat)}"\n'
            for seat in "ab"
        ]
        return f'[{table}]\nprovider = "openai"\nmodel = "our-own"\n' + "".join(rows)

    file = tmp_path_factory.mktemp("vectors") / "sparekey.toml"
    file.write_text(SETTINGS + "".join(section(name, form) for name in GIVEN for form in ("float", "base64", "null")))
    made = Running(file)
    yield made
    made.stop()


def numbers(vector, form):
    """A vector as the caller asked for it."""
    assert isinstance(vector, str) is (form == "base64")
    return list(struct.unpack("<3f", base64.b64decode(vector))) if form == "base64" else vector


def through_gateway(gateway, host, name, form):
    del host
    status, _, told = gateway.ask(
        path="/v1/embeddings", body={"model": f"{name}-{form}", "input": ["a", "b"], "encoding_format": form, "dimensions": None}
    )
    assert status == 200, told
    return [numbers(one["embedding"], form) for one in told["data"]]


def chain_of(host, name):
    return Chain([Credential(s, "openai", "our-own", api_key=Secret("k"), endpoint=base(host, name, s)) for s in "ab"])


def through_transport(gateway, host, name, form):
    del gateway
    with httpx2.Client(transport=FailoverTransport(chain_of(host, name), family="embedding")) as http:
        body = {"model": "m", "input": ["a", "b"], "encoding_format": form, "dimensions": None}
        response = http.post("https://any.example/v1/embeddings", json=body)
    assert response.status_code == 200, response.text
    return [numbers(one["embedding"], form) for one in response.json()["data"]]


def configured(host, name, **more):
    rows = [{"id": s, "api_key": "sk-0123456789", "api_base": base(host, name, s)} for s in "ab"]
    return EmbeddingModelConfig(provider="openai", model="our-own", credentials=rows, **more)


def through_library(gateway, host, name, form):
    del gateway
    embedder = build_model(configured(host, name, encoding_format=form), "dense")
    try:
        return [result.dense_vector for result in embedder.embed_batch(["a", "b"])]
    finally:
        embedder.close()


WAYS = {"library": through_library, "transport": through_transport, "gateway": through_gateway}


@pytest.mark.parametrize("form", ["float", "base64"])
@pytest.mark.parametrize("way", WAYS)
def test_all_ways_in_agree(host, gateway, way, form):
    """The caller gets floats where he asked for floats, base64 where he asked for that, and never what is no vector."""
    wrong = []
    for name, (_, good) in GIVEN.items():
        host.asked.clear()
        try:
            found = WAYS[way](gateway, host, name, form)
        except Exception as exc:
            found = f"{type(exc).__name__}: {exc}"
        seats = [seat for seat, _ in host.asked]
        if (found, seats) != (([GOOD] * 2, ["a"]) if good else ([SPARE] * 2, ["a", "b"])):
            wrong.append((name, found, seats))
        if any("dimensions" in body for _, body in host.asked):
            wrong.append((name, "`dimensions: null` went out"))
    assert wrong == []


@pytest.mark.parametrize("way", ["transport", "gateway"])
def test_no_input_is_the_callers_fault(host, gateway, way):
    """One call, whatever the provider says, and nobody is blamed."""
    host.asked.clear()
    body = {"model": "floats-null", "input": []}
    if way == "gateway":
        chain = gateway.gateway.state.by_name["floats-null"].chain
        status = gateway.ask(path="/v1/embeddings", body=body)[0]
    else:
        chain = chain_of(host, "floats")
        with httpx2.Client(transport=FailoverTransport(chain, family="embedding")) as http:
            status = http.post("https://any.example/v1/embeddings", json=body).status_code
    assert status == 400
    assert [seat for seat, _ in host.asked] == ["a"]
    assert all(row.returns_in is None for row in chain.status().credentials)


def test_a_length_is_named_to_models_that_take_one(serve, sim):
    """bge-m3 has one length, and vLLM and SiliconFlow refuse a request that names it; others are asked for the declared one."""
    for model, sent in (("BAAI/bge-m3", None), ("text-embedding-3-small", 1024), ("our-own", 1024)):
        provider = sim.provider(f"p-{model.rpartition('/')[2]}", dimension=1024)
        fields = {"provider": "openai", "model": model, "api_key": "sk-0123456789", "api_base": provider.base_url, "dimension": 1024}
        embedder = build_model(EmbeddingModelConfig(**fields), "dense")
        assert len(embedder.embed("a").dense_vector) == 1024
        embedder.close()
        rows = "\n".join(f"{name} = {json.dumps(value)}" for name, value in fields.items())
        running = serve(f"[embedding.dense]\n{rows}\n{SETTINGS}")
        for more in ({}, {"dimensions": 1024}, {"dimensions": None}):
            assert running.ask(path="/v1/embeddings", body={"model": "embedding", "input": "a", **more})[0] == 200
        assert [request.json.get("dimensions") for request in provider.requests] == [sent] * 4


def test_the_length_is_known_after_a_restart(serve, sim, tmp_path):
    """Who comes first after it sets no other one."""
    pair = sim.provider("first", dimension=24), sim.provider("second", dimension=25)
    rows = "".join(
        f'[[embedding.dense.credentials]]\nid = "{p.name}"\napi_key = "sk-0123456789"\napi_base = "{p.base_url}"\n' for p in pair
    )
    text = f'[embedding.dense]\nprovider = "openai"\nmodel = "our-own"\n{rows}{SETTINGS}store = "sqlite:///{tmp_path}/state.db"\n'
    running = serve(text)
    assert running.ask(path="/v1/embeddings", body={"model": "embedding", "input": "a"})[0] == 200
    running.stop()
    running = serve(text)
    pair[0].fail(faults.server_error())
    status, _, told = running.ask(path="/v1/embeddings", body={"model": "embedding", "input": "a"})
    assert status in {502, 503}
    assert "25 dimensions where 24 are expected" in json.dumps(told)


class Own(DenseEmbedderBase):
    """An embedder of one's own."""

    fault = None

    def embed(self, content, is_query=False):
        if self.fault:
            raise self.fault
        self.update_token_usage(model_name=self.model_name, provider="mine", prompt_tokens=3)
        return EmbedResult([1.0, 2.0])


def test_ready_made_embedders_of_two_models_are_refused():
    """Unless `space` says that they share one; the same weights under another host's name do."""
    for first, second in (("bge-m3", "BAAI/bge-m3"), ("m", "m")):
        assert FailoverEmbedder([Own(first), Own(second)], ["a", "b"]).embed("x").dense_vector == [1.0, 2.0]
    with pytest.raises(VectorSpaceError, match=r"'a' gives vectors of bge-m3, 'b' gives vectors of nomic.*space"):
        FailoverEmbedder([Own("bge-m3"), Own("nomic")], ["a", "b"])
    assert FailoverEmbedder([Own("one"), Own("two")], ["a", "b"], space="ours").embed("x").dense_vector == [1.0, 2.0]
    declared = [Own("one", {"space": "ours"}), Own("two", {"space": "ours"})]
    assert FailoverEmbedder(declared, ["a", "b"]).embed("x").dense_vector == [1.0, 2.0]


def test_an_input_too_large_stays_with_its_model():
    """The caller hears of it at once, in the provider's own words."""
    first, second = Own("one"), Own("two")
    first.fault = RuntimeError("This model's maximum context length is 8192 tokens, however you requested 9000 tokens")
    first.fault.status_code = 400
    chain = FailoverEmbedder([first, second], ["a", "b"], space="ours")
    with pytest.raises(RuntimeError) as caught:
        chain.embed("x")
    assert caught.value is first.fault


def test_tokens_are_counted_as_chat_models_count_them():
    """By name or in order, with the model's name or without."""
    one = Own("m", {"provider": "p"})
    one.token_tracker.reset()
    one.embed("x")
    one.update_token_usage("m", "mine", 4, 0)
    one.update_token_usage(5)
    assert {key: usage.prompt_tokens for key, usage in one.token_tracker.rows().items()} == {("m", "mine"): 7, ("m", "p"): 5}
