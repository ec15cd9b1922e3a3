"""The arguments with which an SDK's client is made, so that it sends through a chain."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal

from sparekey.errors import ConfigError, MissingExtraError
from sparekey.transport.libraries import HTTPX2, Library, legacy
from sparekey.transport.routing_table import RoutingTable, Source, routing_table
from sparekey.wire.formats import DIALECTS
from sparekey.wire.network import CONNECT_SECONDS
from sparekey.wire.rewrite import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sparekey.core.events import Event
    from sparekey.providers import Family

SDK = Literal["openai", "azure", "anthropic", "gemini", "mistral"]
HOST: Final = "https://sparekey.invalid"
"""Where SDKs believe their requests go: a name that never resolves (RFC 2606), should one ever leave by another way."""
PLACEHOLDER: Final = "sparekey"
"""The key that SDKs believe in; the credential's own takes its place."""


@dataclass(frozen=True, slots=True)
class _SdkArguments:
    """What one SDK needs: its dialect, its package, how to tell its HTTP library, and its client's arguments."""

    dialect: str
    package: str
    library: Callable[[Any], Library]
    options: Callable[[RoutingTable, Library, bool, dict[str, Any]], dict[str, Any]]


def sdk_options(
    source: Source = "chat",
    *,
    sdk: SDK = "openai",
    asynchronous: bool = False,
    family: Family = "vlm",
    space: str | None = None,
    hooks: Iterable[Callable[[Event], None]] = (),
    **transport: Any,
) -> dict[str, Any]:
    """Return the arguments that put a chain under an unmodified SDK: `OpenAI(**sdk_options("chat"))`.

    Args:
        source: the name of a chain in the configuration file (`chat`, `embedding`), a configuration, a `Chain`, or credentials.
        sdk: `openai` for `OpenAI`, `azure` for `AzureOpenAI`, `anthropic` for `Anthropic`, `gemini` for `google.genai.Client`,
            `mistral` for `Mistral`.
        asynchronous: the arguments of the SDK's async client; those of Gemini and of Mistral are one client for both.
        family: what a `Chain` or credentials are for; a configuration knows by itself.
        space: the vector space that the embedding models of a `Chain` or credentials share, where they have different names.
        hooks: told each event of the chain, as those of a `Chain`; where `source` is a `Chain`, they are added to it.
        transport: further arguments of `FailoverTransport`.

    Returns:
        Base URL, key (a placeholder), HTTP client, and no retries: the chain does those. Closing the SDK's client closes the connections;
        only Mistral's leaves that to whoever made the HTTP clients: close `client` and `async_client` of the options.

    Raises:
        VectorSpaceError: the models of a `Chain` or credentials give vectors of different spaces, and `space` says nothing.
        ConfigError: the chain cannot be had from `source`, or no credential of it speaks the SDK's format.
        MissingExtraError: the SDK is not installed.
    """
    row = _ROWS.get(sdk)
    if row is None:
        raise ConfigError(f"no SDK is called {sdk!r}; known are {', '.join(_ROWS)}")
    found = routing_table(source, family, hooks, space)
    if not any(DIALECTS[target.wire] == row.dialect for target in found.targets.values()):
        raise ConfigError(f"no credential of the chain speaks the format of the SDK {sdk!r}")
    return row.options(found, row.library(_installed(row.package, sdk)), asynchronous, transport)


def http_client(
    source: Source = "chat", *, asynchronous: bool = False, family: Family = "vlm", space: str | None = None, **transport: Any
) -> Any:
    """Return an `httpx2.Client` (or `AsyncClient`) over a chain, for whatever takes one.

    Give the SDK `max_retries=0` as well; its base URL and key do not matter. The arguments are those of `sdk_options`.

    Raises:
        VectorSpaceError: the models of a `Chain` or credentials give vectors of different spaces, and `space` says nothing.
        ConfigError: the chain cannot be had from `source`.
    """
    return _client(routing_table(source, family, space=space), HTTPX2, asynchronous, transport)


