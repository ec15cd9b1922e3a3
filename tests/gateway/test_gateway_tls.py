"""HTTPS: which certificates are shown and asked for, which versions are spoken, and how a renewed one is taken in."""

import socket
import ssl
import time

import pytest
from gateway_play import SETTINGS, chain

from sparekey.config import Config
from sparekey.errors import ConfigError

trustme = pytest.importorskip("trustme", reason="trustme is not installed")


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def files(tmp_path, authority):
    """Certificate and key in files, as the configuration names them."""

    def issue(ca=authority):
        issued = ca.issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(tmp_path / "key.pem")
        issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        return f'certfile = "{tmp_path / "cert.pem"}"\nkeyfile = "{tmp_path / "key.pem"}"\n'

    return issue


def trusting(authority, **options):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    for name, value in options.items():
        setattr(context, name, value)
    return context


def healthz(running, context):
    """Return the first line of an answer, and the certificate that was shown."""
    plain = socket.create_connection(("127.0.0.1", running.port), timeout=5)
    with context.wrap_socket(plain, server_hostname="127.0.0.1") as one:
        shown = one.getpeercert()["serialNumber"]
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return one.recv(4096).partition(b"\r\n")[0], shown


@pytest.mark.parametrize("minimum", ["1.2", "1.3"])
def test_old_versions_are_not_spoken(serve, pair, files, authority, minimum):
    """TLS below `tls_minimum` is refused in the handshake, the newest is taken."""
    running = serve(chain("vlm", pair) + SETTINGS + files() + f'tls_minimum = "{minimum}"\n')
    assert healthz(running, trusting(authority))[0] == b"HTTP/1.1 200 OK"
    old = trusting(authority, maximum_version=ssl.TLSVersion.TLSv1_2)
    if minimum == "1.2":
        assert healthz(running, old)[0] == b"HTTP/1.1 200 OK"
    else:
        with pytest.raises(ssl.SSLError):
            healthz(running, old)


def test_clients_may_have_to_show_a_certificate(serve, pair, files, authority, tmp_path):
    """With `client_ca` nobody is answered whom that authority has not signed."""
    clients = trustme.CA()
    clients.cert_pem.write_to_path(tmp_path / "clients.pem")
    running = serve(chain("vlm", pair) + SETTINGS + files() + f'client_ca = "{tmp_path / "clients.pem"}"\n')
    known, stranger, nobody = trusting(authority), trusting(authority), trusting(authority)
    clients.issue_cert("app").configure_cert(known)
    trustme.CA().issue_cert("app").configure_cert(stranger)
    assert healthz(running, known)[0] == b"HTTP/1.1 200 OK"
    for context in (stranger, nobody):
        try:
            assert healthz(running, context)[0] == b""  # TLS 1.3: the client hears of it when it reads
        except (ssl.SSLError, ConnectionError):
            continue


def test_a_renewed_certificate_is_shown_without_a_restart(serve, pair, files, authority, caplog):
    """SIGHUP, or a look at the files, takes it in; one that does not fit its key is refused, and the old one stays."""
    running = serve(chain("vlm", pair) + SETTINGS + files())
    context = trusting(authority)
    first = healthz(running, context)[1]
    files()
    running.do(running.application.reload)
    second = healthz(running, context)[1]
    assert second != first
    key = running.file.parent / "key.pem"
    good = key.read_bytes()
    key.write_bytes(trustme.CA().issue_cert("127.0.0.1").private_key_pem.bytes())
    running.do(running.application.reload)
    assert "the changed certificate is refused" in caplog.text
    assert healthz(running, context)[1] == second
    key.write_bytes(good)
    files()
    deadline = time.monotonic() + 5
    while healthz(running, context)[1] == second and time.monotonic() < deadline:
        time.sleep(0.05)
    assert healthz(running, context)[1] != second


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('certfile = "c.pem"\n', "certfile and keyfile go together"),
        ('client_ca = "c.pem"\n', "client_ca: needs HTTPS"),
        ('certfile = "no.pem"\nkeyfile = "no.pem"\n', "gateway.certfile: no.pem with no.pem cannot be used: No such file"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(serve, pair, said, words):
    """The message names the key and the file."""
    with pytest.raises(ConfigError, match=words):
        serve(chain("vlm", pair) + SETTINGS + said)


def test_an_unknown_version_is_refused():
    """Only versions that are still safe can be asked for."""
    with pytest.raises(ConfigError, match="tls_minimum"):
        Config.model_validate({"gateway": {"tls_minimum": "1.0"}})
