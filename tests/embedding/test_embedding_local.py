"""The local backend: where models are looked for, and a real GGUF model where llama-cpp-python is installed."""

import asyncio
import sys

import pytest

from sparekey.embedding import EmbedderFactory
from sparekey.embedding.backends.local import find_model
from sparekey.errors import ConfigError, MissingExtraError, VectorSpaceError
from sparekey.stats.tokens import TokenTracker


def test_a_model_is_found_by_path_and_in_the_cache(tmp_path):
    """`model_path` names the file; else `<model>.gguf` in `cache_dir`."""
    file = tmp_path / "tiny.gguf"
    file.touch()
    assert find_model("any", str(file), None) == find_model("tiny", None, str(tmp_path)) == file


def test_a_missing_model_says_where_it_belongs(tmp_path):
    """Nothing is downloaded; the error names the place and, for the default model, where to get it."""
    with pytest.raises(ConfigError, match="nowhere"):
        find_model("any", str(tmp_path / "nowhere.gguf"), None)
    with pytest.raises(ConfigError, match=r"bge-small-zh-v1\.5-f16\.gguf; get it from https"):
        find_model("bge-small-zh-v1.5-f16", None, str(tmp_path))


def test_without_the_library_the_extra_is_named(monkeypatch):
    """Where llama-cpp-python is missing, the error says what to install."""
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(MissingExtraError, match=r"sparekey\[local\]"):
        EmbedderFactory.create({"provider": "local"})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Write a tiny GGUF model; skip where it could not be run."""
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    pytest.importorskip("gguf", reason="the gguf package, which writes the model, is not installed")
    from tiny_gguf import write_model

    return write_model(tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture
def embedder(model):
    """Load the tiny model."""
    config = {"provider": "local", "model": "tiny", "cache_dir": str(model.parent), "token_tracker": TokenTracker(), "max_retries": 0}
    made = EmbedderFactory.create(config)
    yield made
    made.close()


def test_a_real_model_embeds(embedder):
    """Texts get vectors of the model's width, equal for equal texts, and tokens are counted."""
    first, second, again = embedder.embed_batch(["a spare key", "under the stone", "a spare key"])
    assert len(first.dense_vector) == embedder.get_dimension() == 32
    assert first.dense_vector == pytest.approx(again.dense_vector, abs=1e-5)
    assert first.dense_vector != pytest.approx(second.dense_vector, abs=1e-3)
    assert embedder.token_tracker.total.prompt_tokens > 0


def test_a_real_model_on_the_event_loop(embedder):
    """The event loop gets the same vectors, one inference at a time."""

    async def both():
        return await asyncio.gather(embedder.embed_async("a spare key"), embedder.embed_async("the door"))

    assert asyncio.run(both())[0].dense_vector == pytest.approx(embedder.embed("a spare key").dense_vector, abs=1e-5)


def test_a_query_gets_its_prefix(model):
    """`query_param` is put before the text of a query."""
    config = {"provider": "local", "model_path": str(model), "model": "tiny", "query_param": "the door ", "token_tracker": TokenTracker()}
    embedder = EmbedderFactory.create(config)
    assert embedder.embed_query("key").dense_vector == pytest.approx(embedder.embed("the door key").dense_vector, abs=1e-5)
    embedder.close()


def test_a_wrong_dimension_is_refused(model):
    """A local model has the length it has."""
    embedder = EmbedderFactory.create({"provider": "local", "model_path": str(model), "dimension": 7, "token_tracker": TokenTracker()})
    with pytest.raises(VectorSpaceError, match="32 dimensions where 7"):
        embedder.embed("a key")
    embedder.close()
