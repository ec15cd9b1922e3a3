"""`sparekey chat` and `sparekey embed`: answers on standard output, notes on standard error."""

from __future__ import annotations

import math
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sparekey.cli import render
from sparekey.cli.inputs import opened
from sparekey.cli.problems import CallFailedError
from sparekey.core.events import AttemptFailed, AttemptSucceeded
from sparekey.errors import ConfigError, InvalidInputError, SparekeyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sparekey.config.chain import BaseChain
    from sparekey.core.events import Event
    from sparekey.embedding.types import EmbedResult

_SHOWN: Final = 8
"""The number of a vector's components that are shown."""


class CallNarrator:
    """Follows one call: prints each failure at once, and remembers which credential answered."""

    def __init__(self, chain: BaseChain[Any], instance: Any) -> None:
        """Follow the instance's chain; an instance without a chain has one credential only."""
        self._models = {str(c.id): c.model or "" for c in chain.credentials}
        self.answered_by = ""
        self.failovers: list[dict[str, Any]] = []
        if (listened := getattr(instance, "chain", None)) is not None:
            listened.add_hook(self._hear)
        else:
            config = getattr(instance, "config", None) or {}
            self.answered_by = str(config.get("credential_id") or chain.credentials[0].id)

    def _hear(self, event: Event) -> None:
        match event:
            case AttemptFailed(credential_id, failure):
                self.failovers.append({"credential": credential_id, "class": failure.error_class, "reason": failure.reason})
                render.note(f"{credential_id} failed: {failure.error_class} ({failure.reason})")
            case AttemptSucceeded(credential_id):
                self.answered_by = credential_id

    def close(self) -> None:
        """Print which credential answered."""
        after = f" after {len(self.failovers)} failed attempt{'s' if len(self.failovers) > 1 else ''}" if self.failovers else ""
        render.note(f"answered by {self.answered_by} ({self._models.get(self.answered_by, '')}){after}")

    def as_dict(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {"credential": self.answered_by, "model": self._models.get(self.answered_by, ""), "failovers": self.failovers}


@contextmanager
def _calling(account: CallNarrator) -> Iterator[None]:
    """Raise a provider's own exception as a `CallFailedError`."""
    try:
        yield
    except (SparekeyError, KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as exc:
        raise CallFailedError(getattr(exc, "sparekey_credential_id", None) or account.answered_by or None) from exc


# ── chat ──


def run_chat(
    prompt: str, path: Path | None, *, images: Sequence[str] = (), system: str | None = None, stream: bool = True, json: bool = False
) -> None:
    """Ask the chat model of a configuration.

    Args:
        prompt: the question.
        path: the configuration; None: searched for.
        images: paths or URLs of images that stand before it.
        system: instructions that stand before both.
        stream: print the answer while it is written.
        json: print JSON: the answer, its usage, who gave it.

    Raises:
        SparekeyError: it could not be answered.
    """
    file, config = opened(path)
    if config.vlm is None:
        raise ConfigError(f"{file}: vlm: is missing; write a [vlm] table to chat with")
    options = _question(prompt, images, system)
    vlm = config.vlm.get_vlm_instance()
    account = CallNarrator(config.vlm, vlm)
    try:
        with _calling(account):
            if json:
                render.as_json(_answer(vlm, options) | account.as_dict())
                return
            _print_stream(vlm, options) if stream else _write(f"{_whole(vlm, options)}\n")
        account.close()
    finally:
        config.close()


def _question(prompt: str, images: Sequence[str], system: str | None) -> dict[str, Any]:
    """Return the arguments of a call: a prompt, or with instructions a conversation.

    Raises:
        InvalidInputError: an image cannot be read; found before anybody is asked.
    """
    parts = [_part(image) for image in images]
    if system is None:
        return {"prompt": prompt, "images": list(images)} if images else {"prompt": prompt}
    content: Any = [*parts, {"type": "text", "text": prompt}] if images else prompt
    return {"messages": [{"role": "system", "content": system}, {"role": "user", "content": content}]}


def _part(image: str) -> dict[str, Any]:
    from sparekey.vlm.images import image_part  # noqa: PLC0415 - only where images are sent

    try:
        return image_part(image)
    except OSError as exc:
        raise InvalidInputError(f"{image}: cannot be read ({exc.strerror})") from exc


def _whole(vlm: Any, options: dict[str, Any]) -> Any:
    return vlm.get_vision_completion(**options) if "images" in options else vlm.get_completion(**options)


def _answer(vlm: Any, options: dict[str, Any]) -> dict[str, Any]:
    answer = _whole(vlm, options)
    return {
        "content": answer.content,
        "reasoning_content": answer.reasoning_content,
        "finish_reason": answer.finish_reason,
        "usage": answer.usage,
    }


def _print_stream(vlm: Any, options: dict[str, Any]) -> None:
    """Print the answer as it arrives, and end its line even after an error."""
    begun = False
    try:
        for chunk in vlm.stream_completion(**options):
            _write(str(chunk))
            begun = begun or bool(str(chunk))
    finally:
        if begun:
            _write("\n")


def _write(text: str) -> None:
    sys.stdout.write(render.clean(text))
    sys.stdout.flush()


# ── embed ──


def run_embed(text: str, path: Path | None, *, query: bool = False, json: bool = False) -> None:
    """Embed a text with the embedder of a configuration.

    Args:
        text: the text.
        path: the configuration; None: searched for.
        query: embed it as a search query.
        json: print JSON, the whole vector in it.

    Raises:
        SparekeyError: it could not be embedded.
    """
    file, config = opened(path)
    if config.embedding is None:
        raise ConfigError(f"{file}: embedding: is missing; write an [embedding.dense] table to embed with")
    embedder = config.embedding.get_embedder()
    parts = {"dense": getattr(embedder, "dense_embedder", None), "sparse": getattr(embedder, "sparse_embedder", None)}
    accounts = [CallNarrator(chain, parts.get(kind) or embedder) for kind, chain in config.embedding.chains.items()]
    if config.embedding.hybrid is not None:
        accounts = accounts[-1:]
    try:
        with _calling(accounts[0]):
            result = embedder.embed(text, is_query=query)
        if json:
            found = vector_dict(result) | {"answered_by": [account.as_dict() for account in accounts]}
            render.as_json(found, indent=None)  # a vector with a number a line is of no use to anybody
            return
        render.facts(render.out(), _described(result))
        for account in accounts:
            account.close()
    finally:
        config.close()


def vector_dict(result: EmbedResult) -> dict[str, Any]:
    """Return a result whole."""
    dense = result.dense_vector
    found: dict[str, Any] = {} if dense is None else {"dimension": len(dense), "norm": math.hypot(*dense), "dense_vector": dense}
    return found if result.sparse_vector is None else {**found, "sparse_vector": result.sparse_vector}


def _described(result: EmbedResult) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if (dense := result.dense_vector) is not None:
        first = " ".join(f"{x:+.6f}" for x in dense[:_SHOWN]) + (" …" if len(dense) > _SHOWN else "")
        rows += [("dimension", str(len(dense))), ("first", first), ("norm", f"{math.hypot(*dense):.6f}")]
    if (sparse := result.sparse_vector) is not None:
        heaviest = sorted(sparse.items(), key=lambda item: -item[1])[:_SHOWN]
        rows += [("weights", str(len(sparse))), ("heaviest", " ".join(f"{name}:{weight:.4f}" for name, weight in heaviest))]
    return rows
