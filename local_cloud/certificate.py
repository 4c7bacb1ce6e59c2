"""The certificate that the emulator shows, and the authority that clients trust for it."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = dt.timedelta(days=397)  # longer ones are refused by some clients
MARGIN = dt.timedelta(days=7)


@dataclass(frozen=True)
class Certificate:
    """Where the three files lie."""

    authority: Path
    chain: Path
    key: Path


def ensure(folder: Path) -> Certificate:
    """Give the certificate in this folder, made anew when absent or near its end."""
    found = Certificate(folder / "ca.crt", folder / "server.crt", folder / "server.key")
    if not _is_usable(found):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(found)
    return found


def _is_usable(found: Certificate) -> bool:
    if not all(path.exists() for path in (found.authority, found.chain, found.key)):
        return False
    leaf = x509.load_pem_x509_certificate(found.chain.read_bytes())
    return leaf.not_valid_after_utc - MARGIN > dt.datetime.now(dt.UTC)


def _make(found: Certificate) -> None:
    """Write an authority whose key is thrown away, and a leaf for this machine alone."""
    authority_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "review-stars local cloud")])
    authority = (
        _builder(issuer, issuer, authority_key.public_key(), authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [
        x509.DNSName("localhost"),
        x509.DNSName("*.localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    leaf = (
        _builder(subject, issuer, leaf_key.public_key(), authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = leaf_key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(found.key, key)
    _write(found.chain, leaf.public_bytes(pem) + authority.public_bytes(pem))
    _write(found.authority, authority.public_bytes(pem))  # last: clients wait for it


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and ours alone: the supervisor looks while we write."""
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False
        )
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
