"""A certificate of the sandbox's own: who accepts it, who does not, how long it stays."""

import datetime
import socket
import ssl
import stat
import threading

import pytest

from patang.domain.errors import InvalidValue
from patang.sandbox.tls import (
    CertificateFiles,
    CertificateUnusable,
    certificate_in,
    make_certificate,
    server_context,
)


def shake_hands(files: CertificateFiles, client: ssl.SSLContext, name: str) -> str | None:
    """The TLS version that a client and a server with these files agree on."""
    server_end, client_end = socket.socketpair()

    def serve() -> None:
        try:
            with server_context(files).wrap_socket(server_end, server_side=True):
                pass
        except (ssl.SSLError, OSError):
            pass  # The client's side tells what was wrong.

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(client_end, server_hostname=name) as wrapped:
            return wrapped.version()
    finally:
        thread.join(5)


def trusting(files: CertificateFiles) -> ssl.SSLContext:
    client = ssl.create_default_context(cafile=str(files.certificate))
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # the default of Python from 3.13
    return client


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_client_that_trusts_the_certificate_connects_by_each_of_its_names(tmp_path, name):
    files = certificate_in(tmp_path)
    assert shake_hands(files, trusting(files), name) == "TLSv1.3"


def test_hosts_of_a_client_that_cannot_be_pointed_elsewhere_can_be_named(tmp_path):
    files = certificate_in(tmp_path, ["127.0.0.1", "api.kite.trade", "ws.kite.trade"])
    assert shake_hands(files, trusting(files), "ws.kite.trade") is not None


def test_another_name_is_refused(tmp_path):
    files = certificate_in(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="example"):
        shake_hands(files, trusting(files), "api.example")


def test_a_client_that_was_not_told_to_trust_it_refuses(tmp_path):
    files = certificate_in(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
        shake_hands(files, ssl.create_default_context(), "localhost")


def test_a_certificate_cannot_vouch_for_another(tmp_path):
    files = certificate_in(tmp_path)
    other = certificate_in(tmp_path / "other")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(other, trusting(files), "localhost")


def test_it_stays_from_start_to_start_and_its_key_is_private(tmp_path):
    files = certificate_in(tmp_path)
    kept = files.certificate.read_bytes()
    assert certificate_in(tmp_path) == files
    assert files.certificate.read_bytes() == kept
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600


def test_other_names_or_a_near_end_make_a_new_one(tmp_path):
    files = certificate_in(tmp_path)
    first = files.certificate.read_bytes()
    certificate_in(tmp_path, ["localhost"])
    assert files.certificate.read_bytes() != first

    ending = make_certificate(["localhost"], days=1)
    files.certificate.write_bytes(ending.certificate)
    files.key.write_bytes(ending.key)
    certificate_in(tmp_path, ["localhost"])
    assert files.certificate.read_bytes() != ending.certificate


@pytest.mark.parametrize("broken", ["certificate", "key"])
def test_broken_files_are_made_anew(tmp_path, broken):
    files = certificate_in(tmp_path)
    getattr(files, broken).write_bytes(b"-----BEGIN NOTHING-----\n")
    with pytest.raises(CertificateUnusable, match="made anew"):
        server_context(files)
    certificate_in(tmp_path)
    assert shake_hands(files, trusting(files), "localhost") is not None


def test_it_is_valid_now_and_not_for_ever():
    from cryptography import x509

    now = datetime.datetime(2026, 11, 19, 4, tzinfo=datetime.UTC)
    made = x509.load_pem_x509_certificate(make_certificate(now=now).certificate)
    assert made.not_valid_before_utc < now
    assert made.not_valid_after_utc == now + datetime.timedelta(days=90)


def test_a_folder_that_cannot_be_and_no_names_are_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CertificateUnusable, match="Cannot keep a certificate"):
        certificate_in(tmp_path / "file" / "folder")
    with pytest.raises(InvalidValue, match="names"):
        make_certificate([])
