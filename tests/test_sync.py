"""Synchronous code that is generated from asynchronous code is what its source gives."""

import subprocess
import sys
from pathlib import Path

import pytest

sync = pytest.importorskip("sync", reason="tools/sync.py is not here")
ROOT = Path(__file__).parent.parent


def test_every_twin_is_what_its_source_gives():
    """Whoever changes a source runs `make sync`, and nobody changes a twin by hand."""
    found = subprocess.run([sys.executable, ROOT / "tools" / "sync.py", "--check"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("source", "twin"),
    [
        (
            "async def read(self) -> bytes:\n    return await self._stream.read()\n",
            "def read(self) -> bytes:\n    return self._stream.read()\n",
        ),
        ("async with a as b, c:\n    async for d in b:\n        await (d)\n", "with a as b, c:\n    for d in b:\n        (d)\n"),
        ("x = [one async for one in aiter(many)]\n", "x = [one for one in iter(many)]\n"),
        ("class AsyncThing(_AsyncBase): ...\n", "class Thing(_Base): ...\n"),
        ("sleep: Callable[[float], Awaitable[None]] = anyio.sleep\n", "sleep: Callable[[float], None] = time.sleep\n"),
        ('"""An `AsyncThing` that is awaited: async."""\n', '"""An `Thing` that is awaited: sync."""\n'),
        ("await f(\n    a,  # the asynchronous one\n    b,\n)\n", "f(\n    a,  # the synchronous one\n    b,\n)\n"),
        ('name = "async"\nasyncio.run(x)\n', 'name = "async"\nasyncio.run(x)\n'),
    ],
)
def test_what_becomes_of_asynchronous_code(source, twin):
    """Keywords go, names change, everything else stays to the letter."""
    assert sync.unasync(source, {"anyio": "time"}) == twin
