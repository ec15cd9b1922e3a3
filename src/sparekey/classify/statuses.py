"""HTTP statuses, gRPC codes and exception names: what is left when neither codes nor words told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.classify.model import AUTH, CONTENT, LARGE, MODEL, PERMANENT, QUOTA, TRANSIENT, UNKNOWN, meaning
from sparekey.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

_TIMEOUT: Final = meaning(TRANSIENT, "timeout")
_SERVER: Final = meaning(TRANSIENT, "server_error")
_BAD: Final = meaning(PERMANENT, "bad_parameter")
_MISSING: Final = meaning(MODEL, "path_not_found")

STATUSES: Final[Mapping[int, Meaning]] = {
    400: _BAD,
    401: meaning(AUTH, "invalid_key"),
    402: meaning(QUOTA, "insufficient_balance"),
    403: meaning(AUTH, "permission_denied"),
    404: _MISSING,
    405: _BAD,
    406: _BAD,
    407: meaning(AUTH, "proxy_authentication", scope=Scope.ENDPOINT),
    408: _TIMEOUT,
    409: meaning(TRANSIENT, "conflict"),
    410: meaning(MODEL, "model_retired"),
    411: _BAD,
    412: _BAD,
    413: meaning(LARGE, "payload_too_large"),
    414: meaning(LARGE, "payload_too_large"),
    415: _BAD,
    416: _BAD,
    421: meaning(TRANSIENT, "connection"),
    422: _BAD,
    423: meaning(TRANSIENT, "unavailable"),
    424: meaning(TRANSIENT, "server_error", "tei, azure: the backend of the model failed"),
    425: meaning(TRANSIENT, "unavailable"),
    426: _BAD,
    429: meaning(TRANSIENT, "rate_limited"),
    431: meaning(LARGE, "payload_too_large"),
    451: meaning(AUTH, "region_blocked", "unavailable for legal reasons"),
    498: meaning(TRANSIENT, "overloaded", "groq: flex capacity"),
    499: meaning(TRANSIENT, "cancelled", "nginx: the client closed the request"),
    501: meaning(PERMANENT, "unsupported_feature"),
    502: meaning(TRANSIENT, "bad_gateway"),
    503: meaning(TRANSIENT, "unavailable"),
    504: _TIMEOUT,
    508: _SERVER,
    511: meaning(AUTH, "proxy_authentication", scope=Scope.ENDPOINT),
    520: meaning(TRANSIENT, "bad_gateway", "cloudflare"),
    521: meaning(TRANSIENT, "connection", "cloudflare: the origin is down"),
    522: meaning(TRANSIENT, "timeout", "cloudflare: connection timed out"),
    523: meaning(TRANSIENT, "connection", "cloudflare: the origin is unreachable"),
    524: meaning(TRANSIENT, "timeout", "cloudflare: the origin answered too late"),
    525: meaning(TRANSIENT, "connection", "cloudflare: TLS handshake failed"),
    526: meaning(TRANSIENT, "connection", "cloudflare: invalid certificate at the origin"),
    529: meaning(TRANSIENT, "overloaded", "anthropic"),
}


def of_status(status: int) -> Meaning | None:
    """Return what an HTTP status means, or None for success, redirects and numbers that are none."""
    if status in STATUSES:
        return STATUSES[status]
    if 500 <= status < 600:  # noqa: PLR2004 - the classes of RFC 9110
        return _SERVER
    return _BAD if 400 <= status < 500 else None  # noqa: PLR2004


class Wire(NamedTuple):
    """What an exception of a transport (or of Python) means.

    Attributes:
        meaning: class, reason and scope.
        unreached: no connection came about.
        wrapper: SDKs raise it around anything, so words that tell more are believed first.
    """

    meaning: Meaning
    unreached: bool = False
    wrapper: bool = False


_CONNECT: Final = Wire(meaning(TRANSIENT, "connection"), unreached=True)
_BROKEN: Final = Wire(meaning(TRANSIENT, "connection"))
_SILENT: Final = Wire(_TIMEOUT)
FILES: Final = meaning(PERMANENT, "file_system")
CANCELLED: Final = meaning(TRANSIENT, "cancelled", scope=Scope.REQUEST)
_CALLER: Final = Wire(meaning(PERMANENT, "bad_input"))
_GARBLED: Final = Wire(meaning(TRANSIENT, "bad_response"))

# By the name of the class (or of one it is derived from): no SDK has to be imported to know its exceptions.
EXCEPTIONS: Final[Mapping[str, Wire]] = {
    # never reached anybody: httpx, httpcore, requests, urllib3, aiohttp, botocore, the socket module
    **dict.fromkeys(
        "ConnectError ClientConnectorError ClientConnectorDNSError ClientConnectorSSLError ClientConnectorCertificateError NewConnectionError "
        "NameResolutionError EndpointConnectionError ProxyError ProxyConnectionError ClientProxyConnectionError gaierror herror ConnectionRefusedError "
        "ConnectionRefused SSLCertVerificationError CertificateError ServerSelectionError".split(),
        _CONNECT,
    ),
    **dict.fromkeys(
        "ConnectTimeout ConnectTimeoutError ConnectionTimeoutError".split(), Wire(meaning(TRANSIENT, "timeout"), unreached=True)
    ),
    **dict.fromkeys(
        "TimeoutError Timeout TimeoutException ReadTimeout WriteTimeout ReadTimeoutError APITimeoutError ServerTimeoutError SocketTimeoutError "
        "SocketTimeout DeadlineExceeded APITimeout RequestTimeout ArkAPITimeoutError".split(),
        _SILENT,
    ),
    **dict.fromkeys(
        "ConnectionError ReadError WriteError CloseError NetworkError RemoteProtocolError LocalProtocolError ProtocolError ChunkedEncodingError IncompleteRead "
        "IncompleteReadError ServerDisconnectedError ClientOSError ClientPayloadError ClientConnectionError ConnectionResetError ConnectionAbortedError "
        "BrokenPipeError RemoteDisconnected SSLError SSLEOFError SSLZeroReturnError ConnectionClosedError "
        "HTTPClientError EOFError TransportError URLError SocketError StreamError APIConnectionException BrokenResourceError ClosedResourceError".split(),
        _BROKEN,
    ),
    **dict.fromkeys("APIConnectionError ArkAPIConnectionError".split(), Wire(meaning(TRANSIENT, "connection"), wrapper=True)),
    **dict.fromkeys("FileNotFoundError PermissionError IsADirectoryError NotADirectoryError FileExistsError".split(), Wire(FILES)),
    **dict.fromkeys("CancelledError GeneratorExit KeyboardInterrupt Cancelled".split(), Wire(CANCELLED)),
    "PoolTimeout": Wire(meaning(TRANSIENT, "pool_timeout", "httpx: our own limit of connections", scope=Scope.REQUEST)),
    "EmptyPoolError": Wire(meaning(TRANSIENT, "pool_timeout", "urllib3: our own limit of connections", scope=Scope.REQUEST)),
    **dict.fromkeys("UnicodeEncodeError UnsupportedMediaInputError InvalidInputError".split(), _CALLER),
    **dict.fromkeys(
        "JSONDecodeError DecodingError ContentDecodingError APIResponseValidationError ContentTypeError UnicodeDecodeError IncompleteAnswerError".split(),
        _GARBLED,
    ),
    **dict.fromkeys(
        "DefaultCredentialsError NoCredentialsError PartialCredentialsError CredentialRetrievalError".split(),
        Wire(meaning(AUTH, "missing_key")),
    ),
    **dict.fromkeys("RefreshError TokenRetrievalError UnauthorizedSSOTokenError".split(), Wire(meaning(AUTH, "expired_key"))),
    **dict.fromkeys("ImportError ModuleNotFoundError".split(), Wire(meaning(UNKNOWN, "missing_dependency", scope=Scope.CREDENTIAL))),
    **dict.fromkeys("InvalidURL UnsupportedProtocol InvalidSchema MissingSchema".split(), Wire(meaning(MODEL, "bad_base_url"))),
    "VectorSpaceError": Wire(meaning(UNKNOWN, "wrong_vector", scope=Scope.CREDENTIAL)),
    "StopCandidateException": Wire(meaning(CONTENT, "moderation", "google-generativeai")),
    "BlockedPromptException": Wire(meaning(CONTENT, "moderation", "google-generativeai")),
    "LengthFinishReasonError": Wire(meaning(PERMANENT, "output_limit", "openai: the answer met max_tokens before its JSON was complete")),
    "ContentFilteredError": Wire(meaning(CONTENT, "moderation", "our own: the provider withheld a whole answer")),
    "ContentFilterFinishReasonError": Wire(meaning(CONTENT, "moderation", "openai")),
}
