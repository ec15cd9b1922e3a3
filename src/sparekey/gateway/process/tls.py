"""HTTPS for clients: certificate, TLS versions, client certificates, renewal without a restart."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sparekey.errors import ConfigError

if TYPE_CHECKING:
    from sparekey.config.gateway import GatewayConfig

logger = logging.getLogger("sparekey")

_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Tls:
    """The TLS context of one process.

    Only its settings are pickled; each worker creates its own.
    """

    def __init__(self, settings: GatewayConfig) -> None:
        """Check the certificate by loading it; the configuration must name one.

        Raises:
            ConfigError: certificate, key or authorities cannot be used.
        """
        self._files = settings.certfile, settings.keyfile
        self._authorities, self._minimum = settings.client_ca, _VERSIONS[settings.tls_minimum]
        self._context: ssl.SSLContext | None = None
        self._made()

    def __call__(self, *_: Any) -> ssl.SSLContext:
        """Create and return the context of this process; uvicorn calls this."""
        self._context = self._made()
        return self._context

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_context": None}

    @property
    def stamp(self) -> tuple[Any, ...]:
        """A value that changes when the certificate's files change."""
        return tuple(stamp(Path(file)) for file in self._files if file)

    def renew(self) -> None:
        """Load the files again for new connections; if they are bad, log why and keep the old."""
        try:
            self._made()
            if self._context is not None:
                self._load(self._context)
        except ConfigError as exc:
            logger.error("the changed certificate is refused, the one before stays in use: %s", exc)  # noqa: TRY400 - the words say it all
        else:
            logger.warning("certificate read anew")

    def _made(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self._minimum
        context.set_alpn_protocols(["http/1.1"])
        self._load(context)
        if self._authorities:
            _tried("client_ca", self._authorities, lambda: context.load_verify_locations(self._authorities))
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files
        assert certificate is not None
        _tried("certfile", f"{certificate} with {key}", lambda: context.load_cert_chain(certificate, key, password=_no_password))


def stamp(file: Path) -> tuple[int, int, int] | None:
    """Return a value that changes when a file changes; None while the file does not exist."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _tried(key: str, what: str, load: Any) -> None:
    try:
        load()
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        why = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
        raise ConfigError(f"gateway.{key}: {what} cannot be used: {why}") from None


def _no_password() -> str:
    """Return no password: otherwise OpenSSL would ask for one at the terminal, and wait."""
    return ""
