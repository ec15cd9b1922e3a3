"""Record what a library sends for each `ov.conf`: one line of JSON for each configuration.

    python sent.py openviking FORMS OUT     the real package
    python sent.py sparekey FORMS OUT       this one

It runs in the Python of either environment. Nothing leaves the machine: every HTTP client is
replaced by one that records its request and stops.
"""

# ruff: noqa: PLC0415 - each of the two environments has what it needs, and not what the other one needs

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6300010000000500010d0a2db40000000049454e44ae426082"
)
SHOWN = ("authorization", "api-key", "x-api-key", "x-goog-api-key", "http-referer", "x-openrouter-title", "groupid", "x-team")


class SentError(BaseException):
    """A request that would have been sent.

    It derives from BaseException, so that no handler holds it up.
    """

    def __init__(self, method: str, url: str, headers: Any, body: bytes | str | None) -> None:
        """Keep what distinguishes two requests."""
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""
        try:
            content = json.loads(text)
        except ValueError:
            content = text
        lower = {str(name).lower(): str(value) for name, value in dict(headers).items()}
        self.request = {
            "url": f"{method} {url}",
            "headers": {name: lower[name] for name in SHOWN if name in lower},
            "body": content,
        }


def capture() -> None:
    """Replace every HTTP client by one that only records."""
    os.environ["DISABLE_AIOHTTP_TRANSPORT"] = "True"
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import importlib

    import requests

    def send(_: Any, request: Any, **__: Any) -> Any:
        raise SentError(request.method, str(request.url), request.headers, request.read())

    async def send_async(_: Any, request: Any, **__: Any) -> Any:
        raise SentError(request.method, str(request.url), request.headers, await request.aread())

    for name in ("httpx", "httpx2"):
        try:
            module: Any = importlib.import_module(name)
        except ImportError:
            continue
        module.Client.send, module.AsyncClient.send = send, send_async
    requests.Session.send = lambda _, request, **__: send(  # type: ignore[method-assign]
        _, _Prepared(request.method, request.url, request.headers, request.body)
    )


class _Prepared:
    """A request of the library `requests`, in the form of httpx."""

    def __init__(self, method: str, url: str, headers: Any, body: Any) -> None:
        self.method, self.url, self.headers, self._body = method, url, headers, body

    def read(self) -> Any:
        return self._body


def sent(call: Any) -> Any:
    """Return the request that a call would send, or the exception that it raises."""
    try:
        answer = call()
        if asyncio.iscoroutine(answer):
            answer = asyncio.run(answer)
    except SentError as sent_request:
        return sent_request.request
    except Exception as exc:  # noqa: BLE001 - reported, whatever it is
        return f"{type(exc).__name__}: {str(exc)[:300]}"
    return f"no request; {type(answer).__name__}"


def requests_of(vlm: Any, embedder: Any) -> dict[str, Any]:
    """Return the requests of every method of a VLM and an embedder, sync and async, by name."""
    found: dict[str, Any] = {}
    for index, one in enumerate(_members(vlm)):
        found[f"chat {index}"] = sent(lambda one=one: one.get_completion(prompt="hi"))
        found[f"chat async {index}"] = sent(lambda one=one: one.get_completion_async(prompt="hi"))
        found[f"vision {index}"] = sent(lambda one=one: one.get_vision_completion(prompt="what", images=[PIXEL]))
    for index, one in enumerate(_members(embedder)):
        found[f"document {index}"] = sent(lambda one=one: one.embed("hello"))
        found[f"query {index}"] = sent(lambda one=one: one.embed("hello", is_query=True))
    return found


def _members(whole: Any) -> list[Any]:
    if whole is None:
        return []
    for name in ("_vlm_instances", "_embedders"):
        if isinstance(found := getattr(whole, name, None), list):
            return found
    if parts := [part for name in ("dense_embedder", "sparse_embedder") if (part := getattr(whole, name, None)) is not None]:
        return [one for part in parts for one in _members(part)]
    return [whole]


def openviking(file: Path) -> dict[str, Any]:
    """Load a file with OpenViking, and return what it would send."""
    from openviking_cli.utils.config.config_loader import load_json_config
    from openviking_cli.utils.config.embedding_config import EmbeddingConfig
    from openviking_cli.utils.config.vlm_config import VLMConfig

    data = load_json_config(file)
    vlm = VLMConfig(**data["vlm"]) if data.get("vlm") else None
    embedding = EmbeddingConfig(**data["embedding"]) if data.get("embedding") else None
    return requests_of(vlm.get_vlm_instance() if vlm else None, embedding.get_embedder() if embedding else None)


def sparekey(file: Path) -> dict[str, Any]:
    """Load a file with sparekey, and return what it would send."""
    from sparekey import load_config

    config = load_config(file)
    vlm = config.vlm.get_vlm_instance() if config.vlm else None
    return requests_of(vlm, config.embedding.get_embedder() if config.embedding else None)


def main(which: str, forms: str, out: str) -> None:
    """Write the record of each form; what the libraries print is kept apart."""
    capture()
    load = {"openviking": openviking, "sparekey": sparekey}[which]
    words: list[str] = []
    keep = logging.Handler()
    keep.emit = lambda record: words.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("sparekey").addHandler(keep)
    found: list[str] = []
    folder = Path(tempfile.mkdtemp())
    for line in Path(forms).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        os.environ.update(row.get("environ", {}))
        file = folder / "ov.conf"
        file.write_text(json.dumps(row["conf"]), encoding="utf-8")
        words.clear()
        try:
            record: dict[str, Any] = {"loads": True, "sends": load(file)}
        except SentError as asked:
            record = {"loads": True, "sends": {"made": asked.request}}
        except Exception as exc:  # noqa: BLE001 - reported, whatever it is
            record = {"loads": False, "why": f"{type(exc).__name__}: {str(exc)[:600]}"}
        for name in row.get("environ", {}):
            os.environ.pop(name, None)
        found.append(json.dumps({"form": row["form"], **record, "words": [*words]}))
    Path(out).write_text("\n".join(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
