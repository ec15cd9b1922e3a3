"""What a process needs to listen: its socket and address, enough open files, a log."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING, Any

from sparekey.errors import ConfigError

if TYPE_CHECKING:
    import socket

    from sparekey.config.gateway import GatewayConfig


def bind(settings: GatewayConfig) -> socket.socket:
    """Return the bound socket that all workers share.

    Raises:
        ConfigError: the address is in use, or is not one of this machine's.
    """
    import socket as sockets  # noqa: PLC0415 - the name is that of what is made here

    family = sockets.AF_INET6 if ":" in settings.host else sockets.AF_INET
    bound = sockets.socket(family)
    bound.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host.strip("[]"), settings.port))
    except OSError as exc:
        bound.close()
        why = exc.strerror or type(exc).__name__
        raise ConfigError(f"cannot listen on {settings.host}:{settings.port}: {why}; choose another --port or --host") from None
    bound.set_inheritable(True)
    return bound


def address(settings: GatewayConfig, bound: Any) -> str:
    """Return the URL at which clients reach the gateway."""
    host = settings.host if ":" not in settings.host or settings.host.startswith("[") else f"[{settings.host}]"
    return f"{'https' if settings.certfile else 'http'}://{host}:{bound.getsockname()[1]}"


def log_to_stderr() -> None:
    """Send `logging` to standard error, unless it has been configured already."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")


def file_limit() -> int:
    """Return how many files this process may open after `raise_file_limit`."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on Windows

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return hard if hard != resource.RLIM_INFINITY else sys.maxsize
    return sys.maxsize


def raise_file_limit() -> None:
    """Raise the limit of open files as far as the system allows: each stream needs two."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on Windows

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
