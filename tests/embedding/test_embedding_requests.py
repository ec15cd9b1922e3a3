"""What each backend asks for: its own fields for dimension, side of the input, images and extras."""

import math
from datetime import UTC, datetime

import pytest
from embedding_kit import KEY, Setup, release

from sparekey.embedding.backends.base import task_fields
from sparekey.errors import ConfigError, InvalidInputError, VectorSpaceError
from sparekey.lab.simulator import faults
from sparekey.providers.auth.volcengine import sign
from sparekey.wire.embeddings import as_weights
from sparekey.wire.format import NoAnswerError

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8
URL = "https://example.org/key.png"
IMAGE = {"type": "image_url", "image_url": {"url": URL}}


@pytest.fixture
def ask(simulator):
    """Return a function that embeds once and gives back the request's JSON, as the provider saw it."""

    def asked(setup, content="a key", is_query=False, **config):
        if setup.needs:
            pytest.importorskip(setup.needs, reason=f"the SDK {setup.needs} is not installed")
        simulated = simulator.provider(f"p{len(simulator.providers)}", wire=setup.wire)
        embedder = setup.embedder(simulated, **config)
        asked.result = embedder.embed(content, is_query=is_query)
        embedder.close()
        release()
        asked.seen = simulated.requests[-1]
        return asked.seen.json

    return asked


OPENAI = Setup("openai", "openai", needs="openai")
JINA = Setup("jina", "jina", needs="openai")
ARK = Setup("volcengine", "ark", needs="volcenginesdkarkruntime")
VIKINGDB = Setup("vikingdb", "vikingdb", model="doubao-embedding-vision@250615")
GEMINI = Setup("gemini", "gemini", "gemini-embedding-2", needs="google.genai")
VOYAGE = Setup("voyage", "voyage", needs="voyageai")
COHERE = Setup("cohere", "cohere", "embed-v4.0", needs="cohere")
DASHSCOPE = Setup("dashscope", "dashscope", needs="dashscope")


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        (None, {}),
        ("", {}),
        ("query", {"input_type": "query"}),
        ("task=retrieval.query, late_chunking=true", {"task": "retrieval.query", "late_chunking": "true"}),
    ],
)
def test_sides_by_value_or_by_name(param, fields):
    """A bare value goes under the provider's own name, `name=value` names itself."""
    assert task_fields(param, "input_type") == fields


def test_openai_fields(ask):
    """Dimension, encoding, sides and extras go where OpenAI and its relatives expect them."""
    sent = ask(OPENAI, dimension=256, query_param="query", extra_body={"user": "u1"}, is_query=True)
    assert sent == {
        "model": "sim-embed",
        "input": ["a key"],
        "dimensions": 256,
        "encoding_format": "base64",
        "input_type": "query",
        "user": "u1",
    }
    assert len(ask.result.dense_vector) == 256
    assert "input_type" not in ask(OPENAI, query_param="query")
    assert ask(OPENAI, encoding_format="float")["encoding_format"] == "float"


def test_vectors_may_be_shortened_here(ask):
    """A host that takes no length is not asked for one; what it gives is cut and scaled to length 1."""
    assert "dimensions" not in ask(OPENAI, dimension=64, shorten="here")
    assert len(ask.result.dense_vector) == 64
    assert math.hypot(*ask.result.dense_vector) == pytest.approx(1.0)


def test_azure_paths(ask):
    """With a version the deployment's path is used, without one the resource's `/openai/v1`."""
    azure = Setup("azure", "azure", model="my-deployment", needs="openai")
    ask(azure)
    assert ask.seen.path.endswith("/openai/v1/embeddings")
    ask(azure, api_version="2024-10-21")
    assert "/openai/deployments/my-deployment/embeddings" in ask.seen.path
    assert ask.seen.query["api-version"] == "2024-10-21"
    assert ask.seen.headers["api-key"] == KEY


