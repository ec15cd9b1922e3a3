"""The configuration of the gateway: where it listens, who may use it, and the chains that only it serves."""

from __future__ import annotations

import re
from datetime import date
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, PrivateAttr, model_validator

from sparekey.config.base import Line, Name, Positive, Span, Strict, one_line
from sparekey.config.embedding import EmbeddingModelConfig
from sparekey.config.faults import ConfigSource, Fault, Faults
from sparekey.config.secrets import SecretRef
from sparekey.config.vlm import VLMConfig
from sparekey.masking import MASK
from sparekey.stores.address import StoreAddress, address_of

if TYPE_CHECKING:
    from pathlib import Path

    from sparekey.types import Secret

_THE_CLIENTS: Final = ("temperature", "thinking", "max_tokens", "stream", "media", "forward_api_key")
"""What a program sets for its own calls; through the gateway it comes with each request."""
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::\d{1,5})?")
_NO_NAME: Final = re.compile(r"[\x00-\x20\x7f\"'\\%?#]")


def _digest(value: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise ValueError("is no SHA-256 digest; `sparekey serve --new-key` prints a key and its digest")
    return value.lower()


def _called(value: str) -> str:
    if _NO_NAME.search(value) or not value.isascii():
        raise ValueError("is no name that a client can call a model: write letters, digits and -._/:")
    return value


def _store(value: Any) -> StoreAddress:
    if not isinstance(value, str | StoreAddress):
        raise ValueError(f"must be text, not {type(value).__name__}")  # noqa: TRY004 - pydantic turns only a ValueError into a line
    if isinstance(value, str) and MASK in value:
        raise ValueError("holds ***, which is shown in the place of a password; write the password itself, or ${NAME} for a variable")
    return address_of(one_line(value) if isinstance(value, str) else value)


def _origin(value: str) -> str:
    if value != "*" and not _ORIGIN.fullmatch(value):
        raise ValueError("is no origin: write scheme and host, and the port if it is not the usual one (https://app.example.com), or *")
    return value


Origin = Annotated[str, AfterValidator(_origin)]
"""The origin of a web page, as its browser names it; `*` for all."""
Digest = Annotated[str, AfterValidator(_digest)]
"""A SHA-256 digest in hexadecimal."""
StoreUrl = Annotated[StoreAddress, PlainValidator(_store, json_schema_input_type=str), PlainSerializer(str, return_type=str)]
"""The address of a store; a dump shows it without user, password and settings."""
ModelName = Annotated[Name, AfterValidator(_called)]
"""What a client may call a model."""


class GatewayChat(VLMConfig):
    """A chain of chat models (or of models for images, audio, moderation) under a name of its own."""

    aliases: list[ModelName] = Field(default_factory=list, description="Further names by which clients may call it.")

    def _faults(self) -> list[Fault]:
        usual = {name: type(self).model_fields[name].get_default(call_default_factory=True) for name in _THE_CLIENTS}
        said = [name for name in _THE_CLIENTS if name in self.model_fields_set and getattr(self, name) != usual[name]]
        return [*super()._faults(), *(Fault((name,), "is the client's to say, with each request; remove it here") for name in said)]


class GatewayEmbedding(EmbeddingModelConfig):
    """A chain of embedding models under a name of its own."""

    aliases: list[ModelName] = Field(default_factory=list, description="Further names by which clients may call it.")


class GatewayClient(Strict):
    """A client of the gateway. Its key is known here only by reference or by digest."""

    name: Name = Field(description="Who it is, in logs and metrics.")
    key: SecretRef | None = Field(None, description="Reference to its key.")
    key_sha256: Digest | None = Field(None, description="SHA-256 of its key, instead; `sparekey serve --new-key` makes both.")
    chains: list[ModelName] | None = Field(None, description="The chains that it may use; without it all.")
    expires: date | None = Field(None, description="The last day of its key.")

    @model_validator(mode="after")
    def _settle(self) -> Self:
        if (self.key is None) is (self.key_sha256 is None):
            raise Faults([Fault(("key",), "write either key or key_sha256")])
        return self


class GatewayConfig(Strict):
    """The gateway. Without clients it listens on this machine only."""

    host: Line = Field("127.0.0.1", description="Address to listen on. Any other than this machine's own needs `clients`.")
    port: Annotated[int, Field(strict=True, ge=0, le=65535)] = Field(8080, description="Port; 0 takes a free one.")
    workers: Positive = Field(1, description="Processes that share the port.")
    store: StoreUrl | None = Field(
        None, description="Where the state of the chains is kept, as a URL, or `memory`; without it `sparekey serve` uses a SQLite file."
    )
    clients: list[GatewayClient] = Field(default_factory=list, description="Who may use it.")
    admin_key: SecretRef | None = Field(
        None,
        description="Reference to the key of the console, the admin API and the metrics; without one, they are read-only on this machine.",
    )
    admin_key_sha256: Digest | None = Field(None, description="SHA-256 of that key, instead.")
    cors_origins: list[Origin] = Field(
        default_factory=list,
        description="Web pages that may ask it, by origin (`https://app.example.com`); `*`: all. They need a key.",
    )
    certfile: Line | None = Field(None, description="Certificate chain (PEM): HTTPS instead of HTTP.")
    keyfile: Line | None = Field(None, description="Its private key (PEM).")
    client_ca: Line | None = Field(None, description="Authorities (PEM): clients must show a certificate that one of them has signed, too.")
    tls_minimum: Literal["1.2", "1.3"] = Field("1.2", description="Oldest version of TLS that is spoken.")
    max_connections: Positive = Field(10_000, description="Connections of clients at once, in each process; more are refused.")
    max_body_mb: Positive = Field(64, description="Longest request in MiB: more than any provider takes, images included.")
    header_timeout: Span = Field(10.0, description="Seconds in which a request's headers must be complete.")
    body_timeout: Span = Field(60.0, description="Seconds in which a request's body must be complete.")
    idle_timeout: Span = Field(75.0, description="Seconds after which an idle connection is closed.")
    write_timeout: Span = Field(60.0, description="Seconds after which a client is cut off that does not read its answer.")
    stop_timeout: Span = Field(30.0, description="Seconds that running requests have when the gateway is stopped.")
    access_log: bool = Field(True, description="Write one line of JSON a request to standard error.")
    opentelemetry: bool = Field(False, description="Trace requests; where to is said by the `OTEL_*` variables.")
    upstream: Literal["httptools", "aiohttp"] = Field("httptools", description="What connects to providers: the fast one, or `aiohttp`.")
    quick: bool = Field(True, description="Serve ordinary requests of healthy chains on the quick path. `false`: the engine serves all.")
    proxy: SecretRef | None = Field(None, description='Reference to the URL of a proxy towards providers. Needs `upstream = "aiohttp"`.')
    no_proxy: list[Line] = Field(default_factory=list, description="Hosts and domains that are reached without it.")
    proxy_from_environment: bool = Field(False, description="Take both from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` instead.")
    chat: dict[ModelName, GatewayChat] = Field(default_factory=dict, description="Further chains of chat models, by name.")
    embedding: dict[ModelName, GatewayEmbedding] = Field(default_factory=dict, description="Further chains of embedding models, by name.")

    _source: ConfigSource = PrivateAttr(default_factory=ConfigSource)

    @model_validator(mode="after")
    def _settle(self) -> Self:
        self._stamp()
        if faults := [*self._clients(), *self._names(), *self._listening(), *self._proxied()]:
            raise Faults(faults)
        return self

    def _stamp(self) -> None:
        """Let each reference know where it stands, for messages."""
        if self.admin_key:
            self.admin_key = self.admin_key.at("admin_key")
        if self.proxy:
            self.proxy = self.proxy.at("proxy")
        for index, client in enumerate(self.clients):
            if client.key:
                client.key = client.key.at("clients", index, "key")

    def _clients(self) -> list[Fault]:
        names = [client.name for client in self.clients]
        twice = [i for i, name in enumerate(names) if name in names[:i]]
        faults = [Fault(("clients", i, "name"), f"{names[i]!r} is used twice") for i in twice]
        plain = [(f"clients[{i}].key", client.key) for i, client in enumerate(self.clients)] + [("admin_key", self.admin_key)]
        faults += [
            Fault((name,), f"is the key itself; write env:NAME or file:PATH, or its digest into {name.rpartition('.')[2]}_sha256")
            for name, ref in plain
            if ref and ref.kind == "value"
        ]
        if self.admin_key and self.admin_key_sha256:
            faults.append(Fault(("admin_key",), "write either admin_key or admin_key_sha256"))
        return faults

    def _names(self) -> list[Fault]:
        seen: set[str] = set()
        faults = []
        for section, chains in (("chat", self.chat), ("embedding", self.embedding)):
            for name, chain in chains.items():
                for one in (name, *chain.aliases):
                    if one in seen:
                        faults.append(Fault((section, name), f"{one!r} names another chain, too"))
                    seen.add(one)
        return faults

    def _listening(self) -> list[Fault]:
        if (self.certfile is None) is not (self.keyfile is None):
            return [Fault(("certfile",), "certfile and keyfile go together")]
        if self.client_ca and self.certfile is None:
            return [Fault(("client_ca",), "needs HTTPS: add certfile and keyfile")]
        if "*" in self.cors_origins and not self.clients:
            return [Fault(("cors_origins",), "'*' needs `clients`: else any web page could use this machine's keys")]
        fault = open_to_all(self.host, has_clients=bool(self.clients))
        return [Fault(("host",), fault)] if fault else []

    def _proxied(self) -> list[Fault]:
        said = [name for name in ("proxy", "proxy_from_environment") if getattr(self, name)]
        if len(said) > 1:
            return [Fault(("proxy",), "write either proxy or proxy_from_environment")]
        return [
            Fault((name,), 'needs upstream = "aiohttp": the other one connects directly') for name in said if self.upstream != "aiohttp"
        ]

    def secret(self, ref: SecretRef) -> Secret:
        """Return a key that the section refers to.

        Raises:
            ConfigError: it is not where the reference says.
        """
        return ref.resolve(self._source)

    def key_files(self) -> set[Path]:
        """Return the files that hold keys of this section, whether or not they exist; its chains have their own."""
        references = (ref for ref in (self.admin_key, self.proxy, *(client.key for client in self.clients)) if ref)
        return {file for ref in references if (file := ref.file(self._source.folder))}

    def _locate(self, source: ConfigSource) -> None:
        """Remember the file, for messages about references that are resolved later."""
        self._source = source


def open_to_all(host: str, *, has_clients: bool) -> str:
    """Return what is wrong with listening on an address, or the empty string: only this machine may be served without keys."""
    if has_clients or is_loopback(host):
        return ""
    return f"{host} can be reached by others: add [[gateway.clients]] with keys, or listen on 127.0.0.1"


def is_loopback(host: str) -> bool:
    """Tell whether an address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def gateway_chains(config: GatewayConfig) -> list[tuple[tuple[str, ...], Any]]:
    """Return the chains that only the gateway serves, with their paths below it."""
    found: list[tuple[tuple[str, ...], Any]] = [(("chat", name), chain) for name, chain in config.chat.items()]
    return found + [(("embedding", name), chain) for name, chain in config.embedding.items()]
