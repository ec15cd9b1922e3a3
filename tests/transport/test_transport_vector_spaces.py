"""A chain of credentials under an SDK has one vector space, as a configuration and ready-made embedders have."""

import httpx2
import pytest
from sdk_talk import client, credential

from sparekey import AsyncFailoverTransport, Chain, Credential, FailoverEmbedder, FailoverTransport
from sparekey.embedding import DenseEmbedderBase
from sparekey.errors import VectorSpaceError
from sparekey.transport import http_client, sdk_options

WAYS = {
    "sdk": lambda rows, **more: sdk_options(rows, family="embedding", **more),
    "async-sdk": lambda rows, **more: sdk_options(rows, asynchronous=True, family="embedding", **more),
    "gemini-or-openai": lambda rows, **more: sdk_options(Chain(rows), sdk="azure", family="embedding", **more),
    "client": lambda rows, **more: http_client(Chain(rows), family="embedding", **more),
    "transport": lambda rows, **more: FailoverTransport(rows, family="embedding", **more),
    "async-transport": lambda rows, **more: AsyncFailoverTransport(Chain(rows), family="embedding", **more),
    "embedder": lambda rows, **more: FailoverEmbedder([Named(row.model) for row in rows], [row.id for row in rows], **more),
}
KNOWN = ("text-embedding-3-small",)
APART = [("model-a", "model-b"), ("bge-m3", "BAAI/bge-m3", "nomic-embed-text"), ("our-own", None, "e5-large")]
ONE = [("m", "m"), ("bge-m3", "BAAI/bge-m3:latest"), ("m", None), (None, None)]


class Named(DenseEmbedderBase):
    """A ready-made embedder that says no more than its model."""

    def __init__(self, model):
        super().__init__(model or "", {"provider": "openai"})

    def embed(self, content, is_query=False):
        raise NotImplementedError


def rows_of(models):
    return [Credential(f"c{i}", "openai", model, api_key=None) for i, model in enumerate(models)]


@pytest.mark.parametrize("way", WAYS)
def test_models_of_two_spaces_are_refused_at_the_start(way):
    """Unless `space` says that they share one."""
    for models in APART:
        with pytest.raises(VectorSpaceError, match=r"one chain, one vector space: 'c0' gives vectors of .*give `space` its name"):
            WAYS[way](rows_of(models))
        WAYS[way](rows_of(models), space="ours")
    for models in ONE:
        WAYS[way](rows_of(models))


@pytest.mark.parametrize("way", WAYS)
def test_lengths_that_are_known_to_differ_share_no_space(way):
    """Whatever `space` says."""
    with pytest.raises(VectorSpaceError, match="1536 dimensions, 'c1' gives vectors of 3072"):
        WAYS[way](rows_of(["text-embedding-3-small", "text-embedding-3-large"]), space="ours")


def test_chat_models_have_no_space():
    """A chain of two of them is what failover is for."""
    assert FailoverTransport(rows_of(["model-a", "model-b"]))


def test_a_known_model_gives_vectors_of_its_length(provide):
    """Others are not handed on; those of a length that the request names are."""
    first, second = provide("first", "second", dimension=1536, models=KNOWN)
    rows = [credential(one, model="text-embedding-3-small") for one in (first, second)]
    with httpx2.Client(transport=FailoverTransport(rows, family="embedding")) as http:
        for asked, length in ((None, 1536), (256, 256)):
            body = {"model": "m", "input": "a", **({"dimensions": asked} if asked else {})}
            told = http.post("https://any.example/v1/embeddings", json=body).json()
            assert len(told["data"][0]["embedding"]) == length
    short, whole = provide("short", dimension=8, models=KNOWN) + provide("whole", dimension=1536, models=KNOWN)
    rows = [credential(one, model="text-embedding-3-small") for one in (short, whole)]
    with client("openai", rows, family="embedding") as made:
        assert len(made.embeddings.create(model="m", input="a").data[0].embedding) == 1536
    assert (len(short.requests), len(whole.requests)) == (1, 1)