@pytest.mark.parametrize(
    ("model", "is_query", "task"),
    [
        ("jina-embeddings-v3", True, "retrieval.query"),
        ("jina-embeddings-v3", False, "retrieval.passage"),
        ("jina-code-embeddings-0.5b", True, "nl2code.query"),
    ],
)
def test_jina_tasks(ask, model, is_query, task):
    """Jina's models are told the side by default."""
    assert ask(Setup("jina", "jina", model, needs="openai"), is_query=is_query, dimension=64)["task"] == task


def test_jina_extras(ask):
    """`late_chunking` is passed on, and an empty parameter leaves the task out."""
    sent = ask(JINA, late_chunking=True, document_param="")
    assert sent["late_chunking"] is True
    assert "task" not in sent


def test_jina_images(ask):
    """A model with eyes gets one text or one image an input."""
    clip = Setup("jina", "jina", "jina-clip-v2", needs="openai")
    assert ask(clip, [IMAGE])["input"] == [{"image": URL}]
    assert ask(clip, "a key")["input"] == [{"text": "a key"}]
    with pytest.raises(InvalidInputError, match="one image"):
        ask(clip, ["a key", IMAGE])


def test_ark_multimodal(ask):
    """By default Ark embeds the parts of one input together, and makes the vector as long as asked."""
    sent = ask(ARK, ["a key", IMAGE], dimension=1024)
    assert sent["input"] == [{"type": "text", "text": "a key"}, IMAGE]
    assert sent["dimensions"] == len(ask.result.dense_vector) == 1024


def test_ark_sparse(ask):
    """Sparse vectors come as weights by token, without a dense one."""
    sent = ask(ARK, kind="sparse")
    assert sent["sparse_embedding"] == {"type": "enabled"}
    assert ask.result.sparse_vector
    assert not ask.result.is_dense


def test_ark_text_models_are_cut_here(simulator, ask):
    """A text model goes to the text endpoint, whose vectors are cut and normalized on this side."""
    text = Setup("volcengine", "ark", "doubao-embedding-large-text-250515", needs="volcenginesdkarkruntime")
    sent = ask(text, dimension=512)
    assert ask.seen.path.endswith("/embeddings")
    assert "dimensions" not in {k for k, v in sent.items() if v is not None}
    assert len(ask.result.dense_vector) == 512
    wrong = simulator.provider("wrong", wire="ark")
    wrong.fail(faults.wrong_length(700))
    embedder = text.embedder(wrong, dimension=512)
    with pytest.raises(VectorSpaceError, match="700"):
        embedder.embed("a key")
    embedder.close()


def test_vikingdb_body(ask):
    """Model, version and dimension stand in the body; a hybrid asks for both vectors."""
    sent = ask(VIKINGDB, kind="hybrid", dimension=1024, query_param="query", is_query=True)
    assert sent["dense_model"] == {"name": "doubao-embedding-vision", "version": "250615", "dim": 1024}
    assert sent["sparse_model"] == {"name": "doubao-embedding-vision", "version": "250615"}
    assert sent["data"] == [{"text": "a key", "input_type": "query"}]
    assert ask.result.is_hybrid


def test_vikingdb_images_and_sparse(ask):
    """Parts are a sequence of one input, and a sparse embedder asks for no dense model."""
    assert ask(VIKINGDB, ["a key", IMAGE])["data"] == [{"full_modal_seq": [{"text": "a key"}, {"image": URL}]}]
    assert "dense_model" not in ask(VIKINGDB, kind="sparse")
    assert ask.result.sparse_vector == {"a": 0.5, "key": 0.5}


def test_vikingdb_hosts():
    """The host is the region's own unless one is given, and https unless it says otherwise."""
    made = Setup("vikingdb", "vikingdb").embedder
    assert made(_at(None), region="cn-shanghai").api_base == "https://api-vikingdb.vikingdb.cn-shanghai.volces.com"
    assert made(_at("own.example.org")).api_base == "https://own.example.org"


def _at(url):
    class Somewhere:
        base_url = url

    return Somewhere


