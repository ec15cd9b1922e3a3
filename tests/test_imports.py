"""What `import sparekey` costs and gives."""

import json
import subprocess
import sys

import pytest

import sparekey

SDKS = {
    *("openai", "anthropic", "google.genai", "volcenginesdkarkruntime", "litellm", "cohere", "voyageai", "dashscope", "ollama"),
    *("httpx", "httpx2", "requests", "aiohttp", "botocore", "grpc", "keyring", "llama_cpp", "pydantic", "rich", "typer", "h11", "asyncio"),
}


def fresh(code):
    """What `code` prints in a fresh interpreter, read as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_importing_loads_no_sdk():
    """Nor pydantic, nor anything else that a program may not need."""
    loaded = fresh("import sparekey, sys, json; print(json.dumps(sorted(sys.modules)))")
    assert not SDKS & set(loaded)


def test_importing_loads_next_to_nothing():
    """The names come when they are used: the package itself and its lazy table, beside it only the table of former names."""
    loaded = fresh("import sparekey, sys, json; print(json.dumps(sorted(m for m in sys.modules if m.startswith('sparekey'))))")
    assert loaded == ["sparekey", "sparekey._former"]


def test_the_engine_loads_no_sdk():
    """Calls with one's own functions need the standard library alone; an SDK's errors are known by their names."""
    code = (
        "import sparekey, sys, json\n"
        "f = sparekey.Failover([sparekey.Credential('a'), sparekey.Credential('b')])\n"
        "def call(c):\n"
        "    if c.id == 'a': raise TimeoutError\n"
        "    return c.id\n"
        "assert f.call(call) == 'b'\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    assert not (SDKS - {"asyncio"}) & set(fresh(code))


@pytest.mark.parametrize("name", sparekey.__all__)
def test_every_public_name_resolves(name):
    """Each name of the table is where the table says."""
    assert getattr(sparekey, name) is not None
    assert name in dir(sparekey)


def test_an_unknown_name_is_an_attribute_error():
    """As with any module."""
    with pytest.raises(AttributeError, match="module 'sparekey' has no attribute 'nothing'"):
        _ = sparekey.nothing


def test_a_star_import_gives_the_public_names():
    """All of them, and nothing private."""
    names = fresh("import json\nfrom sparekey import *\nprint(json.dumps([n for n in dir() if n[0] != '_' and n != 'json']))")
    assert set(names) == {n for n in sparekey.__all__ if not n.startswith("_")}
