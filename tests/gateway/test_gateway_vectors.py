"""E03: a vector of another length is never handed on, and neither are fewer vectors than inputs."""

import json

import pytest
from gateway_play import KEYS, SETTINGS, chain

from sparekey.errors import IncompleteAnswerError, VectorSpaceError
from sparekey.lab.simulator import faults
from sparekey.lab.simulator.answers import base64_floats
from sparekey.transport.vectors import Vectors
from sparekey.wire import vector_bytes
from sparekey.wire.request import understand


@pytest.fixture
def served(serve, sim, request):
    """A gateway with one embedding chain: wire, model and the length that the configuration declares."""
    wire, model, declared = getattr(request, "param", ("openai", "text-embedding-3-small", None))
    pair = sim.provider("first", wire=wire), sim.provider("second", wire=wire)
    extra = f"dimension = {declared}" if declared else ""
    running = serve(chain("embedding.dense", pair, provider=wire, model=model, extra=extra) + SETTINGS)
    return running, pair


def ask(running, **more):
    return running.ask(path="/v1/embeddings", body={"model": "embedding", "input": ["a", "b"], **more})


@pytest.mark.parametrize("form", ["float", "base64"])
def test_a_vector_of_another_length_fails_over(served, form):
    """As numbers and as base64: the second credential's are handed on, and the first one is parked."""
    running, pair = served
    pair[0].fail(faults.wrong_length(7))
    for _ in range(2):
        status, headers, body = ask(running, encoding_format=form)
        assert (status, headers["x-sparekey-credential"], len(body["data"])) == (200, "second", 2)
    assert len(pair[0].requests) == 1
    pair[1].fail(faults.wrong_length(1535))
    status, _, body = ask(running, encoding_format=form)
    assert status in {502, 503}
    told = {cause["credential"]: cause for cause in body["sparekey"]["causes"]}
    assert told["second"]["reason"] == "wrong_vector"
    assert "1535 dimensions where 1536 are expected" in told["second"]["message"]


def test_the_first_one_sets_the_length_where_nobody_knows_it(serve, sim):
    """A model of one's own: what came first is what may come."""
    pair = sim.provider("first", dimension=24), sim.provider("second", dimension=25)
    running = serve(chain("embedding.dense", pair, model="our-own") + SETTINGS)
    assert ask(running)[0] == 200
    pair[0].fail(faults.server_error())
    assert ask(running)[0] in {502, 503}
    pair[0].heal()
    assert ask(running)[1]["x-sparekey-credential"] == "first"


def test_the_length_that_a_request_asks_for_counts(served):
    """`dimensions` of the client's own: the vector must have them."""
    running, pair = served
    assert ask(running, dimensions=256)[0] == 200
    pair[0].fail(faults.wrong_length(1536))
    assert ask(running, dimensions=256)[1]["x-sparekey-credential"] == "second"


@pytest.mark.parametrize("served", [("openai", "text-embedding-3-small", 512), ("gemini", "gemini-embedding-001", 768)], indirect=True)
def test_a_declared_length_is_asked_for_and_no_other(served):
    """Clients that leave it out get vectors of the chain's length; one that wants another is told so, and nobody is asked."""
    running, pair = served
    if pair[0].wire.name == "openai":
        _, _, body = ask(running)
        assert {len(one["embedding"]) for one in body["data"]} == {512}
        assert ask(running, dimensions=512)[0] == 200
        status, _, told = ask(running, dimensions=256)
        assert (status, told["error"]["code"]) == (400, "wrong_dimensions")
    else:
        texts = [{"content": {"parts": [{"text": word}]}, "model": "x"} for word in "ab"]
        for verb, body in (("embedContent", texts[0]), ("batchEmbedContents", {"requests": texts})):
            status, _, told = running.ask(path=f"/v1beta/models/embedding:{verb}", body=body)
            found = told.get("embeddings") or [told["embedding"]]
            assert (status, {len(one["values"]) for one in found}) == (200, {768})
        status, _, told = running.ask(path="/v1beta/models/embedding:embedContent", body={**texts[0], "outputDimensionality": 5})
        assert (status, told["error"]["status"]) == (400, "INVALID_ARGUMENT")
        pair[0].fail(faults.wrong_length(7))
        assert running.ask(path="/v1beta/models/embedding:embedContent", body=texts[0])[1]["x-sparekey-credential"] == "second"
    assert len(pair[0].requests) == (2 if pair[0].wire.name == "openai" else 3)