def _client(found: RoutingTable, library: Library, asynchronous: bool, transport: dict[str, Any]) -> Any:
    return (library.async_client if asynchronous else library.client)(**_arguments(found, library, asynchronous, transport))


def _arguments(found: RoutingTable, library: Library, asynchronous: bool, transport: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a client of the library."""
    made = (library.async_transport if asynchronous else library.transport)(found, **transport)
    timeout = library.module.Timeout(found.timeout, connect=min(found.timeout, CONNECT_SECONDS)) if found.timeout else None
    return {"transport": made, "follow_redirects": False} | ({"timeout": timeout} if timeout else {})


def _stainless(**address: str) -> Callable[[RoutingTable, Library, bool, dict[str, Any]], dict[str, Any]]:
    """Return the arguments of the clients of OpenAI and Anthropic, which one generator made."""

    def options(found: RoutingTable, library: Library, asynchronous: bool, transport: dict[str, Any]) -> dict[str, Any]:
        client = _client(found, library, asynchronous, transport)
        return {**address, "api_key": PLACEHOLDER, "http_client": client, "max_retries": 0}

    return options


def _gemini(found: RoutingTable, library: Library, asynchronous: bool, transport: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of Gemini's one client with its two faces; it closes only HTTP clients that it has made itself."""
    del asynchronous
    options = {
        "base_url": HOST,
        "retry_options": {"attempts": 1},
        "client_args": _arguments(found, library, False, transport),
        "async_client_args": _arguments(found, library, True, transport),
        **({"timeout": round(found.timeout * 1000)} if found.timeout else {}),
    }
    return {"api_key": PLACEHOLDER, "vertexai": False, "http_options": options}


def _mistral(found: RoutingTable, library: Library, asynchronous: bool, transport: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of Mistral's one client with its two faces; its own limit of 300 s would cut a longer one short."""
    del asynchronous
    return {
        "server_url": HOST,
        "api_key": PLACEHOLDER,
        "client": _client(found, library, False, transport),
        "async_client": _client(found, library, True, transport),
        "retry_config": None,
        **({"timeout_ms": round(found.timeout * 1000)} if found.timeout else {}),
    }


def _of_mistral(package: Any) -> Library:
    """Tell the library by the one that its clients are made of."""
    module = import_module(f"{package.__name__}.httpclient")
    return HTTPX2 if module.httpx.__name__ == HTTPX2.module.__name__ else legacy()


def _of_default_client(package: Any) -> Library:
    """Tell the library by the client that the package itself would make."""
    made_of = {cls.__module__.partition(".")[0] for cls in package.DefaultHttpxClient.__mro__}
    return HTTPX2 if "httpx2" in made_of else legacy()


def _of_genai(package: Any) -> Library:
    """Tell the library as the package does: by its own environment variable, else httpx2 where it knows that."""
    known = getattr(import_module(f"{package.__name__}._api_client"), "httpx2", None)
    return HTTPX2 if known and os.environ.get("GOOGLE_GENAI_HTTP_CLIENT") != "httpx" else legacy()


def _installed(package: str, sdk: str) -> Any:
    try:
        return import_module(package)
    except ImportError:
        raise MissingExtraError(f"the SDK {sdk!r}", sdk) from None


_ROWS: Final = {
    "openai": _SdkArguments("openai", "openai", _of_default_client, _stainless(base_url=f"{HOST}/v1")),
    "azure": _SdkArguments("openai", "openai", _of_default_client, _stainless(azure_endpoint=HOST, api_version=API_VERSION)),
    "anthropic": _SdkArguments("anthropic", "anthropic", _of_default_client, _stainless(base_url=HOST)),
    "gemini": _SdkArguments("gemini", "google.genai", _of_genai, _gemini),
    "mistral": _SdkArguments("openai", "mistralai.client", _of_mistral, _mistral),
}
