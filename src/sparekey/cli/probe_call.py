"""One tiny real call with one credential, and what came of it."""

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
"""Enough for the word; also the least that some of OpenAI's models take. A model that thinks it away still counts as working."""
_TOUCHED: Final = ("chat.completions", "embeddings", "messages", "models")
"""What SDKs import only when it is first touched."""
_SHORT: Final = 12
"""Characters of an answer that are shown."""
CANARIES: Final = (
    "A spare key hangs behind the door.",
    "The train to Lisbon leaves at noon.",
    "Die Bäckerei öffnet um sieben Uhr.",
    "水在零度结冰。",
)
"""Texts of different topics and languages, so that two models that differ anywhere differ here."""
SETUP: Final = frozenset({"no_key", "missing_extra", "wrong_configuration"})
"""Reasons that lie in this configuration or installation: a chain with such a credential cannot be built."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one credential.

    Attributes:
        chain: the chain's path in the configuration (`vlm`, `embedding.dense`).
        seconds: how long the call took; None if it never came to one.
        error_class: the class of the failure, or the empty string; `configuration` for what lies on this side.
        reason: the finer cause.
        message: the provider's words, or what it answered in short.
        remedy: what to do, one sentence.
        vectors: the results of the canaries, of embeddings.
        cosine: how far its vectors agree with those of the chain's first working credential (1: the same).
        evidence: how much the failure proves (`certain`, `likely`, `possible`); empty where nothing failed at a provider.
        twin_of: the credential before it that is the same once more: same key, address and model; the two count as one.
        shares_key_with: the credential before it that has its key, too, at another address or for another model.
        left_out: its key cannot be found, and the others serve without it.
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
    """A credential that is to be tried.

    Attributes:
        name: the chain's path in the configuration.
        chain: the chain.
        index: the credential's place in it.
        compare: whether its vectors are to be compared with others'.
    """

    name: str
    chain: BaseChain[Any]
    index: int
    compare: bool = False

    @property
    def blank(self) -> Finding:
        """Nothing found yet."""
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
        """Make the call; whatever goes wrong becomes part of the finding."""
        start = time.perf_counter()
        try:
            message, vectors = self._call(instance)
        except Exception as exc:  # noqa: BLE001 - a provider's SDK raises anything
            return _failed(self.blank, exc, time.perf_counter() - start)
        else:
            return replace(self.blank, ok=True, seconds=time.perf_counter() - start, message=message, vectors=vectors)
        finally:
            with suppress(Exception):  # the result is in; how an SDK parts from its sockets tells nothing about the credential
                instance.close()

    def silent(self, timeout: float) -> Finding:
        """Return the finding of a call that gave no sign in time."""
        return _failed(self.blank, TimeoutError(f"no answer within {timeout:g} s"), None)

    def _call(self, instance: Any) -> tuple[str, tuple[EmbedResult, ...]]:
        if self.chain.family == "vlm":
            return f"answered {_short(str(instance.get_completion(QUESTION, thinking=False, max_tokens=MAX_TOKENS)))}", ()
        results = tuple(instance.embed_batch(list(CANARIES)) if self.compare else [instance.embed(CANARIES[0])])
        return _shape(results[0]), results


def _connectable(instance: Any) -> None:
    """Let the SDK be imported and its client be made now: that is no part of the provider's latency."""
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
