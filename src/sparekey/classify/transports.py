"""Exceptions of transports, of Python and of SDKs by the names of their classes: no library has to be imported to know them."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final, NamedTuple

from sparekey.classify.model import AUTH, CONTENT, MODEL, PERMANENT, TRANSIENT, UNKNOWN, meaning
from sparekey.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning


class Wire(NamedTuple):
    """What such an exception means.

    Attributes:
        meaning: class, reason and scope.
        unreached: no connection came about.
        wrapper: SDKs raise it around anything, so words that tell more are believed first.
    """

    meaning: Meaning
    unreached: bool = False
    wrapper: bool = False


FILES: Final = meaning(PERMANENT, "file_system")
CANCELLED: Final = meaning(TRANSIENT, "cancelled", scope=Scope.REQUEST)
_CONNECTION: Final = meaning(TRANSIENT, "connection")
_TIMEOUT: Final = meaning(TRANSIENT, "timeout")

_ROWS: Final[tuple[tuple[Wire, str], ...]] = (
    (
        Wire(_CONNECTION, unreached=True),
        (
            "ConnectError ClientConnectorError ClientConnectorDNSError ClientConnectorSSLError ClientConnectorCertificateError "
            "NewConnectionError NameResolutionError EndpointConnectionError ProxyError ProxyConnectionError ClientProxyConnectionError "
            "gaierror herror ConnectionRefusedError ConnectionRefused SSLCertVerificationError CertificateError"
        ),
    ),
    (Wire(_TIMEOUT, unreached=True), "ConnectTimeout ConnectTimeoutError ConnectionTimeoutError"),
    (
        Wire(_TIMEOUT),
        (
            "TimeoutError Timeout TimeoutException ReadTimeout WriteTimeout ReadTimeoutError APITimeoutError ServerTimeoutError "
            "SocketTimeoutError SocketTimeout DeadlineExceeded APITimeout RequestTimeout ArkAPITimeoutError"
        ),
    ),
    (
        Wire(_CONNECTION),
        (
            "ConnectionError ReadError WriteError CloseError NetworkError RemoteProtocolError ProtocolError "
            "ChunkedEncodingError IncompleteRead IncompleteReadError ServerDisconnectedError ClientOSError ClientPayloadError "
            "ClientConnectionError ConnectionResetError ConnectionAbortedError BrokenPipeError RemoteDisconnected SSLError SSLEOFError "
            "SSLZeroReturnError ConnectionClosedError HTTPClientError EOFError TransportError URLError SocketError StreamError "
            "APIConnectionException BrokenResourceError ClosedResourceError"
        ),
    ),
    (Wire(_CONNECTION, wrapper=True), "APIConnectionError ArkAPIConnectionError"),
    (Wire(FILES), "FileNotFoundError PermissionError IsADirectoryError NotADirectoryError FileExistsError"),
    (Wire(CANCELLED), "CancelledError GeneratorExit KeyboardInterrupt Cancelled"),
    # our own limit of connections: httpx, urllib3
    (Wire(meaning(TRANSIENT, "pool_timeout", scope=Scope.REQUEST)), "PoolTimeout EmptyPoolError"),
    (Wire(meaning(PERMANENT, "bad_input")), "UnicodeEncodeError UnsupportedMediaInputError InvalidInputError"),
    (
        Wire(meaning(TRANSIENT, "bad_response")),
        (
            "JSONDecodeError DecodingError ContentDecodingError APIResponseValidationError ContentTypeError UnicodeDecodeError "
            "IncompleteAnswerError"
        ),
    ),
    (
        Wire(meaning(AUTH, "missing_key")),
        "DefaultCredentialsError NoCredentialsError PartialCredentialsError CredentialRetrievalError",
    ),
    # httpx: a key that cannot stand in a header (empty, or with a line break)
    (Wire(meaning(AUTH, "invalid_key")), "LocalProtocolError"),
    (Wire(meaning(AUTH, "expired_key")), "RefreshError TokenRetrievalError UnauthorizedSSOTokenError"),
    (Wire(meaning(UNKNOWN, "missing_dependency", scope=Scope.CREDENTIAL)), "ImportError ModuleNotFoundError"),
    (Wire(meaning(MODEL, "bad_base_url")), "InvalidURL UnsupportedProtocol InvalidSchema MissingSchema"),
    (Wire(meaning(UNKNOWN, "wrong_vector", scope=Scope.CREDENTIAL)), "VectorSpaceError"),
    (
        Wire(meaning(CONTENT, "moderation")),
        "StopCandidateException BlockedPromptException ContentFilterFinishReasonError ContentFilteredError",
    ),
    # openai: the answer met max_tokens before its JSON was complete
    (Wire(meaning(PERMANENT, "output_limit")), "LengthFinishReasonError"),
)
EXCEPTIONS: Final[Mapping[str, Wire]] = {name: wire for wire, names in _ROWS for name in names.split()}

# A plain OSError is read by its number: its words are in the language of the system.
_ERRNO_ROWS: Final[tuple[tuple[Wire, str], ...]] = (
    (Wire(_CONNECTION, unreached=True), "ENETUNREACH EHOSTUNREACH ENETDOWN EHOSTDOWN EADDRNOTAVAIL ECONNREFUSED"),
    (Wire(_CONNECTION), "ECONNRESET EPIPE ECONNABORTED ENETRESET ENOTCONN ESHUTDOWN"),
    (Wire(_TIMEOUT), "ETIMEDOUT"),
    (Wire(FILES), "ENOENT EACCES EPERM EISDIR ENOTDIR EEXIST EROFS ENOSPC ELOOP ENAMETOOLONG"),
)
ERRNOS: Final[Mapping[int, Wire]] = {
    getattr(errno, prefix + name): wire
    for wire, names in _ERRNO_ROWS
    for name in names.split()
    for prefix in ("", "WSA")  # the numbers of Windows sockets
    if hasattr(errno, prefix + name)
}
