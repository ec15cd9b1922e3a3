"""A host that refuses the field `dimensions` of a model that nobody knows is asked without it, whichever way the request came in."""

import asyncio
import json

import httpx2
import pytest
from gateway_play import SETTINGS
from json_host import JSON, JsonHost, hosting

from sparekey import Credential, FailoverTransport, Secret
from sparekey.config import EmbeddingModelConfig
from sparekey.embedding.factory import build_model

TOLD = {
    "vllm": 'Model "my-embed" does not support matryoshka representation, changing output dimensions will lead to poor results.',
    "other": "Unknown field: Dimensions is not permitted for this model",
    "unlike": "temperature is not permitted for this model",
}


class Host(JsonHost):
    """`/WORDS/LENGTH/...`: refuses a request that names a length; its vectors have LENGTH numbers."""

    def reply(self, path, raw):
        body, (words, length, *_) = json.loads(raw), path
        self.server.asked.append(body.get("dimensions"))
        if "dimensions" in body:
            return 400, {"object": "error", "message": TOLD[words], "type": "BadRequestError", "code": 400}, JSON
        return 200, {"data": [{"index": 0, "embedding": [0.5] * int(length)}]}, JSON


@pytest.fixture(scope="module")
def host():
    with hosting(Host, []) as server:
        yield server


def fields(host, words, length):
    base = f"http://127.0.0.1:{host.server_port}/{words}/{length}/v1"
    return {"provider": "openai", "model": "my-embed", "api_key": "sk-0123456789", "api_base": base, "dimension": 8}


def library(host, serve, words, length):
    del serve
    embedder = build_model(EmbeddingModelConfig(**fields(host, words, length)), "dense")
    try:
        return [_length(lambda: embedder.embed("a")) for _ in "ab"]
    finally:
        embedder.close()


def library_async(host, serve, words, length):
    del serve

    async def main():
        embedder = build_model(EmbeddingModelConfig(**fields(host, words, length)), "dense")
        found = await asyncio.gather(embedder.embed_async("a"), return_exceptions=True)
        found += await asyncio.gather(embedder.embed_async("a"), return_exceptions=True)
        await embedder.aclose()
        return found

    return [one.status_code if isinstance(one, Exception) else len(one.dense_vector) for one in asyncio.run(main())]


def _length(ask):
    try:
        return len(ask().dense_vector)
    except Exception as exc:
        return exc.status_code


def transport(host, serve, words, length):
    del serve
    row = fields(host, words, length)
    rows = [Credential("a", "openai", "my-embed", api_key=Secret("k"), endpoint=row["api_base"])]
    with httpx2.Client(transport=FailoverTransport(rows, family="embedding")) as http:
        body = {"model": "m", "input": "a", "dimensions": 8}
        return [_read(one.status_code, one.json()) for one in (http.post("https://any.example/v1/embeddings", json=body) for _ in "ab")]


def gateway(host, serve, words, length):
    rows = "\n".join(f"{name} = {json.dumps(value)}" for name, value in fields(host, words, length).items())
    running = serve(f"[embedding.dense]\n{rows}\n{SETTINGS}")
    found = [running.ask(path="/v1/embeddings", body={"model": "embedding", "input": "a", **more}) for more in ({}, {"dimensions": 8})]
    return [_read(status, told) for status, _, told in found]


def _read(status, told):
    return len(told["data"][0]["embedding"]) if status == 200 else status


@pytest.mark.parametrize("way", [library, library_async, transport, gateway])
def test_the_field_is_left_out_where_it_is_refused(host, serve, way):
    """Asked twice once, then never again with the field; where the length is another one, the host's own words stand."""
    for words in ("vllm", "other"):
        host.asked.clear()
        assert way(host, serve, words, 8) == [8, 8]
        assert host.asked == [8, None, None]
    host.asked.clear()
    assert way(host, serve, "vllm", 16) == [400, 400]
    assert host.asked == [8, None] * 2
    host.asked.clear()
    assert way(host, serve, "unlike", 8) == [400, 400]
    assert host.asked == [8, 8]
