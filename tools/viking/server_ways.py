"""OpenViking's own server in three ways, with the first of two keys out of quota.

The ways are: alone, with sparekey's wrappers, and behind sparekey's gateway.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from processes import answers, free_port, process
from sparekey.lab.simulator import Simulator, faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sparekey.lab.simulator import Provider

WAYS = ("alone", "library", "gateway")
DEAD, SPARE = "sk-dead-0123456789abcdef", "sk-spare-0123456789abcdef"
TEXT = "# Summary\n\nThis document is about spare keys that hang behind a door.\n\n## Details\n\nEach door has two keys."
DOCUMENT = """# Spare keys

A spare key hangs behind the door. When the first one breaks, the second one opens the door at once.

## Why

Nobody wants to stand outside in the rain. A key that is broken is put aside and tried again later.
"""
_START_SECONDS = 120.0
_DIMENSION = 64


@dataclass(slots=True)
class Outcome:
    """The result of one way.

    Attributes:
        way: `alone`, `library` or `gateway`.
        seconds: from the request to the overview.
        dead: the requests that the dead key got, as (chats, embeddings).
        spare: the requests that the spare got.
        told: what the visitor saw.
        log: the last lines of the server's log, if something went wrong.
    """

    way: str
    seconds: float = 0.0
    dead: tuple[int, int] = (0, 0)
    spare: tuple[int, int] = (0, 0)
    told: dict[str, Any] = field(default_factory=dict)
    log: str = ""


def run(way: str, python: Path) -> Outcome:
    """Run OpenViking's server one way, and add a document to it.

    Args:
        way: one of `WAYS`.
        python: the Python of an environment with OpenViking and sparekey.
    """
    with Simulator() as simulator, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        providers = [simulator.provider(one, text=TEXT, dimension=_DIMENSION, space="m") for one in ("dead", "spare")]
        providers[0].fail(faults.quota())
        with _gateway(folder, providers) if way == "gateway" else contextlib.nullcontext() as gateway:
            file = folder / "ov.conf"
            file.write_text(json.dumps(_settings(folder, providers, gateway)), encoding="utf-8")
            return _visited(way, python, folder, file, providers)


def _visited(way: str, python: Path, folder: Path, file: Path, providers: list[Provider]) -> Outcome:
    document, log, port = folder / "spare-keys.md", folder / "server.log", free_port()
    document.write_text(DOCUMENT, encoding="utf-8")
    module = "sparekey.compat.openviking" if way == "library" else "openviking_cli.server_bootstrap"
    starting = [str(python), "-m", module] if way == "library" else [str(python), "-c", f"from {module} import main; main()"]
    arguments = ["--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
    outcome = Outcome(way)
    with process([*starting, *arguments], log, {"HOME": str(folder), "OPENVIKING_CONFIG_FILE": str(file)}):
        if not answers(f"http://127.0.0.1:{port}/health", _START_SECONDS):
            outcome.told = {"error": f"the server did not start within {_START_SECONDS:g} s"}
        else:
            begun = time.monotonic()
            visit = [str(python), str(Path(__file__).with_name("visit.py")), f"http://127.0.0.1:{port}", str(document)]
            done = subprocess.run(visit, capture_output=True, text=True, check=False, timeout=400)
            outcome.seconds = time.monotonic() - begun
            lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
            outcome.told = json.loads(lines[-1]) if lines else {"error": done.stderr[-600:]}
            outcome.told["usage"] = _usage(port)
    outcome.dead, outcome.spare = (_asked(one) for one in providers)
    outcome.log = log.read_text(encoding="utf-8", errors="replace")[-3000:]
    return outcome


def _settings(folder: Path, providers: list[Provider], gateway: str | None) -> dict[str, Any]:
    if gateway:
        credentials = [{"id": "gateway", "provider": "openai", "api_key": "none", "api_base": f"{gateway}/v1"}]
        chat, embedding = "chat", "embedding"
    else:
        pairs = zip(("dead", "spare"), (DEAD, SPARE), providers, strict=True)
        credentials = [{"id": i, "provider": "openai", "api_key": key, "api_base": one.base_url} for i, key, one in pairs]
        chat, embedding = "sim-chat", "sim-embed"
    return {
        "storage": {"workspace": str(folder / "data"), "vectordb": {"name": "context", "backend": "local"}, "agfs": {"backend": "local"}},
        "embedding": {"dense": {"provider": "openai", "model": embedding, "dimension": _DIMENSION, "credentials": credentials}},
        "vlm": {"model": chat, "max_retries": 0, "credentials": credentials},
        "server": {"host": "127.0.0.1"},
    }


@contextlib.contextmanager
def _gateway(folder: Path, providers: list[Provider]) -> Iterator[str]:
    """Run sparekey's gateway in front of both providers, set up as an ov.conf would set it up."""
    pairs = zip(("dead", "spare"), (DEAD, SPARE), providers, strict=True)
    rows = [{"id": i, "provider": "openai", "api_key": key, "api_base": one.base_url} for i, key, one in pairs]
    config = {
        "vlm": {"model": "sim-chat", "credentials": rows},
        "embedding": {"dense": {"model": "sim-embed", "dimension": _DIMENSION, "credentials": rows}},
    }
    file, port = folder / "sparekey.json", free_port()
    file.write_text(json.dumps(config), encoding="utf-8")
    command = [sys.executable, "-m", "sparekey", "serve", "--config", str(file), "--port", str(port), "--store", "memory"]
    with process(command, folder / "gateway.log", {}):
        if not answers(f"http://127.0.0.1:{port}/healthz", _START_SECONDS):
            raise RuntimeError((folder / "gateway.log").read_text(encoding="utf-8")[-800:])
        yield f"http://127.0.0.1:{port}"


def _usage(port: int) -> Any:
    url = f"http://127.0.0.1:{port}/api/v1/observer/models"
    with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read()).get("result")
    return None


def _asked(provider: Provider) -> tuple[int, int]:
    paths = [request.path for request in provider.requests]
    return sum("chat" in path for path in paths), sum("embed" in path for path in paths)
