"""The configuration of embeddings: `EmbeddingConfig` with its dense, sparse and hybrid chains."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from sparekey.config import legacy, spaces
from sparekey.config.base import Body, Count, Line, Positive, Span, Strict
from sparekey.config.chain import BaseChain, BaseCredential, ConnectionFields, building
from sparekey.config.faults import Fault, Faults
from sparekey.errors import ConfigError
from sparekey.providers import EmbeddingKind, Family, embedding_model

if TYPE_CHECKING:
    from sparekey.embedding.base import EmbedderBase

KINDS: tuple[EmbeddingKind, ...] = ("dense", "sparse", "hybrid")


class _EmbeddingFields(ConnectionFields):
    space: Line | None = Field(
        None, description="Name of the vector space. Credentials of different models may stand in one chain only under the same name."
    )


class EmbeddingCredential(_EmbeddingFields, BaseCredential):
    """One credential of an embedding model."""


class EmbeddingModelConfig(_EmbeddingFields, BaseChain[EmbeddingCredential]):
    """One embedding model behind a chain of credentials.

    All credentials must put their vectors into one space: the same model, or models declared to share a `space`, and the same
    length. A chain that cannot is refused here, because vectors of two spaces must never be compared.

    Raises:
        ConfigError: something is wrong; one line a fault, never a key.
    """

    family: ClassVar[Family] = "embedding"
    shared: ClassVar[tuple[str, ...]] = ("model", "account", "space")

    dimension: Positive | None = Field(None, description="Length of the vectors; without it the model's own.")
    shorten: Literal["provider", "here"] = Field(
        "provider", description="Who shortens vectors to `dimension`: the provider is asked to, or they are cut and scaled `here`."
    )
    batch_size: Positive = Field(32, description="Most texts of one request.")
    input: Literal["text", "multimodal"] = Field("multimodal", description="What is embedded.")
    query_param: Line | None = Field(None, description="What a query is called at the provider (task or input type).")
    document_param: Line | None = Field(None, description="What a document is called at the provider (task or input type).")
    encoding_format: Literal["float", "base64"] | None = Field(None, description="How vectors travel (openai, azure).")
    version: Line | None = Field(None, description="Version of the model (vikingdb).")
    model_path: Line | None = Field(None, description="GGUF file of the model (local).")
    cache_dir: Line | None = Field(None, description="Folder of fetched models (local).")
    enable_fusion: bool | None = Field(None, description="One vector for all parts of an input (dashscope, multimodal).")
    res_level: Count | None = Field(None, description="Resolution of images (dashscope, multimodal).")
    max_video_frames: Count | None = Field(None, description="Frames taken from a video (dashscope, multimodal).")
    extra_body: Body | None = Field(None, repr=False, description="Further fields of the JSON body of each request.")
    timeout: Span = Field(60.0, description="Seconds for one attempt.")
    max_input_tokens: Count = Field(4096, description="Longer inputs are cut to this many tokens; 0 sends them as they are.")
    max_concurrent: Positive = Field(10, description="Requests at the same time.")

    _kind: EmbeddingKind = PrivateAttr(default="dense")

    @model_validator(mode="before")
    @classmethod
    def _modern(cls, data: Any) -> Any:
        return legacy.on_the_way_in(data, "embedding")

    @property
    def kind(self) -> EmbeddingKind:
        """What its vectors are: dense, sparse or hybrid."""
        return self._kind

    @property
    def known_dimension(self) -> int | None:
        """The length of the vectors as configured, else as the table of known models has it, else None."""
        first = next((one for one in self.credentials if not one.unset()), self.credentials[0])
        known = embedding_model(first.provider, first.model)
        return self.dimension or (known.default if known else None)

    def get_effective_dimension(self) -> int:
        """Return `known_dimension`. The length of a model that nobody knows has to be configured: it is never made up.

        Raises:
            ConfigError: it is not known.
        """
        if self.known_dimension is None:
            where = self._source.place(("dimension",))
            raise ConfigError(f"{where}: is not known of {self.credentials[0].model}; set dimension, or ask the embedder's get_dimension()")
        return self.known_dimension

    def _faults(self) -> list[Fault]:
        return super()._faults() or [*spaces.faults(self), *spaces.parameters(self)]

    def _settings(self) -> dict[str, Any]:
        names = (*_MODEL_LEVEL, "timeout", "max_concurrent")
        cut = {"max_input_tokens": self.max_input_tokens or None}
        return {"kind": self.kind, **{name: getattr(self, name) for name in names}, **cut}


_MODEL_LEVEL = (
    *(
        "dimension",
        "shorten",
        "batch_size",
        "input",
        "query_param",
        "document_param",
        "encoding_format",
        "version",
        "model_path",
        "cache_dir",
    ),
    *("enable_fusion", "res_level", "max_video_frames", "extra_body"),
)


class EmbeddingConfig(Strict):
    """The embeddings of an application: a dense chain, a sparse one, both, or a hybrid one that gives both vectors at once.

    Raises:
        ConfigError: something is wrong; one line a fault, never a key.
    """

    dense: EmbeddingModelConfig | None = Field(None, description="The chain of the dense model.")
    sparse: EmbeddingModelConfig | None = Field(None, description="The chain of the sparse model.")
    hybrid: EmbeddingModelConfig | None = Field(None, description="The chain of a model that gives both; it wins over the other two.")
    max_retries: Count | None = Field(None, description="For all chains that do not set it themselves.")
    max_concurrent: Positive | None = Field(None, description="For all chains that do not set it themselves.")
    max_input_tokens: Count | None = Field(None, description="For all chains that do not set it themselves.")

    _instance: Any = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _modern(cls, data: Any) -> Any:
        return legacy.embedding_on_the_way_in(data)

    @model_validator(mode="after")
    def _settle(self) -> Self:
        faults = [] if self.chains else [Fault((), "is empty; set dense, sparse or hybrid")]
        for kind, chain in self.chains.items():
            chain._kind = kind  # noqa: SLF001 - the two classes are one unit
            faults += spaces.kinds(chain, kind)
        if faults:
            raise Faults(faults)
        self._hand_down()
        return self

    def _hand_down(self) -> None:
        for chain in self.chains.values():
            for name in ("max_retries", "max_concurrent", "max_input_tokens"):
                value = getattr(self, name)
                if value is not None and name not in chain.model_fields_set:
                    setattr(chain, name, value)

    @property
    def chains(self) -> dict[EmbeddingKind, EmbeddingModelConfig]:
        """The chains that are configured, by kind."""
        return {kind: chain for kind in KINDS if (chain := getattr(self, kind)) is not None}

    def get_embedder(self) -> EmbedderBase:
        """Return the embedder. Built once, then kept until `close()`.

        A hybrid chain gives a hybrid embedder; dense and sparse together give one that asks both; one chain alone gives the
        lone embedder for one credential, a `FailoverEmbedder` for more.

        Raises:
            ConfigError: a key is not where its reference says.
            MissingExtraError: the provider's SDK is not installed.
        """
        with building:
            if self._instance is None:
                # Imports run downwards only, so the layer above is looked up by name.
                self._instance = import_module("sparekey.embedding.factory").build(self)
            embedder: EmbedderBase = self._instance
            return embedder

    def get_dimension(self) -> int:
        """Return the length of the dense vectors: as configured, else as known, else as the embedder says. Never made up.

        Raises:
            AttributeError: there are only sparse vectors, which have no length.
        """
        chain = self.hybrid or self.dense
        if chain is None:
            raise AttributeError("sparse vectors have no dimension; configure embedding.dense or embedding.hybrid")
        if chain.known_dimension is not None:
            return chain.known_dimension
        embedder: Any = self.get_embedder()
        dimension: int = embedder.get_dimension()
        return dimension

    def get_effective_dimension(self) -> int:
        """`get_dimension()` under OpenViking's name for it."""
        return self.get_dimension()

    @property
    def dimension(self) -> int:
        """`get_dimension()` under its older name."""
        return self.get_dimension()

    def close(self) -> None:
        """Close the embedder that was built, if there is one, and forget the keys; the next request for it looks them up anew."""
        with building:
            instance, self._instance = self._instance, None
        for chain in self.chains.values():
            chain.close()
        if instance is not None:
            instance.close()
