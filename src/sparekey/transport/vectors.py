"""The length that all vectors of a chain share. A vector of another length is never passed on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sparekey.config.spaces import natural_space, of_models
from sparekey.engine.vector_length import learn_length
from sparekey.errors import IncompleteAnswerError, VectorSpaceError
from sparekey.providers import embedding_model, find, takes_length
from sparekey.wire.embeddings import asked_lengths, names_length, refuses_length
from sparekey.wire.format import NoAnswerError
from sparekey.wire.vector_bytes import admitted, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.config.embedding import EmbeddingModelConfig
    from sparekey.engine import Chain
    from sparekey.transport.refusals import Refused
    from sparekey.types import Credential
    from sparekey.wire.request import Target, WireRequest


_MOST_LEARNT: Final = 256
_ARK_TEXTS: Final = re.compile(r"doubao-embedding(?:-large)?-text\b")


def parameter(config: EmbeddingModelConfig, provider: str, model: str | None) -> Mapping[str, Any]:
    """Return the field that asks a credential's provider for the chain's declared length.

    Nothing is asked where the model gives that length anyway, or has no other and its host refuses the field.
    """
    found = embedding_model(provider, model)
    if (
        not config.dimension
        or shortens(config, provider, model)
        or (found and found.default == config.dimension)
        or not takes_length(provider, model)
    ):
        return {}
    row = find(provider)
    return {row.embeddings.length_field if row and row.embeddings else "dimensions": config.dimension}


def shortens(config: EmbeddingModelConfig, provider: str, model: str | None) -> bool:
    """Tell whether vectors are shortened here, as the library does it: where it is configured, and of Ark's models for texts.

    Ark's endpoint for texts takes no length: its documentation says to cut and scale.
    """
    return config.shorten == "here" or (provider == "volcengine" and _ARK_TEXTS.match((model or "").lower()) is not None)


def vectors_of(config: EmbeddingModelConfig) -> Vectors | None:
    """Return what the vectors of a chain must be like; None if it has none that are dense."""
    if config.kind == "sparse":
        return None
    cut = any(shortens(config, one.provider or "", one.model) for one in config.credentials)
    return Vectors(config.dimension, config.known_dimension, cut=config.dimension if cut else None)


def vectors_of_chain(chain: Chain, space: str | None) -> Vectors:
    """Return what the vectors of a chain must be like that no configuration describes.

    Raises:
        VectorSpaceError: its models are different, or give vectors of different lengths, and `space` does not say that they share one.
    """
    name, length = of_models(chain.credentials, space)
    return Vectors(usual=length, space=name)


class RefusedLengths:
    """Which credentials refuse a request that names the length of its vectors, learnt for models that no table lists."""

    def __init__(self, targets: Mapping[str, Target]) -> None:
        """Take where the requests of each credential go."""
        self._targets, self._known = targets, set[tuple[str, str]]()

    @property
    def knows_any(self) -> bool:
        """Whether any credential is known to refuse a length."""
        return bool(self._known)

    def spared(self, call: WireRequest, credential: Credential) -> WireRequest:
        """Return a request as it goes to a credential: without a length that its host is known to refuse."""
        return call._replace(lengthless=True) if self._known and self._key(call, credential) in self._known else call

    def without(self, call: WireRequest, credential: Credential, refused: Refused) -> WireRequest | None:
        """Return the request without its length, where that may be what the host refuses; None: it is something else."""
        target = self._targets[credential.id]
        if call.lengthless or call.dialect != "openai" or not names_length(call, target.body):
            return None
        if embedding_model(credential.provider, target.model or call.model) is not None:
            return None
        refused_length = refuses_length(refused.status_code, refused.body.decode("utf-8", "replace"))
        return call._replace(lengthless=True) if refused_length else None

    def learn(self, call: WireRequest, credential: Credential) -> None:
        """Remember that a host gave without a length what it refused with one."""
        if len(self._known) < _MOST_LEARNT:
            self._known.add(self._key(call, credential))

    def _key(self, call: WireRequest, credential: Credential) -> tuple[str, str]:
        return credential.id, self._targets[credential.id].model or call.model


@dataclass(slots=True)
class Vectors:
    """What the vectors of a chain must be like.

    Attributes:
        declared: the length in the configuration: no request may ask for another.
        usual: the length of vectors for which no length was asked: declared, else the model's own, else that of the first that came.
        chain: remembers that one, under the name of its space; None: it is remembered here.
        space: that name.
        cut: the length to which longer vectors are shortened here; None: they are not.
    """

    declared: int | None = None
    usual: int | None = None
    chain: Chain | None = None
    space: str = ""
    cut: int | None = None

    def remembered_by(self, chain: Chain) -> None:
        """Keep what is learnt with the state of a chain."""
        first = chain.credentials[0]
        self.chain, self.space = chain, self.space or natural_space(first.provider, first.model)

    def refusal(self, call: WireRequest) -> str:
        """Return why a request cannot be served before anybody is asked, or "": it asks for another length than the declared one."""
        if not self.declared or all(wanted in {None, self.declared} for wanted in asked_lengths(call)):
            return ""
        return f"the vectors of this model have {self.declared} dimensions; ask for {self.declared}, or leave the length out"

    def admit(self, credential_id: str, call: WireRequest, body: bytes) -> bytes | None:
        """Let an answer through whose vectors are good, as many as the inputs, and as long as they must be.

        Returns:
            The body, where vectors had to be encoded as the request asks for; None if it is good as it came.

        Raises:
            VectorSpaceError: one has another length.
            IncompleteAnswerError: one is no vector, or they are not as many as the inputs.
        """
        try:
            found = admitted(call, body)
            if found is not None and self.cut and (short := shortened(call.dialect, found.body or body, self.cut)) is not None:
                found = admitted(call, short)
                found = found and found._replace(body=found.body or short)
        except NoAnswerError as exc:
            raise IncompleteAnswerError(f"{credential_id!r} gave {exc}") from None
        if found is None:
            return None
        wanted = asked_lengths(call)
        each = wanted if len(wanted) == len(found.lengths) else wanted[:1] * len(found.lengths)
        for length, one in zip(found.lengths, each, strict=True):
            self._one(credential_id, length or 0, one)
        return found.body

    def _one(self, credential_id: str, length: int, wanted: int | None) -> None:
        if wanted is None and self.usual is None:
            self.usual = length if self.chain is None else learn_length(self.chain, self.space, length)
        if length != (expected := wanted or self.usual):
            raise VectorSpaceError(f"{credential_id!r} gave a vector of {length} dimensions where {expected} are expected")