def test_the_sdks_read_them(served):
    """OpenAI's SDK asks for base64 by itself, and reads floats as well."""
    openai = pytest.importorskip("openai")
    running, pair = served
    pair[0].fail(faults.auth())
    with openai.OpenAI(base_url=running.url + "/v1", api_key=KEYS[2], max_retries=0) as client:
        for more in ({}, {"encoding_format": "float"}, {"dimensions": 64}):
            found = client.embeddings.create(model="embedding", input="a", **more).data[0].embedding
            assert len(found) == more.get("dimensions", 1536)


@pytest.mark.parametrize("served", [("gemini", "gemini-embedding-001", 768)], indirect=True)
def test_googles_sdk_reads_them(served):
    """It sends every input as a batch."""
    genai = pytest.importorskip("google.genai")
    running, pair = served
    pair[0].fail(faults.auth())
    client = genai.Client(api_key="x", http_options={"base_url": running.url, "retry_options": {"attempts": 1}})
    try:
        found = client.models.embed_content(model="embedding", contents=["a", "b"]).embeddings
        assert [len(one.values) for one in found] == [768, 768]
        asked = {"output_dimensionality": 768}
        assert len(client.models.embed_content(model="embedding", contents="a", config=asked).embeddings[0].values) == 768
        with pytest.raises(genai.errors.ClientError, match="768 dimensions"):
            client.models.embed_content(model="embedding", contents="a", config={"output_dimensionality": 5})
    finally:
        client.close()


def answer(*vectors, **more):
    data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    return json.dumps({"object": "list", "model": '"embedding": [1, 2]', "data": data, **more}).encode()


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (answer([0.5, 1e-3, -2], base64_floats([1.0, 2.0]), base64_floats([1.0] * 3)), [3, 2, 3]),
        (answer([], "", [1]), [0, 0, 1]),
        (answer([1], "").replace(b'""', b'"' + base64_floats([-0.1, 3e38]).encode().replace(b"/", b"\\/") + b'"'), [1, 2]),
        (answer([[1, 2], [3]]), [None]),
        (json.dumps(json.loads(answer([1, 2])), indent=2).encode(), [2]),
        (answer(), []),
        (b'{"embedding": [1, 2', [0]),
    ],
    ids=range(7),
)
def test_lengths_are_counted_in_the_bytes(body, found):
    """Whatever way a library writes its JSON."""
    assert [one.length for one in vector_bytes.vectors("openai", body)] == found


def call(**body):
    return understand("POST", b"/v1/embeddings", [], json.dumps({"model": "m", **body}).encode())


def test_one_too_few_is_no_answer():
    """All behind it would be shifted; nothing at all is none either."""
    for vectors in ([[1, 2]], [], [[1, 2]] * 3, [[1, 2], []]):
        with pytest.raises(IncompleteAnswerError):
            Vectors().admit("a", call(input=["x", "y"]), answer(*vectors))


@pytest.mark.parametrize("given", ["text", [1, 2, 3], [[1, 2, 3]], ["text"], [{"image": "..."}], None])
def test_inputs_are_counted_as_providers_do(given):
    """A text and a list of tokens are one input; what only its provider understands is not counted."""
    Vectors(usual=2).admit("a", call(input=given), answer([1, 2]))
    with pytest.raises(VectorSpaceError, match="gave a vector of 3 dimensions where 2 are expected"):
        Vectors(usual=2).admit("a", call(input=given), answer([1, 2, 3]))


def test_other_numbers_than_floats_are_not_counted():
    """Bits and bytes have lengths of their own."""
    Vectors(usual=2).admit("a", call(input="x", output_dtype="binary"), answer([1]))
