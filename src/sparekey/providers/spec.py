"""What one row says of a provider: `ProviderSpec` and the values that it is made of.

    ProviderSpec   names, aliases, documentation, base URLs of further sites
      chat         Chat: format, base URL, needed fields, SDK, what its models refuse, prefill
      embeddings   Embeddings: the same for vectors, with the models whose lengths are known
      keys         KeyVariables: where people keep its keys in their environment
      litellm      LiteLLMNames: what LiteLLM calls it, where that differs

A wire is the format of a provider and the SDK that speaks it. `vlm.factory` and `embedding.factory`
have one backend a wire; `HTTP_WIRES` says which of them the SDK transports and the gateway pass on.
"""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

Family = Literal["vlm", "embedding"]
EmbeddingKind = Literal["dense", "sparse", "hybrid"]

DENSE: Final[tuple[EmbeddingKind, ...]] = ("dense",)
ALL_KINDS: Final[tuple[EmbeddingKind, ...]] = ("dense", "sparse", "hybrid")
NEVER: Final = re.compile(r"(?!)")
"""Matches no model."""
EVERY: Final = re.compile("")
"""Matches every model."""

HTTP_WIRES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("openai", "ark", "jina", "voyage", "ollama"), "openai"),
    **{wire: wire for wire in ("azure", "anthropic", "gemini")},
}
"""A row's wire -> the format in `sparekey.wire` in which requests are passed on over HTTP.

A wire that is missing here is reached through its SDK only.
"""


@dataclass(frozen=True, slots=True)
class Prefill:
    """How a model goes on behind the beginning of an answer.

    Attributes:
        source: the page that says so.
        models: the models that take it.
        marks: what the last message, the assistant's, says beside its text.
    """

    source: str
    models: re.Pattern[str] = EVERY
    marks: Mapping[str, Any] = field(default_factory=dict)

    def continued(self, messages: list[Any], text: str) -> list[Any]:
        """Return a conversation that ends with `text`, the beginning of its answer."""
        return [*messages, {"role": "assistant", "content": text, **self.marks}]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatDialect:
    """How a host that speaks OpenAI's chat format differs from OpenAI.

    Attributes:
        source: the page of the host that says so.
        thinking: the field of the body that switches thinking: `thinking` holds
            `{"type": "enabled" | "disabled"}`, `enable_thinking` a boolean, `reasoning`
            `{"enabled": true}` and is left out otherwise. Empty: there is none.
        thinking_models: the models that know the field; others would refuse it.
        fixed_sampling: the models that refuse a temperature.
        completion_tokens: the models that want `max_completion_tokens`, not `max_tokens`.
        only_auto: whether `auto` is the only tool choice.
        stream_usage: whether streams take `stream_options`; where they do not, the last event
            counts the tokens by itself.
    """

    source: str
    thinking: str = ""
    thinking_models: re.Pattern[str] = NEVER
    fixed_sampling: re.Pattern[str] = NEVER
    completion_tokens: re.Pattern[str] = NEVER
    only_auto: bool = False
    stream_usage: bool = True

    def thinking_fields(self, model: str, *, thinking: bool) -> dict[str, Any]:
        """Return the fields of the body that switch thinking on or off."""
        if not self.thinking_models.search(model):
            return {}
        if self.thinking == "enable_thinking":
            return {"enable_thinking": thinking}
        if self.thinking == "reasoning":
            return {"reasoning": {"enabled": True}} if thinking else {}
        return {"thinking": {"type": "enabled" if thinking else "disabled"}}


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """The vectors of one model.

    Attributes:
        default: their length when the request names none.
        allowed: the lengths a request may name; empty: the length is fixed.
        at_most: a request may name any length from 1 to this; None: only those of `allowed`.
        source: the page that says so.
        space: models with the same one put their vectors into one space; empty: one of its own.
        dated: its name may end in a release date; a row of the dated name wins.
    """

    default: int
    allowed: tuple[int, ...] = ()
    _: KW_ONLY
    source: str
    at_most: int | None = None
    space: str = ""
    dated: bool = False

    @property
    def longest(self) -> int:
        """The longest vector that can be had."""
        return self.at_most or max(self.default, *self.allowed, 0)

    def takes(self, dimension: int) -> bool:
        """Tell whether a request may ask for `dimension`."""
        if self.at_most is not None and 1 <= dimension <= self.at_most:
            return True
        return dimension == self.default or dimension in self.allowed

    def describe(self) -> str:
        """Return the lengths that may be asked for, in words."""
        if self.at_most is not None:
            return f"1 to {self.at_most}"
        return ", ".join(str(n) for n in sorted({self.default, *self.allowed}))


@dataclass(frozen=True, slots=True)
class Offer:
    """What chat models and embeddings of a provider have in common.

    Attributes:
        wire: the format and the SDK that speaks it (see the top of this module).
        base: default base URL; None: there is none for everybody.
        needs: the fields that a credential must have.
        extra: the extra of sparekey that brings the SDK; the empty string: none is needed.
        model: the model that is asked where a configuration names none; None: it has to name one.
        suggested: a present model to begin with, for `sparekey init`; None: it suggests none.
        renamed_models: names in older configurations -> the present ones.
        renamed_bases: base URLs in older configurations -> the present ones.
    """

    wire: str
    base: str | None = None
    _: KW_ONLY
    needs: tuple[str, ...] = ("api_key",)
    extra: str = "openai"
    model: str | None = None
    suggested: str | None = None
    renamed_models: Mapping[str, str] = field(default_factory=dict)
    renamed_bases: Mapping[str, str] = field(default_factory=dict)

    @property
    def http_wire(self) -> str | None:
        """The format in which requests are passed on over HTTP; None: only its SDK reaches it."""
        return HTTP_WIRES.get(self.wire)

    def named(self, model: str | None) -> str | None:
        """Return a configuration's model as it is called today; the default one where it has none."""
        return self.renamed_models.get(model, model) if model else self.model

    def address(self, base: str | None) -> str | None:
        """Return a configuration's base URL as it is today; the default one where it has none."""
        return self.renamed_bases.get(base.rstrip("/"), base) if base else self.base


