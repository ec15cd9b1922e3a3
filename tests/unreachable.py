"""Hosts to which no connection comes about, each in its own way, on real sockets."""

import contextlib
import errno
import socket
import ssl
import struct
import threading

import pytest

LOCAL = "127.0.0.1"


@contextlib.contextmanager
def unknown():
    """A name that nobody has (RFC 6761)."""
    yield "http://no-such-host.invalid:80"


@contextlib.contextmanager
def impossible():
    """A name that nobody can have."""
    yield f"http://{'a' * 70}.example:80"


@contextlib.contextmanager
def refused():
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind((LOCAL, 0))
        yield f"http://{LOCAL}:{one.getsockname()[1]}"


@contextlib.contextmanager
def no_route():
    """An address to which this machine knows no way."""
    with socket.socket() as one, contextlib.suppress(OSError):
        one.settimeout(0.2)
        one.connect(("255.255.255.255", 80))
    yield "http://255.255.255.255:80"


@contextlib.contextmanager
def silent(address=LOCAL, port=0):
    """A port whose queue is full: what knocks there gets no answer, as where a network swallows packets."""
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(socket.socket())
        one.bind((address, port))
        one.listen(0)
        for _ in range(4):
            other = stack.enter_context(socket.socket())
            other.setblocking(False)
            assert other.connect_ex(one.getsockname()) in {0, errno.EINPROGRESS}
        yield f"http://{address}:{one.getsockname()[1]}"


@contextlib.contextmanager
def _serving(answer, scheme="https"):
    """A port where each connection is handed to `answer`, and closed then."""
    listening = socket.create_server((LOCAL, 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                one = listening.accept()[0]
                with one, contextlib.suppress(OSError):
                    one.settimeout(20)
                    answer(one)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"{scheme}://{LOCAL}:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def _reset(one):
    one.recv(65536)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reset_handshake():
    """A host that resets each TLS handshake."""
    return _serving(_reset)


def closed_handshake():
    """A host that ends each TLS handshake politely."""
    return _serving(lambda one: one.recv(65536))


def no_tls():
    """A host that speaks HTTP where TLS was asked for."""
    return _serving(lambda one: (one.recv(65536), one.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")))


def untrusted():
    """A host with a certificate that nobody signed."""
    trustme = pytest.importorskip("trustme", reason="trustme is not installed")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(LOCAL).configure_cert(context)
    return _serving(lambda one: context.wrap_socket(one, server_side=True).recv(65536))


def silent_handshake():
    """A host that takes connections and never says a word."""
    gone = threading.Event()
    return _serving(lambda one: gone.wait(2))


def resets_requests():
    """A host that resets the connection once it has read: there it did come about."""
    return _serving(_reset, "http")


def closes_requests():
    """A host that closes it then."""
    return _serving(lambda one: one.recv(65536), "http")


UNREACHED = {
    "unknown name": unknown,
    "impossible name": impossible,
    "refused": refused,
    "no route": no_route,
    "silence": silent,
    "handshake reset": reset_handshake,
    "handshake closed": closed_handshake,
    "no TLS": no_tls,
    "not trusted": untrusted,
    "silent handshake": silent_handshake,
}
REACHED = {"reset": resets_requests, "closed": closes_requests}