def test_the_signature_is_the_official_ones(ask):
    """A request's signature is what Volcengine's own signer makes of the same request at the same time."""
    official = pytest.importorskip("volcenginesdkcore.signv4", reason="volcengine's SDK is not installed").SignerV4
    now, body = datetime.now(UTC), b'{"data": []}'
    query = {"Action": "Embed it", "b": "~ü"}
    common = {"ak": "AKsim", "sk": "secret", "region": "cn-beijing", "service": "vikingdb"}
    ours = sign(
        method="POST", path="/api/x", query=query, host="example.org", content_type="application/json", body=body, now=now, **common
    )
    headers = {"Content-Type": "application/json", "Host": "example.org"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{official.__module__}.datetime", _Frozen(now))
        official.sign("/api/x", "POST", headers, body.decode(), None, query, "AKsim", "secret", "cn-beijing", "vikingdb")
    assert ours == {
        "x-date": headers["X-Date"],
        "x-content-sha256": headers["X-Content-Sha256"],
        "authorization": headers["Authorization"],
    }
    ask(VIKINGDB)
    assert ask.seen.headers["authorization"].startswith(f"HMAC-SHA256 Credential={KEY}/")


class _Frozen:
    """Stands in for the `datetime` module of the official signer."""

    def __init__(self, now):
        self.datetime = self
        self._now = now

    def utcnow(self):
        return self._now


@pytest.mark.parametrize(
    ("data", "vector"),
    [
        ({"7": 1, "9": 0.5}, {"7": 1.0, "9": 0.5}),
        ([{"index": 7, "value": 1}], {"7": 1.0}),
        ([{"token": "key", "weight": 2}], {"key": 2.0}),
        ({"index": 7, "value": 1}, {"7": 1.0}),
        ([], {}),
    ],
)
def test_sparse_vectors_of_every_spelling(data, vector):
    """A mapping, a list of pairs and a lone pair read the same."""
    assert as_weights(data) == vector


@pytest.mark.parametrize("data", [None, [{"index": 1}], [3], {"a": "b"}])
def test_what_is_no_sparse_vector_is_refused(data):
    """A sparse vector that was asked for and is none is no answer."""
    with pytest.raises(NoAnswerError, match="sparse vector"):
        as_weights(data)


def test_azure_needs_an_endpoint():
    """There is no Azure endpoint for everybody."""
    pytest.importorskip("openai", reason="the openai SDK is not installed")
    with pytest.raises(ConfigError, match="api_base"):
        Setup("azure", "azure").embedder(_at(None))


def test_gemini_fields(ask):
    """Task, dimension, parts and an image's bytes go where Gemini expects them: the newest model is told its task in words."""
    sent = ask(GEMINI, ["a key", PNG], dimension=768, query_param="RETRIEVAL_QUERY", is_query=True)["requests"][0]
    assert ("taskType" not in sent, sent["outputDimensionality"]) == (True, 768)
    text, image = sent["content"]["parts"]
    assert text == {"text": "task: search result | query: a key"}
    assert image["inline_data"]["mime_type"] == "image/png"
    assert ask.seen.headers["x-goog-api-key"] == KEY
    with pytest.raises(InvalidInputError, match="not by URL"):
        ask(GEMINI, [IMAGE])
    older = Setup("gemini", "gemini", "gemini-embedding-001", needs="google.genai")
    sent = ask(older, document_param="RETRIEVAL_DOCUMENT")["requests"][0]
    assert (sent["taskType"], sent["content"]["parts"]) == ("RETRIEVAL_DOCUMENT", [{"text": "a key"}])


def test_voyage_fields(ask):
    """Dimension and side go where Voyage expects them; a model with eyes has an endpoint of its own."""
    sent = ask(VOYAGE, dimension=256, document_param="document")
    assert (sent["output_dimension"], sent["input_type"], len(ask.result.dense_vector)) == (256, "document", 256)
    sent = ask(Setup("voyage", "voyage", "voyage-multimodal-3", needs="voyageai"), ["a key", PNG, IMAGE])
    assert [part["type"] for part in sent["inputs"][0]["content"]] == ["text", "image_base64", "image_url"]
    assert ask.seen.path.endswith("/multimodalembeddings")


def test_cohere_fields(ask):
    """Cohere is always told the side; parts go as inputs, texts as texts."""
    sent = ask(COHERE, dimension=512, extra_body={"priority": 1})
    assert (sent["texts"], sent["input_type"], sent["output_dimension"], sent["priority"]) == (["a key"], "search_document", 512, 1)
    sent = ask(COHERE, ["a key", IMAGE], is_query=True)
    assert sent["input_type"] == "search_query"
    assert sent["inputs"] == [{"content": [{"type": "text", "text": "a key"}, IMAGE]}]


def test_dashscope_multimodal(ask):
    """Explicit False and 0 survive, and a dimension goes along."""
    sent = ask(DASHSCOPE, enable_fusion=False, res_level=0, max_video_frames=8, dimension=512)
    assert sent["parameters"] == {"dimension": 512, "enable_fusion": False, "res_level": 0, "max_video_frames": 8}
    assert sent["input"]["contents"] == [{"text": "a key"}]


@pytest.mark.parametrize(("model", "fused"), [("qwen3-vl-embedding", True), ("qwen2.5-vl-embedding", None)])
def test_dashscope_fusion(ask, model, fused):
    """Several parts become one vector in each family's own way."""
    pytest.importorskip("dashscope", reason="the SDK dashscope is not installed")
    setup = Setup("dashscope", "dashscope", model, needs="dashscope")
    if fused:
        assert ask(setup, ["a key", IMAGE], dimension=1024)["parameters"]["enable_fusion"] is True
    else:
        assert setup.embedder(_at("http://127.0.0.1:9"))._fusion(2) == {}


def test_dashscope_without_fusion(ask):
    """A model that fuses nothing refuses several parts before anything is sent."""
    with pytest.raises(InvalidInputError, match="several parts"):
        ask(DASHSCOPE, ["a key", IMAGE])


def test_dashscope_text(ask):
    """A text model is asked as text, whatever `input` says, with its side."""
    sent = ask(
        Setup("dashscope", "dashscope", "text-embedding-v4", needs="dashscope"), query_param="query", is_query=True, input="multimodal"
    )
    assert sent["input"] == {"texts": ["a key"]}
    assert sent["parameters"]["text_type"] == "query"


def test_ollama_options(ask):
    """Options and the key of a server behind one go along."""
    sent = ask(Setup("ollama", "ollama", needs="ollama"), dimension=64, extra_body={"truncate": False, "options": {"num_ctx": 512}})
    assert (sent["dimensions"], sent["truncate"], sent["options"]["num_ctx"]) == (64, False, 512)
    assert ask.seen.headers["authorization"] == f"Bearer {KEY}"


def test_minimax_group(ask):
    """The account's group goes into the query, the side into the body."""
    sent = ask(Setup("minimax", "minimax"), extra_body={"group_id": "g1"}, is_query=True)
    assert ask.seen.query == {"GroupId": "g1"}
    assert sent == {"model": "sim-embed", "texts": ["a key"], "type": "query"}


def test_litellm_fields(ask):
    """LiteLLM passes dimension and extras on."""
    setup = Setup("litellm", "openai", "openai/text-embedding-3-small", needs="litellm")
    assert ask(setup, dimension=64)["dimensions"] == 64
    assert len(ask.result.dense_vector) == 64


@pytest.mark.parametrize(("provider", "size"), [("vikingdb", 10), ("minimax", 500)])
def test_a_batch_never_exceeds_what_the_provider_takes(provider, size):
    """A configured batch size is lowered to the provider's own limit."""
    assert Setup(provider, provider).embedder(_at("http://127.0.0.1:9"), batch_size=500).batch_size == size


def test_a_redirect_is_not_followed(simulator):
    """A provider that redirects elsewhere gets no second request: keys stay where the configuration sends them."""
    simulated = simulator.provider("one", wire="minimax")
    simulated.fail(faults.refuse("not_found", status=307, headers={"location": "http://127.0.0.1:9/elsewhere"}))
    embedder = Setup("minimax", "minimax").embedder(simulated)
    with pytest.raises(Exception, match="307"):
        embedder.embed("a key")
    embedder.close()
    assert len(simulated.requests) == 1
