"""An answer that cannot be written was told as a fault of the provider's, and any other output as one of sparekey's own."""

import subprocess
import sys
from pathlib import Path

import pytest

from sparekey.lab.simulator import Simulator

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


@pytest.mark.parametrize("words", [("chat", "hi"), ("--help",)])
def test_it_is_told_as_what_it_is(tmp_path, words):
    """Exit code 1, the system's own words, no credential and no class of error."""
    with Simulator() as simulator:
        rows = f'[[vlm.credentials]]\nid = "a"\napi_key = "k"\napi_base = "{simulator.provider("p").base_url}"\n'
        (tmp_path / "sparekey.toml").write_text(f'[vlm]\nprovider = "openai"\nmodel = "m"\n{rows}')
        with FULL.open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "sparekey", *words], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
    assert done.returncode == 1
    assert done.stderr.splitlines()[:2] == ["✗ error: the output could not be written", "  No space left on device"]
    assert "provider" not in done.stderr
