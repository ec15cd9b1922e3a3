"""What a process needs in order to listen: its socket and the address of that, open files enough, a place for its log."""

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
    """Return the socket that all workers share.

    Raises:
        ConfigError: the address is taken, or is none of this machine's.
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
    """Return the address at which the gateway is reached."""
    host = settings.host if ":" not in settings.host or settings.host.startswith("[") else f"[{settings.host}]"
    return f"{'https' if settings.certfile else 'http'}://{host}:{bound.getsockname()[1]}"


def log_to_stderr() -> None:
    """Write what the process has to say to standard error, if nobody has decided otherwise."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(message)s")


def file_limit() -> int:
    """Return how many files the system lets this process open, once `raise_file_limit` has asked for all of them."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on Windows

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return hard if hard != resource.RLIM_INFINITY else sys.maxsize
    return sys.maxsize


def raise_file_limit() -> None:
    """Allow this process as many open connections as the system lets it: each stream holds two."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on Windows

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
