"""One tiny real call with one credential, and its result."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify import classify
from sparekey.classify.reasons import Reason, remedy
from sparekey.embedding.factory import EmbedderFactory
from sparekey.errors import ConfigError, MissingExtraError, describe_exception
from sparekey.vlm.factory import VLMFactory

if TYPE_CHECKING:
    from sparekey.config.chain import BaseChain
    from sparekey.embedding.types import EmbedResult

QUESTION: Final = "Answer with the one word: yes"
MAX_TOKENS: Final = 16
"""The most tokens of the answer: enough for a word, and the least that some of OpenAI's models
take. A model that spends them on reasoning still counts as working."""
_TOUCHED: Final = ("chat.completions", "embeddings", "messages", "models")
"""Modules that SDKs import on first use."""
_SHORT: Final = 12
"""The most characters of an answer that are shown."""
CANARIES: Final = (
    "A spare key hangs behind the door.",
    "The train to Lisbon leaves at noon.",
    "Die Bäckerei öffnet um sieben Uhr.",
    "水在零度结冰。",
)
"""Texts of different topics and languages, so that different models differ on one of them."""
SETUP: Final = frozenset({"no_key", "missing_extra", "wrong_configuration"})
"""Reasons in the configuration or installation: a chain with such a credential cannot be built."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one credential's test.

    Attributes:
        chain: the chain's path in the configuration (`vlm`, `embedding.dense`).
        seconds: how long the call took; None if there was no call.
        error_class: the class of the failure, or ""; `configuration` for a fault on this side.
        reason: the finer cause.
        message: the provider's words, or the beginning of its answer.
        remedy: what to do, in one sentence.
        vectors: the vectors of the canary texts.
        cosine: the cosine with the chain's first working credential (1: equal).
        evidence: how much the failure proves (`certain`, `likely`, `possible`); "" without one.
        twin_of: an earlier credential with the same key, address and model; both count as one.
        shares_key_with: an earlier credential with the same key but another address or model.
        left_out: whether its key is missing and the others serve without it.
    """

    chain: str
    credential: str
    provider: str
    model: str
    ok: bool = False
    seconds: float | None = None
    error_class: str = ""
    reason: str = ""
    status: int | None = None
    message: str = ""
    remedy: str = ""
    vectors: tuple[EmbedResult, ...] = ()
    cosine: float | None = None
    evidence: str = ""
    twin_of: str = ""
    shares_key_with: str = ""
    left_out: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it as `--json` prints it."""
        return {
            "credential": self.credential,
            "provider": self.provider,
            "model": self.model,
            "ok": self.ok,
            "latency_ms": None if self.seconds is None else round(self.seconds * 1000, 1),
            "class": self.error_class or None,
            "reason": self.reason or None,
            "evidence": self.evidence or None,
            "status": self.status,
            "message": self.message,
            "remedy": self.remedy,
            "cosine": None if self.cosine is None else round(self.cosine, 6),
            "same_key_as": self.twin_of or None,
            "shares_key_with": self.shares_key_with or None,
            "left_out": self.left_out,
        }


@dataclass(frozen=True, slots=True)
class ProbeCall:
    """A credential to be tested.

    Attributes:
        name: the chain's path in the configuration.
        chain: the chain.
        index: the credential's place in it.
        compare: whether to compare its vectors with others'.
    """

    name: str
    chain: BaseChain[Any]
    index: int
    compare: bool = False

    @property
    def blank(self) -> Finding:
        """An empty result."""
        credential = self.chain.credentials[self.index]
        return Finding(self.name, str(credential.id), credential.provider or "", credential.model or "")

    def build(self, timeout: float) -> Any:
        """Return the instance of this one credential, ready to call, or the `Finding` if it cannot be built.

        It is built alone, so that a key that is missing elsewhere does not matter here.
        """
        alone = self.chain.model_copy(update={"credentials": [self.chain.credentials[self.index]]})
        try:
            config = {**alone.instance_dicts()[0], "max_retries": 0, "timeout": timeout}
        except (ConfigError, MissingExtraError) as exc:
            return replace(_setup(self.blank, exc, "no_key"), left_out=not self.chain.is_strict)
        try:
            instance = VLMFactory.create(config) if self.chain.family == "vlm" else EmbedderFactory.create(config)
            _connectable(instance)
        except (ConfigError, MissingExtraError) as exc:
            return _setup(self.blank, exc, "wrong_configuration")
        except Exception as exc:  # noqa: BLE001 - an SDK may refuse its arguments with anything
            return _failed(self.blank, exc, None)
        return instance

    def run(self, instance: Any) -> Finding:
        """Make the call; return the finding, which holds any failure."""
        start = time.perf_counter()
        try:
            message, vectors = self._call(instance)
        except Exception as exc:  # noqa: BLE001 - a provider's SDK raises anything
            return _failed(self.blank, exc, time.perf_counter() - start)
        else:
            return replace(self.blank, ok=True, seconds=time.perf_counter() - start, message=message, vectors=vectors)
        finally:
            with suppress(Exception):  # closing an SDK's sockets says nothing about the credential
                instance.close()

    def silent(self, timeout: float) -> Finding:
        """Return the finding of a call that did not end in time."""
        return _failed(self.blank, TimeoutError(f"no answer within {timeout:g} s"), None)

    def _call(self, instance: Any) -> tuple[str, tuple[EmbedResult, ...]]:
        if self.chain.family == "vlm":
            return f"answered {_short(str(instance.get_completion(QUESTION, thinking=False, max_tokens=MAX_TOKENS)))}", ()
        results = tuple(instance.embed_batch(list(CANARIES)) if self.compare else [instance.embed(CANARIES[0])])
        return _shape(results[0]), results


def _connectable(instance: Any) -> None:
    """Import the SDK and create its client now, so that this does not count as latency."""
    clients = getattr(instance, "_clients", None)
    client = instance.get_client() if hasattr(instance, "get_client") else getattr(clients, "sync", None)
    for path in _TOUCHED:
        with suppress(AttributeError):
            attrgetter(path)(client)


def _failed(blank: Finding, exc: Exception, seconds: float | None) -> Finding:
    failure = classify(exc)
    return replace(
        blank,
        seconds=seconds,
        error_class=str(failure.error_class),
        reason=failure.reason,
        evidence=str(failure.evidence),
        status=failure.status,
        message=failure.message or describe_exception(exc),
        remedy=remedy(failure),
    )


def _setup(blank: Finding, exc: Exception, reason: str) -> Finding:
    reason = "missing_extra" if isinstance(exc, MissingExtraError) else reason
    return replace(blank, error_class="configuration", reason=reason, message=str(exc), remedy=Reason(reason).remedy)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return f'"{line[:_SHORT]}{"…" if len(line) > _SHORT else ""}"'


def _shape(result: EmbedResult) -> str:
    parts = [f"{len(result.dense_vector)} dimensions"] if result.dense_vector is not None else []
    parts += [f"{len(result.sparse_vector)} weights"] if result.sparse_vector is not None else []
    return ", ".join(parts)
