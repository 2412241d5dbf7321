"""The key and certificate with which the parts of a farm know each other, for Dask's TLS.

One pair serves all: Dask lets whoever has a key do everything anyway.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SETTINGS = """\
# Dask's settings of a cluster of Dreambot. On each of its machines: export DASK_CONFIG={folder}
distributed:
  comm:
    require-encryption: true
    tls:
      ca-file: {folder}/certificate.pem
      scheduler: &pair
        cert: {folder}/certificate.pem
        key: {folder}/key.pem
      worker: *pair
      client: *pair
"""


def make_certificate(lifetime: timedelta) -> tuple[str, str]:
    """A new private key and its self-signed certificate, in PEM: (certificate, key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dreambot")])
    now = datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # another machine's clock may be late
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("dreambot")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


def write_certificates(folder: Path, lifetime: timedelta) -> None:
    """Write a new pair into `folder`, with Dask's settings that name it. Raises OSError.

    A pair that is there already is not replaced: FileExistsError.
    """
    certificate, key = make_certificate(lifetime)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = SETTINGS.format(folder=folder.resolve())
    for name, text in (("key.pem", key), ("certificate.pem", certificate), ("dask.yaml", settings)):
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
