"""Ark's multimodal embeddings through the gateway, and vectors that are shortened where the library shortens them."""

import math
import struct
from base64 import b64decode

import pytest
from gateway_play import SETTINGS, chain

from sparekey.lab.simulator import faults

PARTS = [{"type": "text", "text": "a key"}, {"type": "image_url", "image_url": {"url": "https://example.org/key.png"}}]


def test_a_text_with_an_image_makes_one_vector_whoever_serves(serve, sim):
    """Ark's own path and form; a dead key moves on, a vector of another length is not handed on."""
    pair = sim.provider("first", wire="ark", dimension=16), sim.provider("second", wire="ark", dimension=16)
    running = serve(chain("embedding.dense", pair, provider="volcengine", model="ep-1", extra="dimension = 16") + SETTINGS)
    body = {"model": "embedding", "input": PARTS}
    status, headers, told = running.ask(path="/v1/embeddings/multimodal", body=body)
    assert (status, headers["x-sparekey-credential"], len(told["data"]["embedding"])) == (200, "first", 16)
    seen = pair[0].requests[-1]
    assert (seen.path, seen.json["input"], seen.json["model"]) == ("/api/v3/embeddings/multimodal", PARTS, "ep-1")
    pair[0].fail(faults.quota())
    assert running.ask(path="/v1/embeddings/multimodal", body=body)[1]["x-sparekey-credential"] == "second"


@pytest.mark.parametrize("encoding", ["float", "base64"])
@pytest.mark.parametrize(
    ("wire", "provider", "model", "extra"),
    [
        ("openai", "openai", "text-embedding-3-large", 'dimension = 16\nshorten = "here"'),
        ("ark", "volcengine", "doubao-embedding-large-text-250515", "dimension = 16"),
    ],
)
def test_vectors_are_cut_and_scaled_where_the_library_does(serve, sim, wire, provider, model, extra, encoding):
    """The host is not asked for the length, by whomever it is named; what comes out has it, and the length 1."""
    one = sim.provider("first", wire=wire, dimension=64)
    running = serve(chain("embedding.dense", (one,), provider=provider, model=model, extra=extra) + SETTINGS)
    for more in ({}, {"dimensions": 16}):
        body = {"model": "embedding", "input": ["a", "b"], "encoding_format": encoding, **more}
        status, _, told = running.ask(path="/v1/embeddings", body=body)
        assert status == 200
        assert "dimensions" not in one.requests[-1].json
        for item in told["data"]:
            vector = item["embedding"]
            vector = vector if encoding == "float" else struct.unpack(f"<{len(b64decode(vector)) // 4}f", b64decode(vector))
            assert len(vector) == 16
            assert math.hypot(*vector) == pytest.approx(1.0, abs=1e-5)
