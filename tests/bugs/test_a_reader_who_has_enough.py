"""`sparekey chat hi | head -c 40` said that a credential had failed."""

import subprocess
import sys

import pytest

from sparekey.lab.simulator import Simulator


@pytest.mark.parametrize("arguments", [[], *(pytest.param([other], marks=pytest.mark.slow) for other in ("--no-stream", "--json"))])
def test_nobody_is_blamed(tmp_path, arguments):
    """Whoever reads the output may go when there is enough of it: no word, no failure."""
    with Simulator() as simulator:
        provider = simulator.provider("p", text="many words " * 20_000)
        (tmp_path / "sparekey.toml").write_text(
            f'[vlm]\nprovider = "openai"\nmodel = "m"\n[[vlm.credentials]]\napi_key = "sk-1"\napi_base = "{provider.base_url}"\n'
        )
        chat = [sys.executable, "-m", "sparekey", "chat", "hi", *arguments]
        with subprocess.Popen(chat, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert len(process.stdout.read(40)) == 40
            process.stdout.close()
            said = process.stderr.read().decode()
            assert process.wait(30) == 0
            assert "error" not in said
            assert "fail" not in said