@dataclass(frozen=True, slots=True)
class Chat(Offer):
    """A provider's chat models.

    Attributes:
        dialect: how its hosts differ from OpenAI, in whose format they speak; None: they do not.
        prefill: how its models go on behind the beginning of an answer; None: not known.
    """

    _: KW_ONLY
    dialect: ChatDialect | None = None
    prefill: Prefill | None = None


@dataclass(frozen=True, slots=True)
class Embeddings(Offer):
    """A provider's embedding models.

    Attributes:
        kinds: the kinds of vectors it offers.
        models: the models whose vectors are known, by their names in lower case.
        length_field: the field of a request that asks for a length of the vectors.
        tasks: the words that `query_param` and `document_param` may be; empty: any.
        media_settings: settings of a chain that mean something only with images and videos.
    """

    _: KW_ONLY
    kinds: tuple[EmbeddingKind, ...] = DENSE
    models: Mapping[str, EmbeddingModel] = field(default_factory=dict)
    length_field: str = "dimensions"
    tasks: frozenset[str] = frozenset()
    media_settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyVariables:
    """The environment variables in which people keep a provider's keys.

    Attributes:
        names: variables that hold a key; further ones end in `_2`, `_SPARE`, `_BACKUP`. Empty: it
            needs no key.
        source: the page that names the variable.
        base: variables that hold the base URL.
        deployment: variables that hold the name of a deployment, which then is the chat model.
        api_base: base URL where these keys are good for another host than the provider's default.
    """

    names: tuple[str, ...]
    source: str
    base: tuple[str, ...] = ()
    deployment: tuple[str, ...] = ()
    api_base: str | None = None


def one_key(variable: str, source: str) -> tuple[KeyVariables, ...]:
    """Return the `keys` of a row whose provider names one variable, on the page `source`."""
    return (KeyVariables((variable,), source),)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteLLMNames:
    """What LiteLLM calls a provider, and where it looks for what its configuration leaves out.

    Attributes:
        names: its names of the provider; None: it has ours; empty: its models are called otherwise
            there, so its configuration cannot be taken over.
        keys: variables in which it looks for a key, the usual one first; empty: those of the row.
        base: its base URL, where it is another one than ours: a key must stay with its host.
        base_variables: variables in which it looks for a base URL, beside `NAME_API_BASE`.
        models: beginnings of models that it knows without a provider.
    """

    names: tuple[str, ...] | None = None
    keys: tuple[str, ...] = ()
    base: str | None = None
    base_variables: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """One provider.

    Attributes:
        name: its name in configurations, lower-case.
        docs: the page of the provider that the row was read from.
        errors: its page about its errors, where it has one that was read; the empty string else.
        aliases: other names that mean the same provider.
        chat: its chat models; None: it has none here.
        embeddings: its embedding models; None: it has none here.
        keys: where its keys usually are; one entry for each host that takes keys of its own.
        sites: base URLs of its further sites (regions, plans), which take other keys.
        openai_base: base URL at which it speaks OpenAI's format beside its own; None: it does
            not, or has no other.
        openai_path: what base URLs of its own format lack for OpenAI's.
        keyless_with_base: no key is needed where `api_base` is given (a server of one's own).
        litellm: what LiteLLM calls it.
        genai: its name in OpenTelemetry's GenAI conventions; the empty string: the name above.
    """

    name: str
    docs: str
    _: KW_ONLY
    errors: str = ""
    aliases: tuple[str, ...] = ()
    chat: Chat | None = None
    embeddings: Embeddings | None = None
    keys: tuple[KeyVariables, ...] = ()
    sites: tuple[str, ...] = ()
    openai_base: str | None = None
    openai_path: str = ""
    keyless_with_base: bool = False
    litellm: LiteLLMNames = field(default_factory=LiteLLMNames)
    genai: str = ""

    def offer(self, family: Family) -> Offer | None:
        """Return what it has of chat models (`vlm`) or embeddings (`embedding`), or None."""
        return self.chat if family == "vlm" else self.embeddings

    @property
    def base_urls(self) -> tuple[str, ...]:
        """Every base URL that is known of it."""
        offers = (offer.base for offer in (self.chat, self.embeddings) if offer)
        keys = (one.api_base for one in self.keys)
        return tuple(filter(None, (*offers, self.openai_base, *self.sites, *keys, self.litellm.base)))

    @property
    def hosts(self) -> frozenset[str]:
        """The host names of its base URLs; one's own machine is nobody's."""
        return frozenset(urlsplit(url).hostname or "" for url in self.base_urls) - {"localhost", ""}

    @property
    def key_variables(self) -> tuple[str, ...]:
        """Every variable that usually holds one of its keys."""
        return tuple(name for one in self.keys for name in one.names)
