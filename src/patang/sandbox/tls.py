"""TLS for a sandbox: a certificate of its own, for clients that speak nothing else.

The certificate is signed by itself and good for the names of the sandbox alone. It is no authority:
what trusts it trusts one key of one machine, not whatever that key might sign.
"""

import datetime
import ipaddress
import os
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from patang.domain.errors import InvalidValue, MissingExtra, PatangError

if TYPE_CHECKING:
    from cryptography import x509

NAMES = ("localhost", "127.0.0.1")
VALID_DAYS = 90
# A certificate that is about to end would end in the middle of somebody's tests.
RENEWED_BEFORE = datetime.timedelta(days=2)


class CertificateUnusable(PatangError):
    """The files of a certificate cannot be read or written."""


class CertificateFiles(msgspec.Struct, frozen=True):
    """A certificate that clients are to trust, and its private key; both files are PEM."""

    certificate: Path
    key: Path


class Certificate(msgspec.Struct, frozen=True):
    """A certificate and its private key as PEM text."""

    certificate: bytes
    key: bytes


def make_certificate(
    names: Sequence[str] = NAMES, *, now: datetime.datetime | None = None, days: int = VALID_DAYS
) -> Certificate:
    """A new key, and a certificate for ``names`` (hosts or addresses) that the key signs itself.

    ``now`` is the machine's time, not a sandbox's: clients judge certificates by their own clock.

    Raises:
        InvalidValue: no names.
        MissingExtra: the extra ``tls`` is not installed.
    """
    if not names:
        raise InvalidValue("names", "a certificate needs one.", "Give 127.0.0.1 at least.")
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ModuleNotFoundError as error:
        raise MissingExtra("TLS for the sandbox", "tls") from error
    now = now or datetime.datetime.now(datetime.UTC)
    # P-256: every TLS stack of the last ten years has it, old Javas too.
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Patang sandbox")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Yesterday, for clients whose clock is a little behind.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(_digital_signature(), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(identifier, False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False
        )
        .sign(key, hashes.SHA256())
    )
    return Certificate(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def certificate_in(folder: Path, names: Sequence[str] = NAMES) -> CertificateFiles:
    """The certificate kept in a folder: the one that is there while it suits, else a new one.

    It stays the same from start to start, so that a client need be told to trust it only once; it
    is made anew when other names are asked for or its end is near.

    Raises:
        CertificateUnusable: the folder cannot be written.
        InvalidValue: no names.
        MissingExtra: the extra ``tls`` is not installed.
    """
    files = CertificateFiles(folder / "sandbox-certificate.pem", folder / "sandbox-key.pem")
    try:
        if not _suits(files, names):
            made = make_certificate(names)
            folder.mkdir(parents=True, exist_ok=True)
            _write_private(files.key, made.key)
            _write_private(files.certificate, made.certificate)
    except OSError as error:
        raise CertificateUnusable(
            f"Cannot keep a certificate in {folder}: {error.strerror}.",
            "Name a folder that can be written.",
        ) from error
    return files


def server_context(files: CertificateFiles) -> ssl.SSLContext:
    """What a server needs to speak TLS with this certificate.

    Raises:
        CertificateUnusable: the files do not hold a certificate and its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(files.certificate, files.key)
    except (OSError, ssl.SSLError) as error:
        raise CertificateUnusable(
            f"{files.certificate} and {files.key.name} are no certificate and its key.",
            "Remove both: they are made anew.",
        ) from error
    return context


def _suits(files: CertificateFiles, names: Sequence[str]) -> bool:
    try:
        from cryptography import x509
    except ModuleNotFoundError as error:
        raise MissingExtra("TLS for the sandbox", "tls") from error
    if not (files.certificate.exists() and files.key.exists()):
        return False
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        server_context(files)
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (ValueError, CertificateUnusable, x509.ExtensionNotFound):
        return False
    now = datetime.datetime.now(datetime.UTC)
    is_fresh = now < certificate.not_valid_after_utc - RENEWED_BEFORE
    return is_fresh and list(extension.value) == [_general(name) for name in names]


def _general(name: str) -> "x509.GeneralName":
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _digital_signature() -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_private(path: Path, text: bytes) -> None:
    """Replace a file in one step; only its owner can read it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(text)
    draft.replace(path)
